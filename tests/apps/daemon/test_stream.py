"""One stream: it is started, stopped and started anew; whatever it dies of is told, counted, and tried again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.apps.daemon.config.spec import OutputConfig
from streamfix.apps.daemon.engine import stream as stream_module
from streamfix.apps.daemon.engine.control import Conflict
from streamfix.apps.daemon.engine.run import WELL_S, Run
from streamfix.apps.daemon.engine.stream import ManagedStream
from streamfix.errors import (
    BadOption,
    FilterError,
    IncompleteOutput,
    InputError,
    LoginRefused,
    OutputError,
    UnknownName,
    UnusableInput,
    UsageError,
)
from streamfix.frame import VideoInfo
from streamfix.jobs import Hosting, Job, JobSpec
from streamfix.live.policy import LivePolicy
from streamfix.pipeline import Source
from tests.apps.daemon.engine import INFO, Builder, spec_of, stream_config
from tests.fakes.clock import Clock
from tests.fakes.waiting import LONG_S, joined, until

Make = Callable[..., ManagedStream]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes streams; stops them in the end."""
    made: list[ManagedStream] = []

    def make(builder: Builder, **options: Any) -> ManagedStream:
        config = options.pop("config", stream_config())
        stream = ManagedStream(
            config, options.pop("job_spec", spec_of), build=builder, **{"backoff_s": (0.0,), **options}
        )
        made.append(stream)
        return stream

    yield make
    for stream in made:
        stream.stop()


class Failing:
    """Opens the input after so many failures."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def __call__(self, spec: JobSpec) -> VideoInfo:
        if self.errors:
            raise self.errors.pop(0)
        return INFO


def test_a_stream_runs_from_start_to_stop(make: Make) -> None:
    builder = Builder()
    stream = make(builder)
    assert stream.status()["state"] == "stopped"
    assert not stream.running
    stream.start()
    job = builder.job("yard")
    stream.start()
    job.frames(3)
    status = stream.status()
    assert (status["state"], status["received"], status["written"], status["size"]) == ("running", 3, 3, [320, 180])
    assert stream.stop()
    assert (job.stopped, job.cancelled, len(builder.made["yard"])) == (True, False, 1)
    status = stream.status()
    assert (status["state"], status["reason"], stream.running) == ("stopped", "stopped", False)
    stream.start()
    assert stream.status()["state"] in ("starting", "running"), "at once, and nothing of the run before"
    builder.job("yard", 2)
    assert (stream.status()["state"], stream.status()["written"]) == ("running", 0)


class Made:
    """What was made for a stream's start. closed: how often."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_what_was_made_for_a_start_is_released_once_whatever_becomes_of_it(make: Make) -> None:
    runs, fails, stopped = Made(), Made(), Made()
    builder = Builder()
    stream = make(builder)
    stream.start(runs)
    builder.job("yard")
    until(lambda: runs.closed == 1, "the job has its own")
    stream.start()
    stream.stop()
    failing = make(Builder(Failing(InputError("no route"))), backoff_s=(3600.0,))
    failing.start(fails)
    until(lambda: failing.waiting == "attempt")
    failing.stop()
    waiting = make(Builder(), job_spec=lambda config: spec_of(config))
    waiting.start(stopped)
    waiting.stop()
    assert (runs.closed, fails.closed, stopped.closed) == (1, 1, 1)


def test_no_thread_is_left(make: Make) -> None:
    before = set(threading.enumerate())
    stream = make(Builder(Failing(*(InputError("no camera") for _ in range(20)))))
    stream.start()
    until(lambda: stream.status()["state"] == "running")
    stream.stop()
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("error", [FilterError("out of memory"), InputError("no route"), ZeroDivisionError("a bug")])
def test_an_error_is_told_counted_and_tried_again(make: Make, error: Exception) -> None:
    builder = Builder()
    stream = make(builder)
    stream.start()
    builder.job("yard").frames(5)
    builder.job("yard").end(error)
    builder.job("yard", 2).frames(2)
    assert stream.status()["state"] == "running"
    assert [e.text for e in stream.events if e.kind == "state" and str(error) in e.text]
    totals = stream.record.totals
    assert (totals.restarts, totals.counts.written, stream.status()["written"]) == (1, 7, 2)


