"""Frames stay in order around a stage that gives more or fewer frames than it gets, as libavfilter's do."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.conformance.fakes import clip
from streamfix.frame import Frame
from streamfix.live.ladder.reorder import Released, Reorder

FRAME = clip(1, 16, 8)[0]


def at(ms: int, received: bool = True) -> Frame:
    return replace(FRAME, pts=ms, time_base=Fraction(1, 1000), received_s=ms / 1000 if received else None)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 90), st.booleans()), max_size=60),
    st.lists(st.integers(1, 120), max_size=80),
    st.integers(1, 30),
)
def test_frames_in_are_frames_out_and_those_swallowed(
    steps: list[tuple[int, bool]], output_steps: list[int], delay: int
) -> None:
    """Whatever times come out: each frame in is one out, or counted; those around come out once; times rise."""
    order, left, time_ms, around = Reorder(), list[Released](), 0, 0
    out_ms = 0
    for i, (step, goes_around) in enumerate(steps):
        time_ms += step
        if goes_around:
            around += 1
            left += order.around(at(time_ms))
        else:
            order.into(at(time_ms), 0.0)
        while output_steps and i >= delay and out_ms + output_steps[0] <= time_ms:
            out_ms += output_steps.pop(0)
            left += order.out(at(out_ms, received=False))
    left += order.emptied()
    times = [one.frame.pts for one in left]
    assert times == sorted(times)
    assert sum(one.around for one in left) == around
    real = [one for one in left if one.given is not None]
    assert len(real) + order.swallowed == len(steps) - around
    assert all(one.frame.received_s == one.given.received_s for one in real if one.given)
    assert all(one.frame.received_s is None for one in left if one.given is None and not one.around)


def test_a_rate_that_is_doubled_counts_each_frame_once() -> None:
    order, left = Reorder(), list[Released]()
    for ms in (0, 40, 80):
        order.into(at(ms), 0.0)
        left += order.out(at(ms, received=False))
        left += order.out(at(ms + 20, received=False))
    assert [one.given.pts if one.given else None for one in left] == [0, None, 40, None, 80, None]
    assert order.swallowed == 0


def test_a_rate_that_is_halved_counts_the_others_as_swallowed() -> None:
    order, left = Reorder(), list[Released]()
    for ms in (0, 40, 80, 120):
        order.into(at(ms), 0.0)
        if ms % 80 == 0:
            left += order.out(at(ms, received=False))
    left += order.emptied()
    assert [one.given.pts if one.given else None for one in left] == [0, 80]
    assert order.swallowed == 2


def test_what_a_filter_swallows_for_ever_does_not_pile_up() -> None:
    order = Reorder()
    for ms in range(0, 40_000, 40):
        order.into(at(ms), 0.0)
    freed = list(order.around(at(40_000)))
    assert order.swallowed > 900 and freed == []
    assert [one.around for one in order.emptied()] == [True]
    assert order.swallowed == 1000
