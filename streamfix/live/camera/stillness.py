"""Notices a picture that does not change any more: a camera that is on, and sees nothing."""

from __future__ import annotations

import zlib
from typing import Any

from ...frame import Frame
from ..health import Health

_EVERY = 16  # lines that are looked at: what moves somewhere changes noise everywhere
_STILL_S = 10.0  # no sensor gives the same codes for so long


class Stillness:
    """Tells of frames whose codes are the same, as `still_s` among the figures and as an event when it lasts."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._last: int | None = None
        self._since_s = 0.0
        self._told = False

    def passed(self, frame: Frame, now_s: float) -> None:
        """The next frame, as the decoder gave it."""
        seen = None if frame.origin is None else _sum(frame.origin)
        if seen is None or seen != self._last:
            if self._told:
                self._health.note("still", "the picture changes again")
            self._last, self._since_s, self._told = seen, now_s, False
        elif now_s - self._since_s >= _STILL_S and not self._told:
            self._told = True
            self._health.note("still", f"the picture has not changed for {_STILL_S:g} s")

    def tell(self, now_s: float) -> None:
        """Write down for how long it has been the same, in seconds."""
        self._health.figure("still_s", 0.0 if self._last is None else now_s - self._since_s)


def _sum(picture: Any) -> int:
    plane = picture.planes[0]
    line = abs(plane.line_size)
    memory = memoryview(plane)
    total = 0
    for begin in range(0, plane.height * line, _EVERY * line):
        total = zlib.crc32(memory[begin : begin + line], total)
    return total
