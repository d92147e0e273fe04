"""What is counted of a stream since the daemon began; it only grows, however often the stream restarts."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from ....counts import NO_FRAMES, FrameCounts
from ....live.health import Report

# Seconds: from one small frame on a GPU to a stream that lags.
LATENCY_BOUNDS_S = (0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
STAGE_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0)


class Histogram:
    """Counts values by size. bounds: the upper end of each class, inclusive; one more class has the rest."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self._counts = [0] * (len(self.bounds) + 1)
        self._sum = 0.0
        self._lock = threading.Lock()

    def observe(self, value: float) -> None:
        """Count a value. From any thread."""
        with self._lock:
            self._counts[bisect_left(self.bounds, value)] += 1
            self._sum += value

    def read(self) -> tuple[list[tuple[float, int]], float]:
        """Pairs of a bound and the number of values up to it, the last of all values; and the sum of all values."""
        with self._lock:
            total, pairs = 0, []
            for bound, count in zip((*self.bounds, float("inf")), self._counts, strict=True):
                total += count
                pairs.append((bound, total))
            return pairs, self._sum


@dataclass(frozen=True, slots=True)
class StreamTotals:
    """A stream's and its outputs' counts over all runs. restarts: how often a run has ended in an error."""

    counts: FrameCounts = NO_FRAMES
    reconnects: int = 0
    restarts: int = 0
    outputs: tuple[FrameCounts, ...] = ()

    def __add__(self, report: Report) -> StreamTotals:
        """These counts and those of one more run."""
        pairs = zip_longest(self.outputs, (own.counts for own in report.outputs), fillvalue=NO_FRAMES)
        return StreamTotals(
            self.counts + report.counts,
            self.reconnects + report.reconnects,
            self.restarts,
            tuple(before + own for before, own in pairs),
        )
