"""What a source tells its stream's health of the frames that come: how many, how old, whether they still change."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ...frame import Frame
from ...media.pyav import memory_of
from ..health import Health
from .camera_clock import TimeOfDay

_EVERY_S = 1.0  # between two figures
_EVERY_LINES = 16  # every how many lines are compared: whatever moves, noise changes everywhere
_STILL_S = 10.0  # no working sensor gives the same codes for this long


class Observer:
    """Counts a source's frames and tells their figures.

    taken_s: gives the Unix time at which the camera took the picture with a pts; None if that is not known. It counts
    if `time_of_day` believes it.
    tells_stillness: a picture that does not change any more is an event.
    frames, position_s: as `Reader`'s frames_read and position_s.
    """

    def __init__(
        self,
        health: Health,
        taken_s: Callable[[int], float | None],
        time_of_day: TimeOfDay,
        walltime: Callable[[], float] = time.time,
        *,
        tells_stillness: bool = True,
    ) -> None:
        self._health, self._taken_s, self._time_of_day, self._walltime = health, taken_s, time_of_day, walltime
        self._stillness = Stillness(health, tells=tells_stillness)
        self._first_s: Fraction | None = None
        self._told_s: float | None = None
        self.frames = 0
        self.position_s = 0.0

    def passed(self, frame: Frame, now_s: float) -> None:
        """Note a frame that is about to be given. now_s: monotonic."""
        self.frames += 1
        at_s = frame.pts * frame.time_base
        self._first_s = at_s if self._first_s is None else self._first_s
        self.position_s = float(at_s - self._first_s)
        self._health.received(damaged=frame.damaged)
        self._stillness.passed(frame, now_s)
        if self._told_s is None or now_s - self._told_s >= _EVERY_S:
            self._told_s = now_s
            self._stillness.tell(now_s)
            age_s = 0.0 if frame.received_s is None else now_s - frame.received_s
            taken_s = self._time_of_day.believed(self._taken_s(frame.pts), age_s)
            if taken_s is not None:
                self._health.figure("capture_delay_s", self._walltime() - taken_s)


class Stillness:
    """Notices a picture that does not change any more: a camera that is on and sees nothing.

    Tells the figure `still_s`, and, if it `tells`, an event once it lasts.
    """

    def __init__(self, health: Health, *, tells: bool = True) -> None:
        self._health, self._tells = health, tells
        self._last: int | None = None
        self._since_s = 0.0
        self._told = False

    def passed(self, frame: Frame, now_s: float) -> None:
        """Note the next frame, as the decoder gave it."""
        seen = None if frame.origin is None else _sum(frame.origin)
        if seen is None or seen != self._last:
            if self._told:
                self._health.note("still", "the picture changes again")
            self._last, self._since_s, self._told = seen, now_s, False
        elif now_s - self._since_s >= _STILL_S and self._tells and not self._told:
            self._told = True
            self._health.note("still", f"the picture has not changed for {_STILL_S:g} s")

    def tell(self, now_s: float) -> None:
        """Tell for how many seconds the picture has been the same."""
        self._health.figure("still_s", 0.0 if self._last is None else now_s - self._since_s)


def _sum(picture: Any) -> int:
    plane = picture.planes[0]
    line = abs(plane.line_size)
    memory = memoryview(memory_of(plane))
    total = 0
    for begin in range(0, plane.height * line, _EVERY_LINES * line):
        total = zlib.crc32(memory[begin : begin + line], total)
    return total