def test_an_error_while_opening_is_no_other(make: Make) -> None:
    stream = make(Builder(Failing(InputError("no route"), FilterError("no weights"))))
    stream.start()
    until(lambda: stream.status()["state"] == "running")
    assert stream.record.totals.restarts == 2


def test_between_attempts_it_is_in_error_and_can_be_stopped(make: Make) -> None:
    stream = make(Builder(Failing(InputError("no route to rtsp://user:hush@10.0.0.5/yard"))), backoff_s=(3600.0,))
    stream.start()
    until(lambda: stream.waiting == "attempt")
    status = stream.status()
    assert status["state"] == "error"
    assert "no route" in str(status["reason"])
    until(lambda: stream.status()["next_try"] is not None)
    assert stream.next_try_s == pytest.approx(time.time() + 3600, abs=0.2 * 3600 + LONG_S)
    stream.retry()
    until(lambda: stream.status()["state"] == "running")
    assert stream.status()["next_try"] is None


def test_a_retry_reaches_the_job_whose_camera_is_away(make: Make) -> None:
    """While the job waits for its first picture, and later too."""
    asked = threading.Semaphore(0)

    class Opening:
        stopped = threading.Event()

        def retry(self) -> None:
            asked.release()

        def stop(self) -> None:
            self.stopped.set()

    def build(spec: JobSpec, hosting: Hosting) -> Job:
        assert hosting.health is not None
        hosting.health.lost("401 Unauthorized", 600)
        source = Opening()
        hosting.opening(cast(Source, source))
        assert source.stopped.wait(LONG_S)
        raise InputError("stopped")

    stream = make(build)
    stream.start()
    until(lambda: stream.next_try_s is not None)

    def reached() -> bool:
        stream.retry()
        return asked.acquire(blocking=False)

    until(reached)
    assert stream.stop()
    assert stream.next_try_s is None


