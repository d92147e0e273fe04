"""What is told of the frames that come: how many, how old, and whether they still change."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction

from ...frame import Frame
from ..health import Health
from .stillness import Stillness

_EVERY_S = 1.0  # between figures


class Observer:
    """Counts a source's frames and keeps their figures.

    taken_s: when the camera took the picture of a pts, in Unix time; None where that is not known.
    frames, position_s: as of `Reader`.
    """

    def __init__(
        self, health: Health, taken_s: Callable[[int], float | None], walltime: Callable[[], float] = time.time
    ) -> None:
        self._health, self._taken_s, self._walltime = health, taken_s, walltime
        self._stillness = Stillness(health)
        self._first_s: Fraction | None = None
        self._told_s: float | None = None
        self.frames = 0
        self.position_s = 0.0

    def passed(self, frame: Frame, now_s: float) -> None:
        """A frame is about to be given. now_s: monotonic."""
        self.frames += 1
        at_s = frame.pts * frame.time_base
        self._first_s = at_s if self._first_s is None else self._first_s
        self.position_s = float(at_s - self._first_s)
        self._health.received(damaged=frame.damaged)
        self._stillness.passed(frame, now_s)
        if self._told_s is None or now_s - self._told_s >= _EVERY_S:
            self._told_s = now_s
            self._stillness.tell(now_s)
            taken_s = self._taken_s(frame.pts)
            if taken_s is not None:
                self._health.figure("capture_delay_s", self._walltime() - taken_s)
