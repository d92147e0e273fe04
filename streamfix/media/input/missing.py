"""Counts the pictures of a stream that never came out of its decoder, by the gaps they leave."""

from __future__ import annotations

import bisect
from fractions import Fraction

_WIDE = Fraction(3, 2)  # of the usual step: less is jitter
_LONGEST_S = 10  # a longer gap is none of pictures that were lost
_MOST_WAITING = 4096


class MissingPictures:
    """Compares the packets that enter a decoder with the pictures that leave it.

    Between two pictures that follow each other at more than the usual step lie as many missing ones as packets went in
    for them; where the stream is known to be damaged there, as many as the gap has room for, since packets may be lost
    as well. Packets before the first picture are counted apart: they begin between two keyframes.

    time_base: of all times. rate: pictures a second, None if unknown. at_start, missing: so far. at_end: packets after
    the last picture.
    """

    def __init__(self, time_base: Fraction, rate: Fraction | None) -> None:
        self._step = None if rate is None else 1 / rate / time_base
        self._longest = _LONGEST_S / time_base
        self._waiting: list[int] = []  # sorted pts of packets for which no picture has come
        self._last: int | None = None
        self._first = True
        self._untimed = 0
        self._damaged = False
        self.at_start = self.missing = 0

    def packet(self, pts: int | None) -> None:
        """Note a packet that enters the decoder."""
        if pts is None:
            self._untimed += 1
        elif len(self._waiting) < _MOST_WAITING:
            bisect.insort(self._waiting, pts)

    def damage(self) -> None:
        """Note that the decoder reported an error since the last picture."""
        self._damaged = True

    def picture(self, pts: int | None, *, damaged: bool) -> int:
        """Note a picture that leaves the decoder. Returns how many are missing before it, the first ones too."""
        found = 0
        evident = self._damaged or damaged
        self._damaged = damaged
        if pts is None:
            return found
        before = bisect.bisect_left(self._waiting, pts)
        skipped = self._waiting[:before]
        del self._waiting[: bisect.bisect_right(self._waiting, pts)]
        if self._last is None:
            if self._first and not self._untimed:
                self.at_start = found = len(skipped)
        elif self._step is not None and self._step * _WIDE < pts - self._last <= self._longest:
            last, near = self._last, self._step / 2
            found = sum(last + near < at < pts - near for at in skipped)
            if evident:
                found = max(found, round((pts - last) / self._step) - 1)
            self.missing += found
        self._last, self._first = pts, False
        return found

    def restart(self) -> None:
        """Forget what came before: the next packet does not continue it."""
        self._waiting.clear()
        self._last, self._damaged = None, False

    @property
    def at_end(self) -> int:
        """Packets later than the last picture for which none has come, once the decoder is drained."""
        return 0 if self._last is None else len(self._waiting) - bisect.bisect_right(self._waiting, self._last)
