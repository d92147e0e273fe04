"""The stage that runs one filter over one stream."""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from ..boundary import Boundary
from ..errors import DeviceError, FilterError, StreamfixError
from ..frame import Frame
from ..pipeline import Stage
from ..temporal import Window, Windower
from ..threads import quiet
from .base import Filter
from .handling import Handling
from .ndarrays import NDArrays

T = TypeVar("T")
_Shape: TypeAlias = tuple[int, ...]

log = logging.getLogger("streamfix.filters")

_MOST_BEGUN = 2  # windows in flight: with one alone, the quicker part would wait for the other at each frame


@dataclass(slots=True)
class _Awaited:
    """A frame that is due to come out, in its turn, and its result once there is one. given: as it came in."""

    frame: Frame
    given: Frame
    result: Frame | None = None


@dataclass(slots=True, eq=False)
class _Pending:
    """A boundary whose first frame the filter has not seen yet.

    frame: that frame, None while it has not come. known: what was known when the boundary came, beside the state.
    """

    boundary: Boundary
    known: dict[str, Any]
    frame: Frame | None = None
    saved: bool = False


class Restorer(Stage):
    """Runs one filter over one stream: its windows, its state, the layout and the order.

    A damaged frame never enters a window or the stream's state: it is restored
    by itself, with a state of its own that is thrown away.

    overlap: a filter of two parts begins a window while the one before is finished in another thread. The results are
    the same, and come up to two windows later.

    A result with NaN or infinity in it is no picture: the frame passes as it came in (resized, where the filter
    enlarges), the stream begins with a new state, the first such frame is told and all are counted
    (`not_finite_frames` of `report`). exit_on_error: it raises FilterError in place of that.

    A `Boundary` leaves in its place among the frames, with the filter's state as it is before the frame behind it. The
    filter then goes on from what was saved, as another run would.
    """

    def __init__(
        self,
        filter: Filter[Any],
        device: Any = "cpu",
        name: str = "",
        overlap: bool = False,
        *,
        exit_on_error: bool = False,
    ) -> None:
        self.filter = filter
        self.name = name or type(filter).__name__.lower()
        self._device = str(device)
        self._handling = _handling(filter, self._device)
        self._windower = Windower(filter.past, filter.step, filter.future)
        self._state = filter.init_state()
        self._exit_on_error = exit_on_error
        self._not_finite = 0
        self._telling = threading.Lock()  # several windows may be finished at once
        self._state_spoilt = False
        self._awaited: deque[_Awaited | _Pending] = deque()
        self._pending: deque[_Pending] = deque()
        self._cut_pending = False
        self._size: tuple[int, int] | None = None
        self._finisher: ThreadPoolExecutor | None = None
        if overlap and filter.two_parts:
            self._finisher = ThreadPoolExecutor(_MOST_BEGUN if filter.ends_apart else 1, f"{self.name}-end")
        self._begun: deque[tuple[Window, Future[list[Frame | None]]]] = deque()

    def push(self, item: Any) -> Iterator[Any]:
        if isinstance(item, Boundary):
            pending = _Pending(item, {"cut_pending": self._cut_pending, "size": self._size})
            self._awaited.append(pending)
            self._pending.append(pending)
            return
        if not isinstance(item, Frame):
            yield item
            return
        frame = self._in_layout(item)
        if (frame.width, frame.height) != self._size:
            self._size = (frame.width, frame.height)
            frame = replace(frame, cut=True)
        awaited = _Awaited(frame, item)
        if frame.damaged:
            self._cut_pending |= frame.cut
            self._settle()
            self._awaited.append(awaited)
            alone = Window((frame,) * (self.filter.past + self.filter.step + self.filter.future), (frame,), True)
            awaited.result = self._call(alone, self.filter.init_state())[0] or self._passed(awaited)
        else:
            if self._cut_pending:
                frame = awaited.frame = replace(frame, cut=True)
                self._cut_pending = False
            for pending in self._pending:
                pending.frame = pending.frame or frame
            if frame.cut:
                yield from self._end_shot()
            self._awaited.append(awaited)
            for window in self._windower.push(frame):
                self._restore(window)
        yield from self._ready()

    def flush(self) -> Iterator[Any]:
        yield from self._end_shot()
        while self._pending:
            self._save(self._pending.popleft(), first=True)
        yield from self._ready()

    def load(self, saved: Mapping[str, Any]) -> None:
        size = saved["size"]
        self._cut_pending, self._size = saved["cut_pending"], None if size is None else (size[0], size[1])
        self._windower.first = saved["first"]
        if saved["state"] is not None:
            self._state = self.filter.load_state(saved["state"])

    def reset(self) -> None:
        self._let_go()
        self._state, self._state_spoilt = self.filter.init_state(), False
        self._cut_pending, self._size = False, None

    def report(self) -> Mapping[str, float]:
        own = self.filter.report(self._state)
        return {**own, "not_finite_frames": self._not_finite} if self._not_finite else own

    def close(self) -> None:
        if self._finisher is not None:
            self._finisher.shutdown(cancel_futures=True)
        self._let_go()
        if self._not_finite > 1:
            log.warning("%s: %d frames passed as they were recorded: NaN or infinity", self.name, self._not_finite)

    def emitted(self, pushed: int) -> int:
        """How many frames of a long shot have come out once `pushed` have come in; below 0 so many are still missing.

        A window is called once its `step` frames and the `future` ones behind them are there; where windows overlap,
        the newest are still being finished.
        """
        unfinished = 0 if self._finisher is None else _MOST_BEGUN
        return ((pushed - self.filter.future) // self.filter.step - unfinished) * self.filter.step

    def _end_shot(self) -> Iterator[Any]:
        for window in self._windower.flush():
            self._restore(window)
        self._settle()
        yield from self._ready()

    def _save(self, pending: _Pending, *, first: bool) -> None:
        """Add the filter's state to a boundary. first: a shot begins there, so it has none."""
        self._settle()  # whether a result was finite is known then
        fresh = first or self._state_spoilt
        state = None if fresh else self.filter.save_state(self._state)
        pending.boundary.states.append({**pending.known, "first": fresh, "state": state})
        pending.boundary.report.update({f"{self.name}_{k}": v for k, v in self.report().items()})
        pending.saved = True
        if state is not None:
            self._state = self.filter.load_state(state)

    def _let_go(self) -> None:
        """Forget every frame. What is being finished is waited for, and its result or error thrown away."""
        while self._begun:
            future = self._begun.popleft()[1]
            if not future.cancel():
                future.exception()
        self._awaited.clear()
        self._pending.clear()
        self._windower = Windower(self.filter.past, self.filter.step, self.filter.future)

    def _in_layout(self, frame: Frame) -> Frame:
        """The frame with its picture already as the filter takes it, so that each is converted once, not per window."""
        return self._handling.in_layout(frame, self.filter.layout)

    def _restore(self, window: Window) -> None:
        while self._pending and self._pending[0].frame is window.centre[0]:
            self._save(self._pending.popleft(), first=window.first)
        if window.first or self._state_spoilt:
            self._state_spoilt = False
            self._state = self.filter.init_state()
        if self._finisher is None:
            self._keep(window, self._call(window, self._state))
            return
        shape, rest = self._begin(window, self._state)
        self._settle(_MOST_BEGUN - 1)
        self._begun.append((window, self._finisher.submit(self._finished, window, shape, rest)))

    def _begin(self, window: Window, state: Any) -> tuple[_Shape, Callable[[], Any]]:
        """The window's shape and what is left to do for it, which holds what it still wants of the frames, not all."""
        x = self._seen(window, state)
        begin, padded = self.filter.begin, self._handling.padded
        rest = self._guarded(window, x.shape, lambda: begin(padded(x, self.filter.multiple), [state]))
        if not callable(rest):
            raise FilterError(f"{self._at(window)}: begin() gave {type(rest).__name__}, not a function")
        return x.shape, rest

    def _settle(self, left: int = 0) -> None:
        """Wait until no more than so many windows are being finished."""
        while len(self._begun) > left:
            window, future = self._begun.popleft()
            self._keep(window, future.result())

    def _keep(self, window: Window, restored: list[Frame | None]) -> None:
        results = {id(f): r for f, r in zip(window.centre, restored, strict=True)}
        for awaited in self._awaited:
            if isinstance(awaited, _Awaited) and awaited.result is None and id(awaited.frame) in results:
                awaited.result = results[id(awaited.frame)] or self._passed(awaited)

    def _passed(self, awaited: _Awaited) -> Frame:
        """The frame as it came in, at the size that the filter's results have."""
        scale = self.filter.scale
        if scale == 1:
            return awaited.frame.with_picture(awaited.given.picture)
        from .tensors import enlarged

        return enlarged(awaited.frame, awaited.given, scale)

    def _ready(self) -> Iterator[Any]:
        while self._awaited:
            next_ = self._awaited[0]
            if isinstance(next_, _Pending):
                if not next_.saved:
                    return
                yield next_.boundary
            elif next_.result is None:
                return
            else:
                yield next_.result
            self._awaited.popleft()

    def _call(self, window: Window, state: Any) -> list[Frame | None]:
        x, padded = self._seen(window, state), self._handling.padded
        return self._finished(window, x.shape, lambda: self.filter(padded(x, self.filter.multiple), [state]))

    @quiet
    def _seen(self, window: Window, state: Any) -> Any:
        """The window as the filter sees it, (1, T, C, H, W), not padded yet; the filter has heard of its frames."""
        x = self._handling.window(window.frames, self.filter.layout)
        self._guarded(window, x.shape, lambda: self.filter.tell(state, window.frames))
        return x

    def _finished(self, window: Window, shape: _Shape, rest: Callable[[], Any]) -> list[Frame | None]:
        """The frames of what `rest` makes of a window of that shape; None for one that is not finite."""
        f = self.filter
        height, width = (math.ceil(side * f.scale) for side in shape[-2:])
        result: Any = self._guarded(window, shape, rest)
        floating = self._handling.is_floating(result)
        if floating is None:
            raise FilterError(
                f"{self._at(window)}: gave {_kind(result)}, not a {self._handling.noun} of "
                f"(1, {f.step}, {shape[2]}, {height}, {width})"
            )
        if not floating:
            raise FilterError(f"{self._at(window)}: gave {result.dtype} values, not floating-point ones in [0, 1]")
        given = tuple(result.shape)
        fits = len(given) == 5 and given[:3] == (1, f.step, shape[2])
        if not fits or given[3] < height or given[4] < width:
            raise FilterError(
                f"{self._at(window)}: gave {given[1:] if given[:1] == (1,) else given} for an input of "
                f"{tuple(shape[1:])} with scale={f.scale}"
            )
        y = result[0][..., :height, :width]
        sound = self._are_finite(window, y[: len(window.centre)])
        return [
            self._handling.frame(frame, picture, f.layout, f.scale) if good else None
            for frame, picture, good in zip(window.centre, y[: len(window.centre)], sound, strict=True)
        ]

    @quiet
    def _are_finite(self, window: Window, pictures: Any) -> list[bool]:
        """For each picture whether it has no NaN and no infinity. Raises FilterError if that ends the job."""
        if self._handling.is_finite(pictures):
            return [True] * len(pictures)
        sound = [self._handling.is_finite(picture) for picture in pictures]
        with self._telling:
            self._tell_not_finite([f for f, good in zip(window.centre, sound, strict=True) if not good])
        return sound

    def _tell_not_finite(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            where = f"{self.name} at pts {frame.pts} ({frame.time_s:.3f} s)"
            if self._exit_on_error:
                raise FilterError(f"{where}: gave values that are no numbers (NaN or infinity)")
            if not self._not_finite:
                log.warning(
                    "%s: gave values that are no numbers (NaN or infinity); this frame passes as it was recorded, "
                    "and so does every other such frame",
                    where,
                )
            self._not_finite += 1
            self._state_spoilt = True

    def _guarded(self, window: Window, shape: _Shape, work: Callable[[], T]) -> T:
        """What the filter gives. Raises what it raises as a StreamfixError that names the frame."""
        try:
            with self._handling.calling():
                return work()
        except StreamfixError:
            raise
        except Exception as error:
            if not self._handling.is_memory_error(error):
                raise FilterError(f"{self._at(window)}: {type(error).__name__}: {error}") from error
            height, width = shape[-2:]
            raise DeviceError(
                f"{self._at(window)}: out of memory on {self._device} for {width}x{height}; "
                "use a smaller model, smaller tiles, or another device"
            ) from error

    def _at(self, window: Window) -> str:
        frame = window.centre[0]
        return f"{self.name} at pts {frame.pts} ({frame.time_s:.3f} s)"


def _kind(result: object) -> str:
    """What a filter gave, in words."""
    if result is None:
        return "nothing (None)"
    shape = getattr(result, "shape", None)
    name = f"{type(result).__module__.partition('.')[0]} {type(result).__name__}".removeprefix("builtins ")
    return f"a {name}" + (f" of {tuple(shape)}" if isinstance(shape, tuple) else "")


def _handling(filter: Filter[Any], device: str) -> Handling:
    if filter.arrays == "numpy":
        return NDArrays()
    from .tensors import Tensors

    return Tensors(device)
