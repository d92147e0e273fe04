"""Output timestamps: exact ones, frame numbers, or a constant rate (-r)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction

from ...frame import Frame
from ..source_info import SourceInfo
from ..timestamps import rescale

log = logging.getLogger("streamfix.media")

_LONGEST_GAP_S = 600  # that -r fills by repeating a frame; a longer one is shown as one long frame


def rate_of(first: Frame, source: SourceInfo) -> Fraction | None:
    """Frames a second: the input's, unless a filter has changed it."""
    if first.duration and first.time_base != source.info.time_base:
        return 1 / (first.duration * first.time_base)
    return source.info.rate


class OutputTimestamps:
    """Gives each frame its pts in the encoder's time base: the frame's own, moved if it does not increase.

    name: the output's, for warnings. counts: the container has no timestamps (y4m, raw video, images), so that frames
    are numbered.
    """

    def __init__(self, time_base: Fraction, name: str, *, counts: bool = False) -> None:
        self.time_base = time_base
        self._name, self._counts = name, counts
        self._last: int | None = None
        self._begin: Fraction | None = None
        self._warned = False

    def pts(self, frame: Frame) -> int:
        """The frame's pts in units of `time_base`."""
        exact = frame.pts * frame.time_base
        if self._begin is None:
            self._begin = exact
        if self._counts:
            pts = 0 if self._last is None else self._last + 1
            if abs(exact - self._begin - pts * self.time_base) > self.time_base:
                self._warn(frame, "it has no timestamps, and the input's frames are not evenly spaced; use -r or .mkv")
        else:
            pts = rescale(frame.pts, frame.time_base, self.time_base)
            if self._last is not None and pts <= self._last:
                self._warn(frame, f"the frame at {float(exact):.3f} s is not later than the one before; it is moved")
                pts = self._last + 1
        self._last = pts
        return pts

    def _warn(self, frame: Frame, what: str) -> None:
        if not self._warned:
            self._warned = True
            log.warning("%s: %s", self._name, what)


class ConstantRate:
    """Makes the frame rate constant (-r): each slot shows the frame nearest to it.

    A gap of more than ten minutes is not filled but kept, as one long frame.
    name: the output's, for warnings. stopped: once it says True, no gap of more than a second is filled any further.

    duplicated: repetitions so far. dropped: frames so far that are not shown.
    """

    def __init__(self, rate: Fraction, name: str = "", stopped: Callable[[], bool] = lambda: False) -> None:
        self.time_base = 1 / rate
        self._name, self._stopped = name, stopped
        self._warned = False
        self.duplicated = self.dropped = 0
        self._held: Frame | None = None
        self._slot = 0
        self._any = False

    def push(self, frame: Frame) -> Iterator[Frame]:
        """The frame before this one, as often as it is due."""
        slot = rescale(frame.pts, frame.time_base, self.time_base)
        if self._held is not None:
            if slot <= self._slot:
                self.dropped += 1
                self._held = frame
                return
            yield from self._repeat(slot - self._slot)
        self._held, self._slot = frame, slot

    def flush(self) -> Iterator[Frame]:
        """The last frame as often as its duration asks, so that the length stays the same to the nearest slot."""
        held = self._held
        if held is not None:
            end = rescale(held.pts + held.duration, held.time_base, self.time_base) if held.duration else self._slot + 1
            if end <= self._slot and self._any:
                self.dropped += 1
            else:
                yield from self._repeat(max(1, end - self._slot))
            self._held = None

    def _repeat(self, times: int) -> Iterator[Frame]:
        assert self._held is not None
        self._any = True
        duration = 1
        if times * self.time_base > _LONGEST_GAP_S:
            self._warn(times)
            times, duration = 1, times
        for i in range(times):
            if i * self.time_base >= 1 and self._stopped():
                return
            self.duplicated += i > 0
            yield replace(self._held, pts=self._slot + i, time_base=self.time_base, duration=duration)

    def _warn(self, times: int) -> None:
        if not self._warned and self._held is not None:
            self._warned = True
            log.warning(
                "%s: -r does not fill the gap of %.0f s after %.3f s; the frame before it is shown that long",
                *(self._name, float(times * self.time_base), self._held.time_s),
            )
