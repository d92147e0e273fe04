"""Scenes that are measured on, known by name."""

from __future__ import annotations

import pytest

from streamfix.training.dataset.scenes import TEST_SCENES, named


@pytest.mark.parametrize(
    "name", ["a/vtest.avi", "x/cityCC0.mpg", "Set5.tar/butterfly.png", "BSDS500_val.tar", "CARPHONE_q.mp4"]
)
def test_scenes_that_are_measured_on_are_known_by_name(name: str) -> None:
    assert named(name, TEST_SCENES)
    assert not named("holiday/incredible/lenas-valley.jpg", TEST_SCENES)
