"""Damaged frames, sizes that change, wrong shapes: what the Restorer owes its neighbours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from streamfix.conformance.examples import Echo, Mean
from streamfix.conformance.fakes import clip, difference
from streamfix.errors import DeviceError, FilterError
from streamfix.filters.base import Filter
from streamfix.filters.restorer import Restorer
from streamfix.frame import Frame
from streamfix.layout import to_layout
from tests.fakes.waiting import LONG_S


def restored(filter: Filter[Any], frames: Sequence[Frame]) -> list[Frame]:
    restorer = Restorer(filter)
    return [out for f in frames for out in restorer.push(f)] + list(restorer.flush())


class Copy(Filter[None]):
    """What comes in."""

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return x[:, self.past : self.past + self.step]


def test_a_filter_that_changes_nothing_is_bit_exact() -> None:
    frames = clip(3, 35, 17, "yuv420p10le")
    for a, b in zip(frames, restored(Copy(), frames), strict=True):
        assert difference(a, b) == 0


def test_a_damaged_frame_with_a_cut_hands_the_cut_on() -> None:
    """The scene changes at the damaged frame: the frame after it must not see the shot before."""
    frames = clip(6, cuts=(3,), damaged=(3,))
    sound = [*frames[:3], *(replace(f, cut=f is frames[4]) for f in frames[4:])]
    found = restored(Echo(), frames)
    assert [f.pts for f in found] == [f.pts for f in frames]
    for a, b in zip([*found[:3], *found[4:]], restored(Echo(), sound), strict=True):
        assert difference(a, b) == 0


def test_a_clip_of_damaged_frames_comes_out_whole() -> None:
    frames = clip(4, damaged=range(4))
    assert [f.pts for f in restored(Mean(), frames)] == [f.pts for f in frames]


def test_another_size_begins_a_new_shot() -> None:
    small, large = clip(3, 16, 16), clip(3, 32, 24, first_pts=5000)
    found = restored(Mean(), [*small, *large])
    apart = restored(Mean(), small) + restored(Mean(), large)
    assert [(f.width, f.height) for f in found] == [(16, 16)] * 3 + [(32, 24)] * 3
    assert all(difference(a, b) == 0 for a, b in zip(found, apart, strict=True))


@pytest.mark.parametrize("multiple", [1, 4, 8])
def test_a_filter_sees_multiples_and_the_caller_gets_its_own_size(multiple: int) -> None:
    class Picky(Copy):
        def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
            assert x.shape[-1] % multiple == x.shape[-2] % multiple == 0
            return super().__call__(x, states)

    filter = Picky()
    filter.multiple = multiple
    frames = clip(2, 37, 21)
    for a, b in zip(frames, restored(filter, frames), strict=True):
        assert (b.width, b.height) == (37, 21)
        assert difference(a, b) == 0


def test_a_wrong_shape_is_told_with_its_place() -> None:
    class Half(Copy):
        def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
            return x[..., ::2, ::2]

    with pytest.raises(FilterError, match=r"half at pts 1000 .*gave \(1, 6, 8, 12\) for an input of \(1, 6, 16, 24\)"):
        restored(Half(), clip(1))


def test_out_of_memory_names_the_device_the_size_and_a_remedy() -> None:
    class Full(Copy):
        def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(DeviceError, match=r"full at pts 1000 .*out of memory on cpu .*smaller"):
        restored(Full(), clip(1))


def test_what_is_no_frame_passes_through() -> None:
    packet = object()
    assert list(Restorer(Mean()).push(packet)) == [packet]


class TwoParts(Filter[list[float]]):
    """A running sum of means in its first part, added in its second.

    fails_at: frame whose second part fails. overlapped: the first frame's second part waits for the second's first.
    """

    two_parts = True

    def __init__(self, fails_at: int = -1, overlapped: bool = False) -> None:
        self.fails_at, self.overlapped = fails_at, overlapped
        self.threads: set[str] = set()
        self.begun = 0
        self.second_begun = threading.Event()

    def init_state(self) -> list[float]:
        return [0.0]

    def __call__(self, x: Tensor, states: Sequence[list[float]]) -> Tensor:
        return self.begin(x, states)()

    def begin(self, x: Tensor, states: Sequence[list[float]]) -> Callable[[], Tensor]:
        (state,) = states
        state[0] += float(x.mean())
        total, number = state[0], self.begun
        self.begun += 1
        if self.begun == 2:
            self.second_begun.set()

        def rest() -> Tensor:
            self.threads.add(threading.current_thread().name)
            if number == self.fails_at:
                raise ValueError("no second part")
            if self.overlapped and number == 0:
                assert self.second_begun.wait(LONG_S)
            return x + total / 100

        return rest


def test_two_parts_overlap_and_give_the_same() -> None:
    frames = clip(9, cuts=(5,), damaged=(3,))
    expected = restored(TwoParts(), frames)
    filter = TwoParts(overlapped=True)
    restorer = Restorer(filter, name="two", overlap=True)
    found = [out for f in frames for out in restorer.push(f)]
    assert 0 < len(found) < len(frames)  # the last are still being finished
    found += restorer.flush()
    restorer.close()
    assert [f.pts for f in found] == [f.pts for f in frames]
    assert all(difference(a, b) == 0 for a, b in zip(found, expected, strict=True))
    assert any(name.startswith("two-end") for name in filter.threads)
    assert not [t for t in threading.enumerate() if t.name.startswith("two-end")]


class Meeting(Filter[None]):
    """Each second part waits for that of a neighbour, as two can that run at once."""

    two_parts = ends_apart = True

    def __init__(self) -> None:
        self.both = threading.Barrier(2)

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        self.both.wait(LONG_S)
        return x / 2


def test_second_parts_run_at_once_where_a_filter_allows_it() -> None:
    frames = clip(6)
    restorer = Restorer(Meeting(), overlap=True)
    found = [*chain.from_iterable(map(restorer.push, frames)), *restorer.flush()]
    restorer.close()
    assert [f.pts for f in found] == [f.pts for f in frames]
    whole = restored(Copy(), frames)
    for half, full in zip(found, whole, strict=True):
        a, b = (to_layout(frame, "yuv420") for frame in (half, full))
        assert torch.equal(a, b / 2)


def test_without_overlap_each_frame_comes_at_once() -> None:
    filter = TwoParts()
    restorer = Restorer(filter)
    assert [len(list(restorer.push(f))) for f in clip(3)] == [1, 1, 1]
    assert filter.threads == {threading.current_thread().name}


def test_an_error_in_the_second_part_names_its_frame() -> None:
    frames = clip(6)
    restorer = Restorer(TwoParts(fails_at=2), name="two", overlap=True)
    with pytest.raises(FilterError, match=rf"two at pts {frames[2].pts} .*ValueError: no second part"):
        list(chain.from_iterable(map(restorer.push, frames)))
    restorer.close()


def test_what_is_begun_when_it_closes_is_given_up() -> None:
    restorer = Restorer(TwoParts(), name="gone", overlap=True)
    for f in clip(2):
        list(restorer.push(f))
    restorer.close()
    assert list(restorer.flush()) == []
    assert not [t for t in threading.enumerate() if t.name.startswith("gone-end")]


class Spoils(Copy):
    """Gives NaN or infinity at its third call, and remembers a spoilt value for ever."""

    layout = "rgb"

    def __init__(self, value: float = float("nan"), scale: int = 1) -> None:
        self.value, self.scale = value, scale
        self.calls = 0

    def init_state(self) -> Any:
        return [0.0]

    def __call__(self, x: Tensor, states: Sequence[Any]) -> Tensor:
        self.calls += 1
        y: Tensor = x.repeat_interleave(int(self.scale), -1).repeat_interleave(int(self.scale), -2) + states[0][0]
        if self.calls == 3:
            y[0, 0, 0, 1, 1] = states[0][0] = self.value
        return y


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_result_that_is_not_finite_passes_the_recorded_frame(value: float, caplog: pytest.LogCaptureFixture) -> None:
    frames = clip(6)
    restorer = Restorer(Spoils(value), name="spoils")
    found = [out for f in frames for out in restorer.push(f)]
    for a, b in zip(frames, found, strict=True):
        assert difference(a, b) == 0
    assert found[2].picture is frames[2].picture
    assert caplog.text.count("NaN or infinity") == 1
    assert f"spoils at pts {frames[2].pts} (" in caplog.text
    assert restorer.report() == {"not_finite_frames": 1}


@pytest.mark.parametrize("layout", ["rgb", "luma", "yuv420"])
def test_where_the_filter_enlarges_the_recorded_frame_is_resized(layout: Any) -> None:
    filter = Spoils(scale=2)
    filter.layout = layout
    frames = clip(4, 34, 18)
    found = restored(filter, frames)
    assert {(f.width, f.height) for f in found} == {(68, 36)}
    codes = [f.picture.planes(f.color).data[0].astype(np.float32) for f in found]
    assert np.abs(codes[2] - codes[1]).mean() < 60  # a picture, neither white nor green
    assert codes[2].std() > 1


def test_a_job_may_fail_instead() -> None:
    restorer = Restorer(Spoils(), name="spoils", exit_on_error=True)
    *before, third = clip(3)
    assert [len(list(restorer.push(frame))) for frame in before] == [1, 1]
    with pytest.raises(FilterError, match=r"spoils at pts \S+ \(.* s\): gave values that are no numbers"):
        list(restorer.push(third))


def test_bright_half_precision_is_finite() -> None:
    class Half(Copy):
        def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
            return torch.ones_like(x, dtype=torch.float16)

    restorer = Restorer(Half())
    for frame in clip(1, 640, 480):
        list(restorer.push(frame))
    assert restorer.report() == {}


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (None, r"gave nothing \(None\), not a torch tensor of \(1, 1, 6, 8, 8\)"),
        (np.zeros((1, 1, 6, 8, 8), np.float32), r"gave a numpy ndarray of \(1, 1, 6, 8, 8\), not a torch tensor"),
        ([1], r"gave a list, not a torch tensor"),
        (torch.zeros(1, 1, 6, 8, 8, dtype=torch.uint8), r"gave torch.uint8 values, not floating-point"),
        (torch.tensor(1.0), r"gave \(\) for an input of"),
        (torch.zeros(6, 8, 8), r"gave \(6, 8, 8\) for an input of"),
    ],
)
def test_what_is_no_picture_is_said(result: Any, said: str) -> None:
    class Wrong(Filter[None]):
        def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
            return result  # type: ignore[no-any-return]

    with pytest.raises(FilterError, match=rf"wrong at pts 1000 .*{said}"):
        restored(Wrong(), clip(1, 16, 16))
