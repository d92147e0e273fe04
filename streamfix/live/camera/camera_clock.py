"""A camera's clock beside this machine's: the time of day that it tells, and how fast its timestamps advance."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor

_OFF_S = 10.0  # further apart one of two clocks is wrong; pictures take less to come here
_WINDOW_S = 10
_SMALL, _TOLD = Fraction(1, 200), Fraction(1, 50)
# Over how many windows, from which slope of the delay on, and whether only for a clock that is known to be wrong: the
# longer, the finer. Delays change by some tenths of a second without any drift.
_SPANS = (
    (1, Fraction(1, 20), False),
    (6, _SMALL, False),
    (12, Fraction(1, 1000), True),
    (30, Fraction(1, 2500), True),
)
_LONGEST = 30
_MOST = 4
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


class ClockRate:
    """Measures how fast a stream's timestamps advance beside this machine's clock, and puts them right.

    Some cameras stamp 25 pictures a second and send 20: what they record then plays too fast, and drifts away from its
    sound for ever. Arrival jitters, but some packets of each window have come without a delay: the least delay of a
    window grows from one window to the next where timestamps advance too slowly. What two windows in a row agree on is
    put right from then on, without a jump. A clock that is off by less than `_SMALL` is left as it is.

    tell: called with a sentence when the camera turns out not to keep time, or to keep it again.

    factor: by which times are stretched now. kept: the times of this connection have always been right.
    """

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self.factor = Fraction(1)
        self.kept = True
        self._begun: tuple[Fraction, Fraction] | None = None  # a time of the camera's, and what it was turned into
        self._first_s: Fraction | None = None  # when the first window began
        self._window, self._least_s = -1, Fraction(0)  # the present one, and its least delay
        self._delays_s: deque[Fraction] = deque(maxlen=2 * _LONGEST + 1)  # of those before

    def restart(self) -> None:
        """Begin anew with times that have nothing to do with those before: of the same camera, which has its habits."""
        self.kept = self.factor == 1
        self._begun = None
        self.forget()

    def right(self, at_s: Fraction, wall_s: Fraction) -> Fraction:
        """The time as it should be. at_s: the camera's, wall_s: when it came, both in seconds from anywhere."""
        if self._begun is None:
            self._begun = at_s, at_s
        right_s = at_s if self.kept else self._begun[1] + (at_s - self._begun[0]) * self.factor
        delay_s = wall_s - right_s
        self._first_s = wall_s if self._first_s is None else self._first_s
        window = floor((wall_s - self._first_s) / _WINDOW_S)
        if window <= self._window:
            self._least_s = min(self._least_s, delay_s)
            return right_s
        if window > self._window + 1:
            self.forget()  # nothing came in a whole window
            self._first_s, window = wall_s, 0
        elif window:
            self._delays_s.append(self._least_s)
            self._judge(at_s, right_s)
        self._window, self._least_s = window, wall_s - right_s
        return right_s

    def forget(self) -> None:
        """Forget what was measured: the clock was set."""
        self._first_s = None
        self._window = -1
        self._delays_s.clear()

    def _judge(self, at_s: Fraction, right_s: Fraction) -> None:
        """Change the factor if the windows so far agree that it is wrong. at_s: from there on, which was `right_s`."""
        for windows, least, known in _SPANS:
            if len(self._delays_s) <= 2 * windows or (known and self.factor == 1):
                continue
            a, b, c = (self._delays_s[-1 - n * windows] for n in (2, 1, 0))
            slopes = (b - a) / (windows * _WINDOW_S), (c - b) / (windows * _WINDOW_S)
            small, large = sorted(slopes, key=abs)
            if abs(small) < least or abs(large - small) > abs(large) / 4 or large >= 1:
                continue
            self._stretch(self.factor / (1 - (slopes[0] + slopes[1]) / 2), at_s, right_s)
            return

    def _stretch(self, factor: Fraction, at_s: Fraction, right_s: Fraction) -> None:
        before = self.factor
        self._delays_s.clear()
        if not 1 / _MOST <= factor <= _MOST:
            return  # a file that is sent as fast as it can be, rather than a clock
        self.factor = Fraction(1) if abs(factor - 1) < _SMALL else factor.limit_denominator(100_000)
        # Rounded, so that the fraction does not grow with each change.
        self._begun, self.kept = (at_s, Fraction(round(right_s * 1_000_000), 1_000_000)), False
        if self.factor == 1:
            self._tell("timestamps advance as they should again")
        elif before == 1 or abs(self.factor / before - 1) >= _TOLD:
            advance = float(1 / self.factor)
            self._tell(f"timestamps advance {advance:.3f} s in each second; they are put right from here on")


def _date(unix_s: float) -> str:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=unix_s)).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError):
        return f"{unix_s:.0f} s after 1970"


def _span(seconds: float) -> str:
    size, unit = next(((s, u) for s, u in _UNITS if seconds >= 0.95 * s), _UNITS[-1])
    return f"{seconds / size:.1f} {unit}"
