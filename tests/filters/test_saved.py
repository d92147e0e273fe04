"""States of filters as bytes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from streamfix.errors import FilterError
from streamfix.filters.saved import packed, unpacked


def test_a_state_comes_back_as_it_was() -> None:
    plane = np.arange(6, dtype=np.float32).reshape(2, 3)
    state: dict[str, Any] = {
        "plane": plane,
        "more": [plane[:1], None, {"flags": np.array([True]), "name": "é"}],
        "count": 3,
        "level": 0.1 + 0.2,
        "none": None,
        "yes": True,
        "infinite": math.inf,
        "scalar": np.float32(0.1),
        "empty": np.empty((0, 0), np.float32),
    }
    found = unpacked(packed(state))
    assert found.keys() == state.keys()
    np.testing.assert_equal(found, state)
    assert found["plane"].dtype == np.float32
    assert isinstance(found["scalar"], np.float32)


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([object()]), b"bytes"])
def test_what_could_run_or_cannot_be_read_is_refused(value: Any) -> None:
    with pytest.raises(FilterError, match=r"state\['deep'\]\[0\] is a \w+; save_state gives NumPy arrays"):
        packed({"deep": [value]})


def test_keys_are_strings() -> None:
    with pytest.raises(FilterError, match="state has the key 3"):
        packed({3: 1})  # type: ignore[dict-item]


@pytest.mark.parametrize("data", [b"", b"nonsense", packed({"a": np.zeros(9)})[:-40]])
def test_damaged_states_are_told(data: bytes) -> None:
    with pytest.raises(FilterError, match="saved state is damaged"):
        unpacked(data)
