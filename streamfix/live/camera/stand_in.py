"""What the output shows while no picture comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from ...frame import Frame, Picture
from ..policy import OnLost
from .slate import slate

_PATIENCE_S = 0.5  # no camera is perfectly even: shorter gaps do not count
_USUAL_S = 1 / 25
_FASTEST_S, _SLOWEST_S = 1 / 60, 1.0


class StandIn:
    """Decides when a frame is due though none has come, and makes it.

    name: written on the slate. walltime: gives Unix time in seconds.
    """

    def __init__(self, on_lost: OnLost, name: str, walltime: Callable[[], float] = time.time) -> None:
        self._on_lost, self._name, self._walltime = on_lost, name, walltime
        self._interval_s = _USUAL_S
        self._last: Frame | None = None
        self._due_s: float | None = None
        self._drawn: tuple[str, Picture] | None = None

    def begin(self, rate: Fraction | None) -> None:
        """Note that a connection is open. rate: its frames a second, if known; later the frames themselves show it."""
        if rate:
            self._interval_s = min(max(float(1 / rate), _FASTEST_S), _SLOWEST_S)

    def passed(self, frame: Frame, now_s: float) -> None:
        """Note a frame of the camera's that was given, with its time in the output."""
        last = self._last
        if last is not None and frame.pts > last.pts and not frame.cut:
            seen_s = float((frame.pts - last.pts) * frame.time_base)
            seen_s = min(max(seen_s, _FASTEST_S), _SLOWEST_S)
            self._interval_s += 0.1 * (seen_s - self._interval_s)
        self._last = frame
        self._due_s = now_s + max(2 * self._interval_s, _PATIENCE_S)

    def due_in_s(self, now_s: float) -> float | None:
        """Seconds until a frame is due, 0 if one is due now, None if none will be."""
        if self._due_s is None or self._on_lost not in ("hold", "slate"):
            return None
        return max(0.0, self._due_s - now_s)

    def frame(self, pts: int, now_s: float) -> Frame:
        """The frame that stands in, at `pts` in the output's time base. The next one is due an interval later."""
        assert self._last is not None and self._due_s is not None
        # In step with the rate, but frames that were missed meanwhile are not made up for.
        self._due_s = max(self._due_s, now_s - self._interval_s) + self._interval_s
        duration = round(self._interval_s / self._last.time_base)
        held = replace(self._last, pts=pts, duration=duration, cut=False, received_s=None, standing_in=True)
        if self._on_lost == "hold":
            return held
        return replace(held, picture=self._slate(self._last), damaged=False, origin=None)

    def _slate(self, last: Frame) -> Picture:
        """The slate, drawn again each second."""
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self._walltime()))
        if self._drawn is None or self._drawn[0] != at:
            drawn = slate(last.picture.format, last.width, last.height, last.color, self._name, at)
            self._drawn = (at, drawn)
        return self._drawn[1]
