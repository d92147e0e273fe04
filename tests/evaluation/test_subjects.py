"""Filters under test: what is judged is what a user of the same chain would get."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from streamfix.chainspec import parse_chain
from streamfix.errors import BadOption
from streamfix.evaluation import subjects
from streamfix.evaluation.clip import Clip
from streamfix.evaluation.subjects import fill, restore
from streamfix.evaluation.suites import degrade
from streamfix.frame import Frame
from streamfix.jobs import restore_stage
from streamfix.pipeline import Stage
from tests.evaluation.material import moving

DEGRADED = degrade("gaussian-20", "street", moving(8))


@pytest.mark.parametrize("chain", ["smooth", "edge=strength=0.5", "smooth,edge", "hflip"])
def test_the_result_is_the_pipelines(chain: str) -> None:
    stage = restore_stage(parse_chain(chain))
    assert stage is not None
    items = [out for t in range(8) for out in stage.push(DEGRADED.noisy.frame(t))] + list(stage.flush())
    stage.close()
    wanted = Clip.from_frames([item for item in items if isinstance(item, Frame)])
    found = restore(chain, DEGRADED).clip
    assert all(np.array_equal(a, b) for a, b in zip(found.planes(), wanted.planes(), strict=True))


def test_the_known_noise_is_told_on_request() -> None:
    assert fill("smooth=sigma={sigma}", DEGRADED) == "smooth=sigma=20"
    assert fill("x={sigma}:{sigma_uv}", degrade("sensor-day", "street", moving(4))) != "x={sigma}:{sigma_uv}"
    told, right = restore("smooth=sigma={sigma}", DEGRADED), restore("smooth=sigma=20", DEGRADED)
    assert np.array_equal(told.clip.y, right.clip.y)


def test_speed_is_measured() -> None:
    run = restore("smooth", DEGRADED, skip=2)
    assert 0 < run.p50_ms <= run.p95_ms
    assert run.fps == pytest.approx(1000 / run.p50_ms)


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(BadOption, match="null does nothing"):
        restore("null", DEGRADED)
    for chain in ("scale=32:24", "format=rgb24"):
        with pytest.raises(BadOption, match="only restorers can be judged"):
            restore(chain, DEGRADED)


def test_the_time_of_frames_that_come_late_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """(Where a filter looks ahead, pushes that only filled it were timed, and its flush was not: 959 fps.)"""
    now_s = 0.0

    class Ahead(Stage):
        def __init__(self) -> None:
            self.held: list[Frame] = []

        def push(self, item: Frame) -> list[Frame]:
            self.held.append(item)
            return [self.give()] if len(self.held) > 6 else []

        def flush(self) -> list[Frame]:
            return [self.give() for _ in range(len(self.held))]

        def give(self) -> Frame:
            nonlocal now_s
            now_s += 0.1
            return self.held.pop(0)

    monkeypatch.setattr(subjects, "restore_stage", lambda *_: Ahead())
    monkeypatch.setattr(subjects, "time", SimpleNamespace(perf_counter=lambda: now_s))
    run = restore("smooth", DEGRADED)
    assert run.fps == pytest.approx(10)
