"""A camera's clock beside this machine's: the time of day that it tells, and how fast its timestamps advance."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_OFF_S = 10.0  # further apart one of two clocks is wrong; pictures take less to come here
_UNITS = ((365.25 * 86400, "years"), (86400, "days"), (3600, "h"), (60, "min"), (1, "s"))


class TimeOfDay:
    """Believes the time of day that a camera tells if this machine's clock agrees; tells when it does not.

    Cameras without a battery begin in 1970, and many do not know of daylight saving.

    tell: called with a sentence. walltime: gives Unix time in seconds.
    """

    def __init__(self, tell: Callable[[str], object], walltime: Callable[[], float] = time.time) -> None:
        self._tell, self._walltime = tell, walltime
        self._doubted = False

    def believed(self, taken_s: float | None, age_s: float = 0.0) -> float | None:
        """The Unix time at which the camera says that a picture was taken; None if it cannot be.

        age_s: for how long the picture has been here.
        """
        if taken_s is None:
            return None
        ahead_s = taken_s - (self._walltime() - age_s)
        off = not abs(ahead_s) <= _OFF_S
        if off and not self._doubted:
            off_by = f"{_span(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'} this machine's"
            self._tell(f"the camera's clock says {_date(taken_s)}, {off_by}; times are this machine's")
        elif self._doubted and not off:
            self._tell("the camera's clock agrees with this machine's again")
        self._doubted = off
        return None if off else taken_s


def _date(unix_s: float) -> str:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=unix_s)).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError):
        return f"{unix_s:.0f} s after 1970"


def _span(seconds: float) -> str:
    size, unit = next(((s, u) for s, u in _UNITS if seconds >= 0.95 * s), _UNITS[-1])
    return f"{seconds / size:.1f} {unit}"