def test_a_wrong_request_is_asked_again_seldom_and_told_once(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """A secret or a name may be missing for a moment; most are wrong for good."""
    attempts = threading.Semaphore(0)

    def wrong(config: Any) -> JobSpec:
        attempts.release()
        raise UsageError("${env:CAM}: the variable is not set")

    stream = make(Builder(), job_spec=wrong, backoff_s=(0.0, 0.02))
    stream.start()
    for _ in range(3):
        assert attempts.acquire(timeout=LONG_S)
    assert stream.stop()
    said = [
        r for r in caplog.records if "CAM" in r.getMessage() and r.levelname == "ERROR" and r.name.endswith("daemon")
    ]
    assert len(said) == 1
    stream = make(Builder(), job_spec=wrong, backoff_s=(0.0, 3600.0))
    stream.start()
    until(lambda: stream.waiting == "attempt")
    status = stream.status()
    assert (status["state"], status["reason"]) == ("error", "${env:CAM}: the variable is not set")
    assert stream.stop()
    assert stream.record.totals.restarts == 1


@pytest.mark.parametrize("kind", [UnusableInput, BadOption, UnknownName, IncompleteOutput])
def test_what_no_attempt_can_mend_is_tried_once_and_again_by_hand(
    make: Make, caplog: pytest.LogCaptureFixture, kind: type[Exception]
) -> None:
    failing = Failing(kind("rtsp://user:hush@cam/1: no such transport"))
    stream = make(Builder(failing), backoff_s=(0.0,))
    stream.start()
    until(lambda: stream.waiting == "change")
    status = stream.status()
    assert (status["state"], status["next_try"]) == ("error", None)
    assert status["reason"] == "rtsp://***@cam/1: no such transport"
    assert stream.record.totals.restarts == 1
    said = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert said == ["yard: rtsp://***@cam/1: no such transport; it is not tried again until it is changed or told to"]
    stream.retry()
    until(lambda: stream.status()["state"] == "running")


def test_a_wrong_password_of_a_stream_that_ends_with_its_camera_is_tried_after_minutes(make: Make) -> None:
    failing = Failing(*(LoginRefused("rtsp://***@cam/1: 401 Unauthorized") for _ in range(3)))
    stream = make(Builder(failing), backoff_s=(0.0,))
    stream.start()
    for failures, wait_s in enumerate(LivePolicy().login_backoff_s[:3], 1):
        until(lambda failures=failures: stream.record.totals.restarts == failures and stream.next_try_s)  # type: ignore[misc]
        assert stream.status()["state"] == "error"
        assert stream.next_try_s == pytest.approx(time.time() + wait_s, abs=0.2 * wait_s + LONG_S / 4)
        stream.retry()
    until(lambda: stream.status()["state"] == "running")


def test_who_is_refused_waits_for_room(make: Make) -> None:
    full = threading.Event()
    full.set()

    def admit(name: str, spec: JobSpec, info: VideoInfo) -> None:
        if full.is_set():
            raise Conflict(f"{name} needs 1.00 cores, 1.80 of 1.80 are taken")

    builder = Builder()
    stream = make(builder, admit=admit)
    stream.start()
    stream.wait_settled(LONG_S)
    assert isinstance(stream.error, Conflict)
    assert (stream.waiting, stream.status()["state"]) == ("room", "error")
    assert "1.80 of 1.80 are taken" in str(stream.status()["reason"])
    full.clear()
    stream.retry()
    builder.job("yard")
    assert stream.error is None


def test_the_end_of_the_input_is_no_error(make: Make) -> None:
    builder = Builder()
    stream = make(builder)
    stream.start()
    builder.job("yard").end()
    until(lambda: not stream.running)
    status = stream.status()
    assert (status["state"], status["reason"]) == ("stopped", "its input has ended")
    assert len(builder.made["yard"]) == 1


def test_stop_reaches_a_source_that_is_being_opened(make: Make) -> None:
    asked, given = threading.Event(), threading.Event()

    class Source:
        def stop(self) -> None:
            asked.set()

    def build(spec: JobSpec, hosting: Any) -> Any:
        hosting.opening(Source())
        given.set()
        assert asked.wait(LONG_S)
        raise InputError("stopped while connecting")

    stream = make(Builder())
    stream._build = build
    stream.start()
    assert given.wait(LONG_S)
    assert stream.stop()
    assert (stream.status()["state"], stream.record.totals.restarts) == ("stopped", 0)


def test_outputs_that_a_stop_could_not_finish_are_told(make: Make) -> None:
    builder = Builder(stuck=True)
    stream = make(builder)
    stream.start()
    job = builder.job("yard")
    job.frames(3)
    finished: list[bool] = []
    stopping = threading.Thread(target=lambda: finished.append(stream.stop()))
    stopping.start()
    until(lambda: job.stopped)
    job.end(OutputError("yard.mp4: No space left on device"))
    joined(stopping)
    assert finished == [False]
    assert stream.stop(), "that was told"
    assert stream.status()["reason"] == "stopped, but yard.mp4: No space left on device"
    assert stream.status()["state"] == "stopped"
    builder.stuck = False
    stream.start()
    assert stream.stop(), "the next run is another"


def test_a_job_that_does_not_finish_is_cancelled(make: Make) -> None:
    builder = Builder(stuck=True)
    stream = make(builder)
    stream.start()
    job = builder.job("yard")
    assert not stream.stop(limit_s=0.0), "what is unfinished is lost"
    assert job.cancelled
    assert stream.status()["state"] == "stopped"


def test_one_that_does_not_even_then_is_left_behind_and_disturbs_nobody(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "_PATIENCE_S", 0.0)
    builder = Builder(stuck=True)
    stream = make(builder)
    stream.start()
    stuck = builder.job("yard")
    stuck.cancel = lambda: None  # type: ignore[method-assign]
    assert not stream.stop(limit_s=0.0)
    builder.stuck = False
    stream.start()
    builder.job("yard", 2).frames(2)
    stuck.end(FilterError("much too late"))
    until(lambda: sum(t.name == "stream yard" for t in threading.enumerate()) == 1)
    assert stream.status()["state"] == "running"
    assert stream.latest is None
    assert stream.record.totals.restarts == 0


def test_what_becomes_of_an_output_is_shown_with_it(make: Make) -> None:
    """Also where the configuration has a reference, and the job what it stands for."""
    outputs = tuple(OutputConfig(f"rtsp://${{env:{name}}}/yard") for name in ("A", "B"))
    builder = Builder()
    stream = make(builder, config=stream_config(outputs=outputs))
    stream.start()
    health = builder.job("yard").health
    health.output(0, "rtsp://A.example/yard", "")
    health.output(1, "rtsp://B.example/yard", "broken pipe")
    health.output_wrote(0, late=True)
    health.output_left_out(1, "output")
    status = stream.status()
    assert status["state"] == "degraded"
    assert status["outputs"] == [
        {"url": "rtsp://${env:A}/yard", "trouble": "", "written": 1, "late": 1, "dropped": {}},
        {"url": "rtsp://${env:B}/yard", "trouble": "broken pipe", "written": 0, "late": 0, "dropped": {"output": 1}},
    ]
    stream.stop()
    stream.config = stream_config(outputs=outputs[:1])
    assert [o["url"] for o in stream.status()["outputs"]] == ["rtsp://${env:A}/yard"]  # type: ignore[attr-defined]


def test_nothing_is_done_again_because_one_output_lacked_something(make: Make) -> None:
    """The input has ended, the other outputs are complete."""
    builder = Builder()
    stream = make(builder)
    stream.start()
    builder.job("yard").end(IncompleteOutput("rec.mkv: No space left on device"))
    until(lambda: stream.waiting == "change")
    assert (stream.status()["state"], stream.status()["reason"]) == ("error", "rec.mkv: No space left on device")
    assert len(builder.made["yard"]) == 1
    stream.stop()


def test_what_was_on_its_way_when_a_run_could_not_begin_is_counted(make: Make) -> None:
    """Pictures had come, then an output was refused: there never was a job."""

    def refuse(spec: JobSpec, hosting: Hosting) -> Job:
        assert hosting.health is not None
        for _ in range(3):
            hosting.health.received()
        raise UsageError("o.mkv: exists already")

    stream = make(refuse, backoff_s=(3600.0,))
    stream.start()
    until(lambda: stream.waiting == "attempt")
    assert stream.report is not None
    assert (stream.report.counts.in_flight, stream.report.counts.dropped) == (0, {"error": 3})
    stream.stop()


def test_who_is_stopped_before_it_has_begun_is_stopped(make: Make) -> None:
    stream = make(Builder(), config=stream_config("yard"))
    run = Run("yard", lambda run: None, lambda error: None)
    run.stop()
    stream.start()
    stream.stop()
    stream._run = run
    run.start()
    assert run.join(LONG_S)
    stream._begin()
    assert stream.status()["state"] == "stopped"


def test_credentials_are_shown_nowhere(make: Make) -> None:
    stream = make(Builder(Failing(InputError("rtsp://user:hush@10.0.0.5/yard: 401 Unauthorized"))), backoff_s=(3600.0,))
    stream.start()
    until(lambda: stream.waiting == "attempt")
    said = [str(stream.status()), *(event.text for event in stream.events)]
    assert "401 Unauthorized" in said[0]
    assert "hush" not in "".join(said)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["error", "restart"])), min_size=1, max_size=5))
