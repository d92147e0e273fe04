"""Timestamps for frames whose container has none, or wrong ones."""

from __future__ import annotations

from fractions import Fraction


class Clock:
    """Gives each decoded frame its pts.

    It is the frame's own pts; where the container has none (AVI, raw streams), the
    dts of the packet that completed the frame; where that is missing too, the last
    pts plus the last step. Between pts and dts libavcodec's best-effort rule decides:
    the one that has run backwards less often.
    """

    def __init__(self, time_base: Fraction, rate: Fraction | None) -> None:
        self._delta = max(1, round(1 / rate / time_base)) if rate else 1
        self._last_pts: int | None = None
        self._last_dts: int | None = None
        self._faulty_pts = self._faulty_dts = 0
        self._last: int | None = None

    def pts(self, pts: int | None, dts: int | None, duration: int) -> int:
        """The time of the next frame, in units of the stream's time base."""
        guess = self._best_effort(pts, dts)
        if guess is None:
            guess = 0 if self._last is None else self._last + self._delta
        elif self._last is not None and guess > self._last:
            # Measured between frames: a stated duration may be wrong (AVI counts fields).
            self._delta = guess - self._last
        if self._last is None and duration:
            self._delta = duration
        self._last = guess
        return guess

    def _best_effort(self, pts: int | None, dts: int | None) -> int | None:
        if dts is not None:
            self._faulty_dts += self._last_dts is not None and dts <= self._last_dts
            self._last_dts = dts
        elif pts is not None:
            self._last_dts = pts
        if pts is not None:
            self._faulty_pts += self._last_pts is not None and pts <= self._last_pts
            self._last_pts = pts
        elif dts is not None:
            self._last_pts = dts
        if pts is not None and (self._faulty_pts <= self._faulty_dts or dts is None):
            return pts
        return dts
