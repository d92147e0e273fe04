"""Runs the steps of a stream's ladder: a step that fails is made again, or not used for a time."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ...frame import Frame
from ...pipeline import Stage, close_all
from ..health import Health
from .ladder import Ladder

T = TypeVar("T")

FAILURES, FAILURES_S = 3, 10.0  # a step that fails this often within that time is not used for a while
_REPORT_S = 1.0


@dataclass(slots=True)
class LadderStep:
    """One step of the ladder: a chain of filters that a stream can be restored with.

    name: the chain as text, "" passes pictures through. stage: runs it, None passes pictures through.
    make: makes the stage again after a failure; without it the stage stays.
    """

    name: str
    stage: Stage | None = None
    make: Callable[[], Stage | None] | None = None

    @property
    def title(self) -> str:
        """The name for people."""
        return self.name or "pass-through"

    def push(self, item: Any) -> list[Any]:
        return [item] if self.stage is None else list(self.stage.push(item))

    def flush(self) -> list[Any]:
        return [] if self.stage is None else list(self.stage.flush())

    def alone(self, frame: Frame) -> list[Any]:
        """What the chain makes of a single frame; the stage keeps nothing of it."""
        return [*self.push(replace(frame, cut=True)), *self.flush()]

    def report(self) -> Mapping[str, float]:
        return {} if self.stage is None else self.stage.report()

    def renew(self) -> None:
        """Close the stage and make it again, with new filters and state."""
        if self.make is not None:
            self.close()
            self.stage = self.make()

    def close(self) -> None:
        stage, self.stage = self.stage, None
        if stage is not None:
            stage.close()


class LadderRunner:
    """Has a stream's steps and uses the one that its ladder says; tells `health` of steps, failures and figures.

    all: the heaviest first. index: of the one in use.
    """

    def __init__(
        self, steps: Sequence[LadderStep], max_latency_s: float, health: Health, clock: Callable[[], float]
    ) -> None:
        self.all = tuple(steps)
        self.ladder = Ladder(len(self.all), max_latency_s, patience=random.uniform(1, 2))
        self.index = 0
        self._health, self._clock = health, clock
        self._failed_s: list[deque[float]] = [deque(maxlen=FAILURES) for _ in self.all]
        self._failures = 0
        self._broken: set[int] = set()  # not used, and to be made again before the next try
        self._reported_s = float("-inf")
        health.stepped(0, self.all[0].title, self.ladder.reason)

    @property
    def current(self) -> LadderStep:
        """The step in use."""
        return self.all[self.index]

    @property
    def must_step(self) -> bool:
        """True if the ladder says another step."""
        return self.ladder.step != self.index

    def step(self) -> None:
        """Use the step that the ladder says."""
        while (index := self.ladder.step) in self._broken and not self._is_mended(index):
            pass
        self.index = self.ladder.step
        self._health.stepped(self.index, self.current.title, self.ladder.reason)

    def attempt(self, index: int, call: Callable[[], T]) -> T | None:
        """The result of calling a step. None if it failed: that is told, and the step made again or given up."""
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - whatever a filter raises, the stream goes on and says so
            self._failed(index, error)
            return None

    def report(self, now_s: float) -> None:
        """Tell what the filters in use measure, about once a second."""
        if now_s - self._reported_s >= _REPORT_S:
            self._reported_s = now_s
            for name, value in self.current.report().items():
                self._health.figure(name, value)

    def close(self) -> None:
        close_all(self.all)

    def _failed(self, index: int, error: Exception) -> None:
        step, failed_s, now_s = self.all[index], self._failed_s[index], self._clock()
        self._failures += 1
        self._health.figure("filter_errors", self._failures)
        self._health.note("filter", f"{step.title} failed, so its frames pass unfiltered: {error}")
        failed_s.append(now_s)
        reason = f"{step.title} failed {FAILURES} times: {error}"
        given_up = len(failed_s) == FAILURES and now_s - failed_s[0] <= FAILURES_S
        if not given_up:
            try:
                step.renew()
            except Exception as again:  # noqa: BLE001 - the same
                given_up, reason = True, f"{step.title} failed and could not be made again: {again}"
        if given_up and index < len(self.all) - 1:
            self._broken.add(index)
            self.ladder.forbid(now_s, index, reason)
        self.ladder.pause()

    def _is_mended(self, index: int) -> bool:
        """Make a broken step again; if that fails, it is not used for longer."""
        step = self.all[index]
        try:
            step.renew()
        except Exception as error:  # noqa: BLE001 - whatever a filter raises
            self.ladder.forbid(self._clock(), index, f"{step.title} could not be made again: {error}")
            return False
        self._broken.discard(index)
        self._failed_s[index].clear()
        return True
