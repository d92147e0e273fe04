"""What a restoration filter is, and the stage that runs filters over one stream."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import layout as layouts
from ..errors import DeviceError, FilterError, StreamfixError
from ..frame import Frame, Layout
from ..pipeline import Stage
from ..temporal import Window, Windower
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


@dataclass(slots=True)
class _Place:
    """A frame's place in the output order, and its result once there is one."""

    frame: Frame
    result: Frame | None = None


class Restorer(Stage):
    """Runs one filter over one stream: its windows, its state, the layout and the order.

    A damaged frame never enters a window or the stream's state: it is restored
    by itself, with a state of its own that is thrown away.
    """

    def __init__(self, filter: Filter[Any], device: torch.device | str = "cpu", name: str = "") -> None:
        self.filter = filter
        self.name = name or type(filter).__name__.lower()
        self._device = torch.device(device)
        self._windower = Windower(filter.past, filter.step, filter.future)
        self._state = filter.init_state()
        self._places: deque[_Place] = deque()
        self._cut_pending = False
        self._size: tuple[int, int] | None = None

    def push(self, item: Any) -> Iterator[Any]:
        if not isinstance(item, Frame):
            yield item
            return
        frame = self._in_layout(item)
        if (frame.width, frame.height) != self._size:
            self._size = (frame.width, frame.height)
            frame = replace(frame, cut=True)
        place = _Place(frame)
        if frame.damaged:
            self._cut_pending |= frame.cut
            self._places.append(place)
            alone = Window((frame,) * (self.filter.past + self.filter.step + self.filter.future), (frame,), True)
            place.result = self._call(alone, self.filter.init_state())[0]
        else:
            if self._cut_pending:
                frame = place.frame = replace(frame, cut=True)
                self._cut_pending = False
            if frame.cut:
                yield from self.flush()
            self._places.append(place)
            for window in self._windower.push(frame):
                self._restore(window)
        yield from self._ready()

    def flush(self) -> Iterator[Frame]:
        for window in self._windower.flush():
            self._restore(window)
        yield from self._ready()

    def report(self) -> Mapping[str, float]:
        return self.filter.report(self._state)

    def close(self) -> None:
        self._places.clear()
        self._windower = Windower(self.filter.past, self.filter.step, self.filter.future)

    def _in_layout(self, frame: Frame) -> Frame:
        """The frame with its picture already a tensor, so that each is converted once, not once a window."""
        tensor = layouts.to_layout(frame, self.filter.layout, self._device)
        return layouts.from_tensor(frame, tensor, self.filter.layout)

    def _restore(self, window: Window) -> None:
        if window.first:
            self._state = self.filter.init_state()
        results = {id(f): r for f, r in zip(window.centre, self._call(window, self._state), strict=True)}
        for place in self._places:
            if place.result is None and id(place.frame) in results:
                place.result = results[id(place.frame)]

    def _ready(self) -> Iterator[Frame]:
        while self._places and self._places[0].result is not None:
            result = self._places.popleft().result
            assert result is not None
            yield result

    def _call(self, window: Window, state: Any) -> list[Frame]:
        f = self.filter
        tensors = [layouts.to_layout(frame, f.layout, self._device) for frame in window.frames]
        x = (tensors[0][None] if len(tensors) == 1 else torch.stack(tensors))[None]
        height, width = x.shape[-2:]
        try:
            with torch.inference_mode():
                y = f(pad_to_multiple(x, f.multiple), [state])[0]
        except StreamfixError:
            raise
        except torch.OutOfMemoryError as error:
            raise DeviceError(
                f"{self._at(window)}: out of memory on {self._device} for {width}x{height}; "
                "use a smaller model, smaller tiles, or another device"
            ) from error
        except Exception as error:
            raise FilterError(f"{self._at(window)}: {type(error).__name__}: {error}") from error
        want = (f.step, x.shape[2], y.shape[-2], y.shape[-1])
        if tuple(y.shape) != want or y.shape[-2] < height * f.scale or y.shape[-1] < width * f.scale:
            raise FilterError(
                f"{self._at(window)}: gave {tuple(y.shape)} for an input of {tuple(x.shape[1:])} with scale={f.scale}"
            )
        y = y[..., : height * f.scale, : width * f.scale]
        return [
            layouts.from_tensor(frame, picture, f.layout, f.scale)
            for frame, picture in zip(window.centre, y[: len(window.centre)], strict=True)
        ]

    def _at(self, window: Window) -> str:
        frame = window.centre[0]
        return f"{self.name} at pts {frame.pts} ({frame.time_s:.3f} s)"


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column of x (B, T, C, H, W) until height and width are multiples."""
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    if not (bottom or right):
        return x
    padded = F.pad(x.flatten(0, 1), (0, right, 0, bottom), mode="replicate")
    return padded.reshape(*x.shape[:2], *padded.shape[1:])
