"""Output timestamps: exact ones, frame numbers, or a constant rate (-r)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from ...frame import Frame
from ..timestamps import rescale

log = logging.getLogger("streamfix.media")


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

    duplicated: repetitions so far. dropped: frames so far that are not shown.
    """

    def __init__(self, rate: Fraction) -> None:
        self.time_base = 1 / rate
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
        self.duplicated += times - 1
        self._any = True
        for i in range(times):
            yield replace(self._held, pts=self._slot + i, time_base=self.time_base, duration=1)
