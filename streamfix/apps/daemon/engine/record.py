"""What is kept of a stream over all its runs: counts that only grow, histograms, the last hour."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from math import nan

from ....frame import Frame
from ....live.health import Event, Health
from .history import History, Step, quantile
from .tally import LATENCY_BOUNDS_S, STAGE_BOUNDS_S, Histogram, StreamTotals

_BETWEEN_STEPS = 4096  # latencies that are kept for the next step of the history


class StreamHealth(Health):
    """A health that passes on the latency of every frame that is written."""

    def __init__(self, name: str, on_latency: Callable[[float], None], on_event: Callable[[Event], None]) -> None:
        super().__init__(name, on_event)
        self._on_latency = on_latency

    def written(self, latency_s: float | None, *, late: bool = False) -> None:
        super().written(latency_s, late=late)
        if latency_s is not None:
            self._on_latency(latency_s)

    def latency(self, latency_s: float) -> None:
        self._on_latency(latency_s)


class StreamRecord:
    """What is kept of one stream. Every method may be called from any thread.

    latencies: of all frames written. stages: seconds that each thread works on a frame, by the thread's name.
    """

    def __init__(self) -> None:
        self.history = History()
        self.latencies = Histogram(LATENCY_BOUNDS_S)
        self.stages: dict[str, Histogram] = {}
        self._recent: deque[float] = deque(maxlen=_BETWEEN_STEPS)
        self._ended = StreamTotals()
        self._health: Health | None = None
        self._lock = threading.Lock()
        self._stepped: tuple[float, StreamTotals] | None = None

    def begin(self, on_health: Health) -> None:
        """Begin a run, and add up the one before."""
        with self._lock:
            self._ended = self._now()
            self._health = on_health

    def failed(self) -> None:
        """Count a run that has ended in an error."""
        with self._lock:
            self._ended = replace(self._ended, restarts=self._ended.restarts + 1)

    def latency(self, latency_s: float) -> None:
        """Note the seconds from a frame's arrival to its delivery."""
        self.latencies.observe(latency_s)
        self._recent.append(latency_s)

    def worked(self, stage: str, item: object, seconds: float) -> None:
        """Note the seconds that a thread has worked on an item."""
        if isinstance(item, Frame):
            if stage not in self.stages:
                with self._lock:
                    self.stages = {**self.stages, stage: self.stages.get(stage) or Histogram(STAGE_BOUNDS_S)}
            self.stages[stage].observe(seconds)

    @property
    def totals(self) -> StreamTotals:
        """All runs together."""
        with self._lock:
            return self._now()

    def step(self, now_s: float) -> None:
        """Add a step to the history. now_s: monotonic seconds."""
        report = None if self._health is None else self._health.report()
        totals, before = self.totals, self._stepped
        self._stepped = now_s, totals
        recent = sorted(self._recent.popleft() for _ in range(len(self._recent)))
        if before is None or now_s <= before[0]:
            return
        took_s, then = now_s - before[0], before[1]
        noise = nan if report is None else report.figures.get("noise_luma", nan)
        self.history.add(
            Step(
                time.time(),
                (totals.counts.written - then.counts.written) / took_s,
                quantile(recent, 0.5),
                quantile(recent, 0.99),
                totals.counts.dropped_total - then.counts.dropped_total,
                noise,
            )
        )

    def _now(self) -> StreamTotals:
        return self._ended if self._health is None else self._ended + self._health.report()
