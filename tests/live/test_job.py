"""Live jobs: every frame is counted, however the run ends, and the host of a job is told."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from streamfix.chainspec import FilterSpec
from streamfix.errors import Cancelled, IncompleteOutput, OutputError, UsageError
from streamfix.filters import FILTERS
from streamfix.filters.base import Filter
from streamfix.frame import Frame
from streamfix.jobs import Hosting, Job, JobSpec, build_job
from streamfix.live.camera.source import LiveSource
from streamfix.live.health import Health
from streamfix.live.policy import LivePolicy
from streamfix.media.specs import InputSpec, OutputSpec
from tests.apps.material import levels, write_clip
from tests.fakes.waiting import LONG_S, joined, until

PATIENT = LivePolicy(max_latency_s=60.0)


class Plain(Filter[None]):
    """Changes nothing."""

    layout = "luma"

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return x


class Gated(Plain):
    """Waits for the test at the third frame of a run, or at the one that `at` says."""

    gate = threading.Event()
    calls, at = 0, 3

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        Gated.calls += 1
        if Gated.calls == Gated.at:
            Gated.gate.wait(LONG_S)
        return x


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FILTERS, "_classes", {**FILTERS._classes, "plain": Plain, "gated": Gated})
    monkeypatch.setattr(Gated, "gate", threading.Event())
    monkeypatch.setattr(Gated, "calls", 0)


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("camera") / "in.mkv", 25, audio=True)


def spec(camera: Path, out: Path, filter: str = "", *, policy: LivePolicy = PATIENT, **input: Any) -> JobSpec:
    given = InputSpec(str(camera), realtime=True, **input)
    chain = [FilterSpec(filter)] if filter else []
    return JobSpec((given,), (OutputSpec(str(out), video_codec="ffv1"),), chain, device="cpu", live=policy)


def assert_law(job: Job) -> None:
    assert job.health is not None
    report = job.health.report()
    assert report.counts.received == report.counts.written + report.counts.dropped_total, report


@pytest.mark.parametrize("filter", ["", "plain"])
def test_a_run_to_the_end(camera: Path, tmp_path: Path, filter: str) -> None:
    job = build_job(spec(camera, tmp_path / "out.mkv", filter))
    job.run()
    assert_law(job)
    assert job.health is not None
    report = job.health.report()
    counts = report.counts
    assert (report.state, counts.received, counts.written, counts.dropped) == ("stopped", 25, 25, {})
    assert levels(tmp_path / "out.mkv") == list(range(25))
    progress = job.progress
    assert (progress.frames, progress.counts.dropped_total) == (25, 0)
    assert progress.health is not None
    assert progress.health.counts.written == 25
    assert progress.busy_s["encode"] > 0


def test_what_the_filters_have_no_time_for_is_dropped_and_counted(
    camera: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording that misses pictures is not complete."""
    monkeypatch.setattr(Gated, "at", 1)  # two frames that a busy machine makes late would take the filter out
    policy = LivePolicy(max_latency_s=0.01, ladder=(), queue_s=0.0)
    # Again and again: on a busy machine one second of pictures may all have come before the filter begins.
    job = build_job(spec(camera, tmp_path / "out.mkv", "gated", policy=policy, loops=60))
    assert job.health is not None
    health = job.health
    errors: list[BaseException] = []

    def run() -> None:
        try:
            job.run()
        except IncompleteOutput as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: health.report().counts.dropped.get("overload", 0) >= 3)
    job.stop()
    Gated.gate.set()
    joined(thread)
    assert_law(job)
    assert f"{health.report().counts.dropped['overload']} pictures are missing" in str(errors[0])
    assert [e.text for e in health.events if "some are left out" in e.text] == [
        "the filters are too slow: 0 s or 256 MiB of pictures wait already, some are left out"
    ]
    report = health.report()
    assert report.counts.written >= 1
    assert report.counts.late > 0
    assert len(levels(tmp_path / "out.mkv")) == report.counts.written
    assert job.progress.counts.dropped_total == report.counts.dropped_total


