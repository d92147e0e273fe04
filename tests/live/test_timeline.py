"""A camera's items in time: output times only increase, and keep pace with the wall clock."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.live.camera.timeline import Timeline

STEP, FRAME = Fraction(1, 90000), Fraction(1, 25)


class Viewer:
    """Drives a timeline with a wall clock of its own. drift_s: how far the output is ahead of that clock."""

    def __init__(self) -> None:
        self.timeline = Timeline(10.0)
        self.wall_s, self.at_s = 1000.0, Fraction(218)
        self.shown: list[Fraction] = []
        self.first: float | None = None

    def frame(self, after_s: float = 0.04) -> None:
        """The camera's next frame comes after so long."""
        self.wall_s += after_s
        self.at_s += FRAME
        self.shown.append(self.timeline.place("video", self.at_s, self.wall_s, STEP)[0])
        if self.first is None:
            self.first = self.wall_s

    def stands_in(self, count: int) -> None:
        for _ in range(count):
            self.wall_s += 0.04
            self.shown.append(self.timeline.stand_in("video", self.wall_s, STEP))

    @property
    def drift_s(self) -> float:
        assert self.first is not None
        return float(self.shown[-1] - self.shown[0]) - (self.wall_s - self.first)


def test_without_gaps_a_clock_is_as_the_camera_has_it() -> None:
    viewer = Viewer()
    for i in range(200):
        viewer.frame(0.04 + (0.03 if i % 7 == 0 else -0.005))
    assert viewer.shown == [FRAME * i for i in range(200)]


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(5, 100), min_size=1, max_size=5), st.booleans())
def test_what_was_held_up_and_comes_at_once_pushes_nothing_ahead(stalls: list[int], standing_in: bool) -> None:
    """A network that stalls and then delivers everything at once: TCP."""
    viewer = Viewer()
    for stall in stalls:
        for _ in range(50):
            viewer.frame()
        if standing_in:
            viewer.stands_in(stall)
        else:
            viewer.wall_s += stall * 0.04
        for _ in range(stall):
            viewer.frame(0)
        for _ in range(200):
            viewer.frame()
    assert abs(viewer.drift_s) < 0.1
    assert all(a < b for a, b in zip(viewer.shown, viewer.shown[1:], strict=False))


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 75), min_size=1, max_size=5))
def test_a_connection_whose_first_picture_is_old_pushes_nothing_ahead(probed: list[int]) -> None:
    """Frames gather while an input is probed; they come at once when it is open."""
    viewer = Viewer()
    for frames in probed:
        for _ in range(200):
            viewer.frame()
        viewer.wall_s += 3 + frames * 0.04
        viewer.at_s = Fraction(7)
        viewer.timeline.begin()
        for _ in range(frames + 1):
            viewer.frame(0)
    for _ in range(100):
        viewer.frame()
    assert abs(viewer.drift_s) < 0.1


def test_a_camera_whose_clock_stood_still_goes_on_behind_who_stood_in() -> None:
    viewer = Viewer()
    for _ in range(50):
        viewer.frame()
    viewer.stands_in(50)
    last = viewer.shown[-1]
    for _ in range(50):
        viewer.frame()
    steps = [b - a for a, b in zip(viewer.shown[-50:], viewer.shown[-49:], strict=False)]
    assert viewer.shown[-50] == last + STEP
    assert [float(step) for step in steps] == pytest.approx([0.04] * 49)
