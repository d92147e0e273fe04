"""How long to wait between attempts to connect."""

from __future__ import annotations

import random as stdlib_random
from collections.abc import Callable, Sequence

_JITTER = 0.2  # share by which each wait varies: cameras behind one switch must not all be asked at once


class Backoff:
    """Gives ever longer waits; after a connection that worked for a while they begin again.

    waits_s: the waits in order, in seconds; the last one repeats. random: gives numbers in [0, 1).
    settled_s: a connection that worked this long makes the next failure a first one.
    """

    def __init__(
        self,
        waits_s: Sequence[float],
        random: Callable[[], float] = stdlib_random.random,
        *,
        settled_s: float = 30.0,
    ) -> None:
        self._waits_s, self._random, self._settled_s = tuple(waits_s), random, settled_s
        self._attempts = 0

    def next_s(self, *, absent: bool = False) -> float:
        """How long to wait before the next attempt, in seconds.

        absent: no camera was there to answer. Asking again disturbs nothing then, so the wait is the first one, and the
        attempt does not count.
        """
        wait_s = self._waits_s[0 if absent else min(self._attempts, len(self._waits_s) - 1)]
        self._attempts += not absent
        return wait_s * (1 + _JITTER * (2 * self._random() - 1))

    def was_good_for(self, seconds: float) -> None:
        """Say for how many seconds the connection that is now lost had worked."""
        if seconds >= self._settled_s:
            self._attempts = 0
