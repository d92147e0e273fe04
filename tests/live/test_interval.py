"""The time between a camera's frames, as seen behind a channel that drops some."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.conformance.fakes import clip
from streamfix.frame import Frame
from streamfix.live.ladder.ladder import FrameInterval

FRAME = clip(1, 16, 8)[0]


def at(ms: int, cut: bool = False) -> Frame:
    return replace(FRAME, pts=ms, time_base=Fraction(1, 1000), cut=cut)


@given(st.integers(5, 2000), st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 1)), min_size=60, max_size=60))
def test_dropped_frames_do_not_widen_it(period: int, drops: list[tuple[int, int]]) -> None:
    """It also matters little if a dropped frame is counted one frame too early or too late."""
    interval, number, dropped, told = FrameInterval(), 0, 0, 0
    interval.passed(at(0), 0)
    for lost, error in drops:
        number += 1 + lost
        dropped += lost
        told = max(told, dropped + (error if lost else 0))
        interval.passed(at(number * period), told)
    assert interval.seconds == pytest.approx(period / 1000, rel=0.3)


def test_a_gap_and_a_cut_say_nothing() -> None:
    interval = FrameInterval()
    times = [40 * i for i in range(30)] + [5000 + 40 * i for i in range(10)]
    for ms in times:
        interval.passed(at(ms), 0)
    interval.passed(at(100, cut=True), 0)
    assert interval.seconds == pytest.approx(0.04)


def test_it_follows_another_rate_within_seconds() -> None:
    interval, ms = FrameInterval(), 0
    for period in [40] * 100 + [250] * 30:
        ms += period
        interval.passed(at(ms), 0)
    assert interval.seconds == pytest.approx(0.25)


def test_it_takes_two_frames_in_a_row() -> None:
    interval, known = FrameInterval(), []
    for ms, cut in ((0, False), (40, True), (80, False)):
        interval.passed(at(ms, cut), 0)
        known.append(interval.known)
    assert known == [False, False, True]


def test_it_tells_how_many_were_dropped_since() -> None:
    interval = FrameInterval()
    assert [interval.passed(at(40 * i), n) for i, n in enumerate((0, 0, 2, 5, 5))] == [0, 0, 2, 3, 0]
