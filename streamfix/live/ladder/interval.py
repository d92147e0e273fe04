"""How far apart a camera's frames are, those that were dropped on the way counted in."""

from __future__ import annotations

from collections import deque
from statistics import median

from ...frame import Frame

_GROUP, _GROUPS = 5, 9  # frames are looked at by fives: which of them a dropped one is counted with is chance


class Interval:
    """The usual one of the last frames; a gap is none. From timestamps: arrivals say more about the network."""

    def __init__(self) -> None:
        self._groups: deque[tuple[float, int, int]] = deque(maxlen=_GROUPS)  # seconds, frames in them, frames seen
        self._last_s: float | None = None
        self._dropped = 0

    def passed(self, frame: Frame, dropped: int) -> int:
        """Take the next frame in. dropped: frames given up so far; returns those since the frame before."""
        new, self._dropped = dropped - self._dropped, dropped
        last_s, self._last_s = self._last_s, frame.time_s
        if last_s is not None and frame.time_s > last_s and not frame.cut:
            seconds, frames, seen = 0.0, 0, 0
            if self._groups and self._groups[-1][2] < _GROUP:
                seconds, frames, seen = self._groups.pop()
            self._groups.append((seconds + frame.time_s - last_s, frames + 1 + new, seen + 1))
        return new

    @property
    def known(self) -> bool:
        """True once there were two frames in a row."""
        return bool(self._groups)

    @property
    def seconds(self) -> float:
        """Seconds from frame to frame."""
        return median(seconds / frames for seconds, frames, _ in self._groups)
