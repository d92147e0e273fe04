"""What has been counted of a stream since the daemon began: it only ever grows, however often the stream restarts."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from ....live.health import OutputReport, Report

# Seconds. Around what live video is asked for: from a frame of a small picture on a GPU to a stream that lags.
LATENCY_BOUNDS_S = (0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
STAGE_BOUNDS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0)


class Histogram:
    """Counts values by size. bounds: the upper end of each class, which it includes; one more has the rest."""

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
        """Pairs of a bound and how many values are at most that, the last for all; and the sum of all values."""
        with self._lock:
            total, pairs = 0, []
            for bound, count in zip((*self.bounds, float("inf")), self._counts, strict=True):
                total += count
                pairs.append((bound, total))
            return pairs, self._sum


@dataclass(frozen=True, slots=True)
class OutputTotals:
    """One output's frames, see `OutputReport`."""

    written: int = 0
    late: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def __add__(self, report: OutputReport) -> OutputTotals:
        """These and a run's."""
        return OutputTotals(
            self.written + report.written, self.late + report.late, self.dropped + Counter(report.dropped)
        )


@dataclass(slots=True)
class Totals:
    """Frames by what became of them, see `Report`; restarts: how often a run has ended in an error."""

    received: int = 0
    written: int = 0
    damaged: int = 0
    standing_in: int = 0
    late: int = 0
    reconnects: int = 0
    restarts: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    outputs: tuple[OutputTotals, ...] = ()

    def __add__(self, report: Report) -> Totals:
        """These and a run's."""
        return Totals(
            self.received + report.received,
            self.written + report.written,
            self.damaged + report.damaged,
            self.standing_in + report.standing_in,
            self.late + report.late,
            self.reconnects + report.reconnects,
            self.restarts,
            self.dropped + Counter(report.dropped),
            self._with(report.outputs),
        )

    def _with(self, reports: Sequence[OutputReport]) -> tuple[OutputTotals, ...]:
        pairs = zip_longest(self.outputs, reports)
        return tuple((total or OutputTotals()) + (report or OutputReport("")) for total, report in pairs)
