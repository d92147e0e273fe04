"""Windows over time: past, step and future frames, never across a cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .frame import Frame


@dataclass(frozen=True, slots=True)
class Window:
    """What a filter sees at once.

    frames: past + step + future frames of one shot; beyond its ends, the
    shot's first and last frame are repeated.
    centre: the frames that this window restores, 1 to `step` of them.
    first: this window starts the shot, and so needs a new state.
    """

    frames: tuple[Frame, ...]
    centre: tuple[Frame, ...]
    first: bool


class Windower:
    """Cuts each shot into windows.

    A frame with `cut` ends the shot before it. Do not push damaged frames: they
    must not enter a window (see `filters.restorer.Restorer`).
    """

    def __init__(self, past: int = 0, step: int = 1, future: int = 0) -> None:
        if past < 0 or future < 0 or step < 1:
            raise ValueError(f"a window needs past >= 0, step >= 1, future >= 0; got {past}, {step}, {future}")
        self.past, self.step, self.future = past, step, future
        self._shot: list[Frame] = []  # frames of this shot that are still needed
        self._done = 0  # index in _shot of the next frame to restore
        self._first = True

    @property
    def first(self) -> bool:
        """Whether the next window starts a shot. May be set before the first frame: the shot has begun elsewhere."""
        return self._first

    @first.setter
    def first(self, value: bool) -> None:
        self._first = value

    def push(self, frame: Frame) -> Iterator[Window]:
        """Take the next frame and yield the windows that it completes."""
        if frame.cut:
            yield from self.flush()
        self._shot.append(frame)
        while len(self._shot) - self._done >= self.step + self.future:
            yield self._window(self.step)

    def flush(self) -> Iterator[Window]:
        """End the shot: yield windows for all frames still held."""
        while self._done < len(self._shot):
            yield self._window(min(self.step, len(self._shot) - self._done))
        self._shot, self._done, self._first = [], 0, True

    def _window(self, count: int) -> Window:
        begin, end = self._done - self.past, self._done + self.step + self.future
        last = len(self._shot) - 1
        frames = tuple(self._shot[min(max(i, 0), last)] for i in range(begin, end))
        window = Window(frames, tuple(self._shot[self._done : self._done + count]), self._first)
        self._first = False
        self._done += count
        surplus = max(0, self._done - self.past)
        del self._shot[:surplus]
        self._done -= surplus
        return window
