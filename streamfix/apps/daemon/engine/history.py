"""The last hour of a stream, for charts, in a fixed amount of memory."""

from __future__ import annotations

import threading
from array import array
from dataclasses import dataclass, fields
from math import isnan, nan

STEP_S = 5.0
STEPS = 720  # an hour


@dataclass(frozen=True, slots=True)
class Step:
    """The measurements of one step; nan where nothing was measured.

    t: Unix seconds at the step's end. dropped: frames in this step. noise: of luma, in 8-bit codes.
    """

    t: float
    fps: float = nan
    latency_p50: float = nan
    latency_p99: float = nan
    dropped: float = 0.0
    noise: float = nan


_NAMES = tuple(field.name for field in fields(Step))


class History:
    """Keeps the newest `steps` steps."""

    def __init__(self, steps: int = STEPS) -> None:
        self._columns = {name: array("d", [nan]) * steps for name in _NAMES}
        self._steps = steps
        self._count = 0  # steps added so far
        self._lock = threading.Lock()

    def add(self, step: Step) -> None:
        """Add a step; the oldest one goes when the history is full."""
        with self._lock:
            for name in _NAMES:
                self._columns[name][self._count % self._steps] = getattr(step, name)
            self._count += 1

    def read(self) -> dict[str, float | list[float | None]]:
        """step_s, and a list for each measure, oldest first; None where nothing was measured."""
        with self._lock:
            first = max(0, self._count - self._steps)
            order = [i % self._steps for i in range(first, self._count)]
            columns = {name: [column[i] for i in order] for name, column in self._columns.items()}
        found: dict[str, float | list[float | None]] = {"step_s": STEP_S}
        for name, values in columns.items():
            found[name] = [None if isnan(value) else value for value in values]
        return found


def quantile(values: list[float], part: float) -> float:
    """The value below which `part` of the sorted values lie; nan for an empty list."""
    return values[min(int(part * len(values)), len(values) - 1)] if values else nan