def test_counts_only_grow(steps: list[tuple[int, str]]) -> None:
    """However often it restarts, and whyever: nothing that was counted is forgotten."""
    builder, written = Builder(), 0
    stream = ManagedStream(stream_config(), spec_of, build=builder, backoff_s=(0.0,))
    stream.start()
    for nth, (frames, how) in enumerate(steps, 1):
        job = builder.job("yard", nth)
        job.frames(frames)
        written += frames
        assert (stream.record.totals.counts.written, stream.record.totals.counts.received) == (written, written)
        if how == "error":
            job.end(InputError("gone"))
        else:
            stream.stop()
            stream.start()
    builder.job("yard", len(steps) + 1)
    stream.stop()
    assert stream.record.totals.counts.written == written
    pairs, _ = stream.record.latencies.read()
    assert pairs[-1] == (float("inf"), written)
    assert stream.record.totals.restarts == sum(how == "error" for _, how in steps)


@given(st.lists(st.sampled_from([0.0, WELL_S]), min_size=1, max_size=8))
def test_waits_grow_until_a_run_was_well(lengths: list[float]) -> None:
    """1, 5, 10, 60, 60 ... seconds, a fifth more or less; after a run of half a minute 1 again."""
    clock, waits, failures = Clock(), [], 0
    left = list(lengths)

    def attempt(run: Run) -> None:
        if not left:
            return
        clock.now_s += left.pop(0)
        raise InputError("gone")

    run = Run("yard", attempt, lambda error: None, clock=clock)

    class Waited(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout)
            return True

    run._wake = Waited()
    run.start()
    assert run.join(LONG_S)
    assert len(waits) == len(lengths)
    for length, wait_s in zip(lengths, waits, strict=True):
        failures = 1 if length >= WELL_S else failures + 1
        middle = (1, 5, 10, 60)[min(failures, 4) - 1]
        assert wait_s is not None
        assert 0.8 * middle <= wait_s <= 1.2 * middle