def test_a_recording_loses_nothing_to_filters_that_pause(camera: Path, tmp_path: Path) -> None:
    """Everything that the camera sends meanwhile waits, though the budget for latency is long exceeded."""
    policy = LivePolicy(max_latency_s=0.01, ladder=())
    job = build_job(spec(camera, tmp_path / "out.mkv", "gated", policy=policy))
    thread = threading.Thread(target=job.run)
    thread.start()
    assert isinstance(job.reader, LiveSource)
    connection = job.reader._camera._connection
    assert connection is not None
    until(lambda: connection._finished, "all has been read")
    Gated.gate.set()
    joined(thread)
    assert_law(job)
    assert job.health is not None
    counts = job.health.report().counts
    assert (counts.written, counts.dropped) == (25, {})
    assert levels(tmp_path / "out.mkv") == list(range(25))


@pytest.mark.parametrize("how", ["stop", "cancel"])
def test_an_end_from_outside(camera: Path, tmp_path: Path, how: str) -> None:
    job = build_job(spec(camera, tmp_path / "out.mkv", "gated", loops=-1))
    assert job.health is not None
    health = job.health
    error: list[BaseException] = []

    def run() -> None:
        try:
            job.run()
        except Cancelled as caught:
            error.append(caught)

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: Gated.calls >= 3)
    getattr(job, how)()
    Gated.gate.set()
    joined(thread)
    assert_law(job)
    report = health.report()
    assert report.state == "stopped", "a cancel is no error"
    assert len(error) == (how == "cancel")
    if how == "stop":
        assert set(report.counts.dropped) <= {"overload"}
        assert len(levels(tmp_path / "out.mkv")) == report.counts.written


def test_an_error_is_the_state_in_the_end(camera: Path) -> None:
    job = build_job(
        JobSpec((InputSpec(str(camera), realtime=True),), (OutputSpec("/dev/full", format="mpegts"),), live=PATIENT)
    )
    with pytest.raises(OutputError, match="No space left"):
        job.run()
    assert_law(job)
    assert job.health is not None
    assert job.health.report().state == "error"
    assert "No space left" in job.health.report().reason


def test_the_host_of_a_job_is_told(camera: Path, tmp_path: Path) -> None:
    health, opening, sizes = Health("yard"), list[Any](), list[int]()
    worked: list[tuple[str, bool]] = []
    hosting = Hosting(
        health=health,
        opening=opening.append,
        admit=lambda info: sizes.append(info.width),
        worked=lambda stage, item, seconds: worked.append((stage, isinstance(item, Frame))),
    )
    job = build_job(spec(camera, tmp_path / "out.mkv", "plain"), hosting)
    job.run()
    assert (opening, sizes, job.health) == ([job.reader], [48], health)
    assert worked.count(("encode", True)) == worked.count(("restore", True)) == 25
    assert health.report().counts.written == 25


def test_an_opening_can_be_ended(tmp_path: Path) -> None:
    """A job that waits for its camera, perhaps for ever."""
    waiting = JobSpec((InputSpec("udp://127.0.0.1:9"),), (OutputSpec(str(tmp_path / "out.mkv")),), live=LivePolicy())
    with pytest.raises(Cancelled, match="stopped before"):
        build_job(waiting, Hosting(opening=lambda source: source.stop()))
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_is_not_admitted_leaves_nothing(camera: Path, tmp_path: Path) -> None:
    def refuse(info: Any) -> None:
        raise UsageError("the machine is full")

    with pytest.raises(UsageError, match="the machine is full"):
        build_job(spec(camera, tmp_path / "out.mkv", "plain"), Hosting(admit=refuse))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="the machine is full"):
        build_job(JobSpec((InputSpec(str(camera)),), (OutputSpec(str(tmp_path / "o.mkv")),)), Hosting(admit=refuse))


def test_a_live_job_has_one_input(camera: Path, tmp_path: Path) -> None:
    two = (InputSpec(str(camera)), InputSpec(str(camera)))
    with pytest.raises(UsageError, match="has one input, got 2"):
        build_job(JobSpec(two, (OutputSpec(str(tmp_path / "out.mkv")),), live=PATIENT))


def test_files_may_have_several_outputs_too(camera: Path, tmp_path: Path) -> None:
    outputs = [OutputSpec(str(tmp_path / f"{i}.mkv"), video_codec="ffv1", audio=i < 2) for i in range(3)]
    job = build_job(JobSpec((InputSpec(str(camera)),), outputs))
    job.run()
    assert job.health is None
    assert job.progress.frames == 25
    assert [levels(tmp_path / f"{i}.mkv") for i in range(3)] == [list(range(25))] * 3
