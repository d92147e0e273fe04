"""Filters under test: what is judged is what a user of the same chain would get."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
import torch.nn.functional as F
from torch import Tensor

from streamfix.chainspec import parse_chain
from streamfix.errors import BadOption
from streamfix.evaluation import subjects
from streamfix.evaluation.clip import Clip
from streamfix.evaluation.metrics import Judge
from streamfix.evaluation.subjects import fill, restore
from streamfix.evaluation.suites import degrade, degrade_still
from streamfix.filters import FILTERS
from streamfix.filters.base import Filter
from streamfix.frame import Frame
from streamfix.jobs import restore_stage
from streamfix.pipeline import Stage
from tests.evaluation.material import moving, texture

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


class Twice(Filter[None]):
    """Every pixel four times, in any layout: an upscaler as a plugin would bring it."""

    layout = "yuv420"
    scale = 2

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return F.interpolate(x[:, 0], scale_factor=2, mode="nearest")[:, None]


@pytest.fixture
def _twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FILTERS, "_classes", {**FILTERS._classes, "twice": Twice})


@pytest.mark.usefixtures("_twice")
@pytest.mark.parametrize("suite", ["sr-x2", "sr-area-x2", "sr-coded"])
def test_an_upscaler_is_measured_by_the_chain_that_a_user_writes(suite: str) -> None:
    degraded = degrade(suite, "street", moving(8))
    found = restore("twice", degraded).clip
    assert found.size == degraded.truth.size
    judge = Judge(degraded.truth, degraded.scale)
    assert 15 < judge(found).psnr_y < judge(degraded.shown()).psnr_y
    # What keeps the size is followed by bicubic.
    kept = restore("smooth=strength=0,hflip,hflip", degraded).clip
    assert kept.size == degraded.truth.size and judge(kept).psnr_y == pytest.approx(judge(degraded.shown()).psnr_y)


@pytest.mark.usefixtures("_twice")
def test_an_upscaler_of_odd_pictures_is_measured() -> None:
    rgb = np.stack([np.rint(texture(70, 62, seed)) for seed in range(3)], -1).astype(np.uint8)
    degraded = degrade_still("sr-x2", "baby", rgb)
    assert degraded.noisy.size == (31, 35)
    assert restore("twice", degraded).clip.size == (62, 70)


@pytest.mark.usefixtures("_twice")
@pytest.mark.parametrize(("chain", "suite"), [("twice", "gaussian-20"), ("twice", "sr-x4"), ("twice,twice", "sr-x2")])
def test_the_wrong_scale_is_refused(chain: str, suite: str) -> None:
    with pytest.raises(BadOption, match=r"twice makes 4 frames of \d+x\d+ from 4 of"):
        restore(chain, degrade(suite, "street", moving(4)))


def test_what_cannot_be_judged_is_refused() -> None:
    with pytest.raises(BadOption, match="null does nothing"):
        restore("null", DEGRADED)
    for chain in ("scale=32:24", "format=rgb24"):
        with pytest.raises(BadOption, match=r"only restorers .*can be judged"):
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

    monkeypatch.setattr(subjects, "restore_stage", lambda *_, **__: Ahead())
    monkeypatch.setattr(subjects, "time", SimpleNamespace(perf_counter=lambda: now_s))
    run = restore("smooth", DEGRADED)
    assert run.fps == pytest.approx(10)
