"""Registers the filters of the material."""

from __future__ import annotations

import pytest

from streamfix.filters import FILTERS
from tests.jobs.segments.material import Echo, Failing, Forgetful


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"echo": Echo, "forgetful": Forgetful, "failing": Failing}
    monkeypatch.setattr(FILTERS, "_classes", {**FILTERS._classes, **known})
    monkeypatch.setattr(Failing, "left", 1)
