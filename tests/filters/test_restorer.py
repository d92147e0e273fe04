"""Damaged frames, sizes that change, wrong shapes: what the Restorer owes its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from streamfix.conformance.examples import Echo, Mean
from streamfix.conformance.fakes import clip, difference
from streamfix.errors import DeviceError, FilterError
from streamfix.filters.base import Filter, Restorer
from streamfix.frame import Frame


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
