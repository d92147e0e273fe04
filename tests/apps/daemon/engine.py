"""Jobs that a test leads by the hand, in the place of real ones, and configurations for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, cast

from streamfix.apps.daemon.config.spec import OutputConfig, StreamConfig
from streamfix.apps.daemon.config.trial import Ground, Made
from streamfix.chainspec import FilterSpec
from streamfix.errors import Cancelled
from streamfix.frame import VideoInfo
from streamfix.jobs import Hosting, Job, JobSpec
from streamfix.live.policy import LivePolicy
from streamfix.media.specs import InputSpec, OutputSpec
from tests.fakes.waiting import LONG_S

_LONGEST_S = 4 * LONG_S  # that a fake job runs: longer than any test that waits for something

INFO = VideoInfo(320, 180, "yuv420p", Fraction(1, 90000), Fraction(25))


def stream_config(name: str = "yard", **fields: Any) -> StreamConfig:
    """A stream's configuration."""
    given: dict[str, Any] = {
        "input": f"rtsp://user:hush@10.0.0.5/{name}",
        "outputs": (OutputConfig(f"rtsp://m/{name}"),),
    }
    return StreamConfig(name, **{**given, **fields})


def spec_of(config: StreamConfig) -> JobSpec:
    """The job of a configuration, without secrets and files."""
    return JobSpec(
        (InputSpec(config.input),),
        (OutputSpec(config.outputs[0].url),),
        [FilterSpec(config.filters)] if config.filters else [],
        live=LivePolicy(),
    )


def untried(config: StreamConfig, ground: Ground) -> Made:
    """In place of a trial, for streams whose jobs are fake."""
    return Made()


class FakeJob:
    """Runs until it is stopped, cancelled, ended or failed."""

    def __init__(self, hosting: Hosting, *, stuck: bool = False) -> None:
        assert hosting.health is not None
        self.hosting, self.health = hosting, hosting.health
        self.restoration = None
        self.stuck = stuck
        self.running = threading.Event()
        self.stopped = self.cancelled = False
        self._over = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        self.health.connected()
        self.running.set()
        assert self._over.wait(_LONGEST_S), "nobody has ended this job"
        if self._error is not None:
            raise self._error

    def frames(self, count: int, latency_s: float = 0.05) -> None:
        """So many frames come and are written."""
        for _ in range(count):
            self.health.received()
            self.health.written(latency_s)

    def stop(self) -> None:
        self.stopped = True
        if not self.stuck:
            self._over.set()

    def cancel(self) -> None:
        self.cancelled = True
        if self.stuck:
            self._error = Cancelled("cancelled")
            self._over.set()

    def end(self, error: BaseException | None = None) -> None:
        """It ends by itself, or fails."""
        self._error = error
        self._over.set()


@dataclass
class Builder:
    """Makes fake jobs as `build_job` makes real ones.

    opens: called in place of opening the input; may raise. made: all jobs so far, by stream.
    """

    opens: Callable[[JobSpec], VideoInfo] = lambda spec: INFO
    stuck: bool = False
    made: dict[str, list[FakeJob]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, spec: JobSpec, hosting: Hosting) -> Job:
        name = spec.outputs[0].url.rpartition("/")[2]
        hosting.admit(self.opens(spec))
        job = FakeJob(hosting, stuck=self.stuck)
        with self.changed:
            self.made.setdefault(name, []).append(job)
            self.changed.notify_all()
        return cast(Job, job)

    def job(self, name: str, nth: int = 1) -> FakeJob:
        """The nth job of a stream, once it runs."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.made.get(name, ())) >= nth, LONG_S), f"no job {nth} of {name}"
            job = self.made[name][nth - 1]
        assert job.running.wait(LONG_S)
        return job
