"""What a restoration filter is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from ..frame import Layout
from . import FILTERS as FILTERS  # part of this module's interface; lives where torch is not needed

S = TypeVar("S")


class Filter(ABC, Generic[S]):
    """A restoration filter. One object serves all streams: what belongs to a stream is in its state.

    A subclass's keyword arguments are its options on the command line; their
    annotations say how the text is read, the docstring is the help.

    layout: what `__call__` wants to see, see `streamfix.layout`.
    past, step, future: frames before, restored by, and after a call.
    scale: how many times larger the result is.
    multiple: height and width of what `__call__` sees are multiples of this; the caller pads and crops.
    generative: True if it may invent detail; its results are "reconstructed", not "restored".
    batch_tolerance: how far a batch's result may lie from each stream's alone, in [0, 1] units;
    0 is bit-exact.
    keeps_level: False if it is meant to change brightness or hue (low light, white balance).
    thread_safe: True if several threads may call it at once, each with states of its own.
    two_parts: True if `begin` does a good part of the work.
    live_options: options that a live stream sets where the user does not, as look-ahead that would delay it.
    """

    layout: Layout = "yuv420"
    past: int = 0
    step: int = 1
    future: int = 0
    scale: int = 1
    multiple: int = 1
    generative: bool = False
    batch_tolerance: float = 0.0
    keeps_level: bool = True
    thread_safe: bool = False
    two_parts: bool = False
    live_options: Mapping[str, Any] = MappingProxyType({})

    def init_state(self) -> S:
        """The state of a stream before the first frame of a shot; None if the filter has none."""
        return None  # type: ignore[return-value]  # S is None for a filter without state

    @abstractmethod
    def __call__(self, x: Tensor, states: Sequence[S]) -> Tensor:
        """Restore one window of each of B streams.

        x: (B, T, C, H, W) floating point in [0, 1], T = past + step + future.
        states: one a stream, changed in place.
        Returns (B, step, C, H * scale, W * scale), not clipped.
        """

    def begin(self, x: Tensor, states: Sequence[S]) -> Callable[[], Tensor]:
        """A call's first part; what is returned is its second part, and gives the result of `__call__`.

        What changes the states belongs to the first part: while the second runs, once and perhaps in another thread,
        that of the next window is begun.
        """
        return partial(self, x, states)

    def lighter(self) -> Sequence[str]:
        """Chains of registered filters that take this one's place where it is too slow, as in `-vf`, the best first.

        They keep its `scale`. None are needed: leaving the filter out is always tried last.
        """
        return ()

    def report(self, state: S) -> Mapping[str, float]:
        """What it has measured of a stream, by name: noise_luma and noise_chroma in 8-bit codes, and the like."""
        return {}

    def to(self, device: torch.device) -> None:
        """Move what the filter computes with to `device`. Called once, before the first frame."""

    def close(self) -> None:
        """Release what the filter holds."""
