"""Windows: every frame is restored once, sees its neighbours, and nothing of another shot."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.conformance.fakes import constant
from streamfix.frame import Frame
from streamfix.temporal import Window, Windower

PICTURE = constant(0.5, 1, 2, 2)[0].picture


def frames(count: int, cuts: frozenset[int] = frozenset()) -> list[Frame]:
    return [Frame(PICTURE, t, Fraction(1, 25), cut=t in cuts) for t in range(count)]


def windows(windower: Windower, clip: list[Frame]) -> list[Window]:
    return [w for f in clip for w in windower.push(f)] + list(windower.flush())


def times(window: Window) -> tuple[list[int], list[int]]:
    return [f.pts for f in window.frames], [f.pts for f in window.centre]


SHAPES = st.tuples(st.integers(0, 4), st.integers(1, 4), st.integers(0, 4))


@given(SHAPES, st.integers(0, 20), st.frozensets(st.integers(0, 19)))
def test_every_frame_is_restored_once_in_order_within_its_shot(
    shape: tuple[int, int, int], count: int, cuts: frozenset[int]
) -> None:
    past, step, future = shape
    shot_of = [sum(1 for c in cuts if 0 < c <= t) for t in range(count)]
    found = windows(Windower(past, step, future), frames(count, cuts))
    assert [f.pts for w in found for f in w.centre] == list(range(count))
    for w in found:
        assert len(w.frames) == past + step + future
        assert {shot_of[f.pts] for f in w.frames} == {shot_of[w.centre[0].pts]}
        first = w.centre[0].pts
        shot = [t for t in range(count) if shot_of[t] == shot_of[first]]
        want = [min(max(t, shot[0]), shot[-1]) for t in range(first - past, first + step + future)]
        assert [f.pts for f in w.frames] == want
        assert w.first == (first == shot[0])


@given(SHAPES, st.integers(1, 20))
def test_a_window_comes_as_soon_as_its_future_is_there(shape: tuple[int, int, int], count: int) -> None:
    past, step, future = shape
    windower = Windower(past, step, future)
    done = 0
    for t, frame in enumerate(frames(count)):
        done += sum(len(w.centre) for w in windower.push(frame))
        assert done == max(0, (t + 1 - future) // step * step)


def test_the_example_of_the_docstring() -> None:
    found = windows(Windower(past=1, step=2, future=1), frames(5, frozenset({3})))
    assert [times(w) for w in found] == [
        ([0, 0, 1, 2], [0, 1]),
        ([1, 2, 2, 2], [2]),
        ([3, 3, 4, 4], [3, 4]),
    ]


def test_memory_is_bounded_by_the_window() -> None:
    windower = Windower(2, 3, 2)
    for frame in frames(200):
        list(windower.push(frame))
        assert len(windower._shot) <= 2 + 3 + 2


@pytest.mark.parametrize("shape", [(-1, 1, 0), (0, 0, 0), (0, 1, -1)])
def test_impossible_windows_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="a window needs"):
        Windower(*shape)