# -- zones

DOOR, GATE = {"door": "0 0, 1 0, 1 1"}, {"gate": "0 0, 1 0, 0 1"}


class Covered:
    """A source whose masks change."""

    def __init__(self) -> None:
        self.masks: list[object] = []

    def stop(self) -> None: ...

    def cover(self, privacy: object) -> None:
        self.masks.append(privacy)


@pytest.mark.parametrize("when", ["while it opens", "while it runs"])
def test_new_zones_reach_the_run_and_restart_nothing(make: Make, when: str) -> None:
    builder, source = Builder(), Covered()

    def build(spec: JobSpec, hosting: Hosting) -> Job:
        if when == "while it opens":
            stream.adopt(replace(stream.config, zones=DOOR))
        hosting.opening(cast("Source", source))
        return builder(spec, hosting)

    stream = make(build)
    stream.start()
    builder.job("yard")
    if when == "while it runs":
        stream.adopt(replace(stream.config, zones=DOOR))
    assert source.masks == [stream.config.privacy] != [None]
    stream.adopt(replace(stream.config, zones=GATE, zone_mode="mosaic"))
    stream.adopt(replace(stream.config, zones={}))
    assert [None if masks is None else masks.zones[0].name for masks in source.masks] == ["door", "gate", None]  # type: ignore[attr-defined]
    assert len(builder.made["yard"]) == 1


def test_the_picture_from_before_new_zones_is_shown_no_more(make: Make) -> None:
    builder, source = Builder(), Covered()

    def build(spec: JobSpec, hosting: Hosting) -> Job:
        hosting.opening(cast("Source", source))
        job = builder(spec, hosting)
        job.restoration = cast("Any", Showing())
        return job

    stream = make(build)
    stream.start()
    job = builder.job("yard")
    shown = cast("Any", job.restoration)
    until(lambda: stream.latest is shown.latest, "the first picture")
    stream.adopt(replace(stream.config, zones=DOOR))
    stream.adopt(replace(stream.config, zones=GATE))
    assert stream.latest is None
    shown.latest = (object(), object())
    assert stream.latest is shown.latest


class Showing:
    """A restoration that keeps its newest picture."""

    def __init__(self) -> None:
        self.latest: tuple[object, object] | None = (object(), object())


def test_zones_of_a_file_need_a_restart() -> None:
    own, other = stream_config(), stream_config(zones=DOOR)
    assert other.runs_like(own) and other != own
    chain = "privacy=zones=/srv/z.toml,denoise"
    assert not replace(other, filters=chain).runs_like(replace(own, filters=chain))
    assert not replace(other, audio=False).runs_like(own)
