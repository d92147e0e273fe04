"""Text burnt into the picture."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.training.degradations.overlay import Overlay
from streamfix.training.planes420 import to_planes
from tests.training.scenes import flat


def test_text_is_the_same_on_every_frame_but_for_the_clocks_seconds() -> None:
    planes = to_planes(flat(30, 48, 96, 0.5, 0.2, 0.2))
    overlay = Overlay(("", "GATE 3"), ((4, 20), (4, 42)), 0.5, 1, True, 3599.5)
    burnt = overlay.burn(planes)
    assert burnt.y.max() == pytest.approx(235 / 255, abs=1e-5)
    assert burnt.y.min() == pytest.approx(16 / 255, abs=1e-5)
    np.testing.assert_array_equal(burnt.y[0], burnt.y[5])
    changed = (burnt.y[0] != burnt.y[-1]).any(1)
    assert changed[:24].any()
    assert not changed[26:].any()
    letters = np.abs(burnt.y - planes.y)[0] > 0.3
    assert 0.01 < letters.mean() < 0.4
    np.testing.assert_array_equal(planes.y[0], planes.y[1])  # the clip itself is left as it was
