"""One configured stream: its runs, and what is counted over all of them. A failing stream affects no other."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ....errors import Cancelled, IncompleteOutput, UsageError
from ....frame import Frame, VideoInfo
from ....jobs import Hosting, Job, JobSpec, build_job
from ....live.health import Event, Report, State
from ....media.privacy.zones import Privacy
from ....media.redact import redact
from ....pipeline import Closable, Source
from ..config.health import HealthConfig
from ..config.spec import StreamConfig
from .camera_sight import CameraSight
from .control import Conflict
from .record import StreamHealth, StreamRecord
from .run import BACKOFF_S, Run, Waiting
from .status import status_of

if TYPE_CHECKING:
    from ....jobs.pool import FilterPool

_EVENTS = 500
STOP_S = 10.0  # for outputs to be finished
_PATIENCE_S = 2.0  # for jobs to end after they were cancelled

log = logging.getLogger("streamfix.daemon")

Admit = Callable[[str, JobSpec, VideoInfo], None]


@runtime_checkable
class ShowsLatest(Protocol):
    """A restoration that keeps its newest frame, before and after; a live one does."""

    @property
    def latest(self) -> tuple[Frame, Frame] | None: ...


@runtime_checkable
class Coverable(Protocol):
    """A source whose masks may change while it is read; a live one."""

    def cover(self, privacy: Privacy | None) -> None: ...


class ManagedStream:
    """Runs one configuration from each start to the next stop.

    job_spec: makes the job of a configuration, secrets resolved; called for each attempt.
    admit: called when the input is open; raises Conflict if the machine has no room for the stream.
    release: called when the stream needs no room any more: its input has ended, or it cannot go on as configured.
    pool: the filters that streams share.
    record: what is counted over all runs. health: what says when a camera does not see well; kept: the folder of what
    the cameras usually see. sight: what is said of this one.
    """

    def __init__(
        self,
        config: StreamConfig,
        job_spec: Callable[[StreamConfig], JobSpec],
        *,
        admit: Admit = lambda name, spec, info: None,
        release: Callable[[str], None] = lambda name: None,
        pool: Callable[[], FilterPool | None] = lambda: None,
        build: Callable[[JobSpec, Hosting], Job] = build_job,
        backoff_s: Sequence[float] = BACKOFF_S,
        clock: Callable[[], float] = time.monotonic,
        health: Callable[[], HealthConfig] = HealthConfig,
        kept: Path | None = None,
    ) -> None:
        self.config = config
        self.sight = CameraSight(config.name, health, kept)
        self.record = StreamRecord()
        self.info: VideoInfo | None = None  # of its input, once that has been opened
        self.spec: JobSpec | None = None  # of the last attempt
        self.held = False  # stopped by the operator, and stays so until started again
        self.error: BaseException | None = None  # why the last attempt failed
        self.events: deque[Event] = deque(maxlen=_EVENTS)
        self._job_spec, self._admit, self._pool, self._build = job_spec, admit, pool, build
        self._release = release
        self._backoff_s, self._clock = tuple(backoff_s), clock
        self._run: Run | None = None
        self._health: StreamHealth | None = None
        self._begun: StreamHealth | None = None  # for the first attempt of a run, until that takes it
        self._job: Job | None = None
        self._uncovered: tuple[Frame, Frame] | None = None
        self._source: Coverable | None = None  # of the present attempt, from before it opens
        self._made: Closable | None = None
        self._since_s = time.time()
        self._settled = threading.Event()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self.config.name

    # -- commands

    def start(self, made: Closable | None = None) -> None:
        """Start a run; a run that waits makes its next attempt now.

        made: what was made for it, such as its filters; closed once the first attempt has its own.
        """
        with self._lock:
            if self.running:
                if self.waiting:
                    self.error = None
                    self._settled.clear()
                    self.retry()
                return
            self._settled.clear()
            self._forget_made()
            self._made = made
            self._run = Run(self.name, self._attempt, self._failed, self._backoff_s, self._clock)
            self._begun = self._begin()
            self._run.start()

    def ask_to_stop(self) -> None:
        """Ask the run to end and to finish its outputs. Does not wait."""
        if self._run is not None:
            self._since_s = time.time()
            self._run.stop()

    def stop(self, limit_s: float = STOP_S) -> bool:
        """End the run and wait for it, see `stop_all`."""
        return stop_all([self], limit_s)

    def join(self, limit_s: float) -> bool:
        """Wait for the run to end; False if it has not after that time."""
        ended = self._run is None or self._run.join(limit_s)
        if ended:
            self._forget_made()  # it was stopped before its first attempt
        self._settled.set()
        return ended

    def cancel(self) -> None:
        """End the run at once; unfinished outputs are lost."""
        if self._run is not None:
            self._run.cancel()

    def retry(self) -> None:
        """If the run waits for its next attempt, or its job to reach the camera, make the attempt now."""
        if self._run is not None:
            self._run.retry()

    def wait_settled(self, limit_s: float) -> None:
        """Wait until the stream was admitted, has failed, or turns out to have no camera for now."""
        self._settled.wait(limit_s)

    def adopt(self, config: StreamConfig) -> None:
        """Take another configuration: zones count at once, the rest from the next start on."""
        before, self.config = self.config, config
        source = self._source
        if source is not None and config.privacy != before.privacy and config.runs_like(before):
            source.cover(config.privacy)
            self.sight.cover(config)
            self._uncovered = self._newest()  # nobody sees it any more, also if no other one comes

    # -- state

    @property
    def running(self) -> bool:
        """True from a start until the run ends or is asked to stop, whether there are pictures or not."""
        return self._run is not None and self._run.alive and not self._run.stopping

    @property
    def waiting(self) -> Waiting:
        """What the run waits for, see `Run`."""
        return self._run.waiting if self._run is not None and self.running else ""

    @property
    def next_try_s(self) -> float | None:
        """Unix time of the next attempt to run or to reach the camera, None where none is waited for."""
        run, health = self._run, self._health
        if run is None or health is None or not self.running:
            return None
        return health.report().next_try_s if run.next_try_s is None else run.next_try_s

    @property
    def unfinished(self) -> Exception | None:
        """Why the last run that was stopped could not finish its outputs."""
        return None if self._run is None else self._run.unfinished

    @property
    def latest(self) -> tuple[Frame, Frame] | None:
        """The newest frame that has been restored, before and after; None before the first."""
        found = self._newest()
        return None if found is self._uncovered else found

    def _newest(self) -> tuple[Frame, Frame] | None:
        job = self._job
        restoration = None if job is None else job.restoration
        return restoration.latest if isinstance(restoration, ShowsLatest) else None

    @property
    def node(self) -> str:
        """The node of the cluster that it runs on; "" on this machine, or while it runs nowhere."""
        return str(getattr(self._job, "node", ""))

    @property
    def report(self) -> Report | None:
        """The report of the current run, or of the last one; None before the first."""
        health = self._health
        return None if health is None else health.report()

    @property
    def state(self) -> State:
        """The current state."""
        return self._state(self.report)[0]

    def status(self) -> dict[str, object]:
        """The status, as in `models.StreamStatus`. Its counts are of the current run; `record` has all runs'."""
        report = self.report
        state, reason, since_s = self._state(report)
        return {
            "state": state,
            "reason": redact(reason),
            "since": since_s,
            "next_try": self.next_try_s,
            "node": self.node,
            **status_of(self.config, self.info, report),
            "health": self.sight.status(),
        }

    def _state(self, report: Report | None) -> tuple[State, str, float]:
        """State, reason, and since when (Unix seconds)."""
        run = self._run
        if report is None or run is None:
            return "stopped", "not started", self._since_s
        if run.unfinished is not None:
            return "stopped", f"stopped, but {run.unfinished}", self._since_s
        if run.stopping and report.state != "stopped" and (report.state == "error" or not run.alive):
            return "stopped", "stopped", self._since_s  # what the run waited for no longer matters
        if report.state == "stopped" and not run.stopping:
            return report.state, "its input has ended", report.since_s
        return report.state, report.reason, report.since_s

    # -- the run

    def _attempt(self, run: Run) -> None:
        with self._lock:
            if self._run is not run:  # this run was abandoned, and another has begun
                return
            health, self._begun = self._begun or self._begin(), None
        try:
            config = self.config
            spec = self.spec = self._job_spec(config)
            watched = self.sight.begin(config, spec.privacy, health.note)
            hosting = Hosting(
                health=health,
                pool=self._pool() if _has_filters(spec) else None,
                opening=lambda source: self._opening(run, source, config),
                admit=lambda info: self._opened(spec, info),
                worked=self.record.worked,
                seen=self.sight.see if watched else None,
            )
            job = self._build(spec, hosting)
            self._forget_made()
            run.own(job)
            self._job = job
            self._finish(job, run)
        except BaseException as error:
            health.ended(None if run.stopping else error)
            raise
        finally:
            self._forget_made()
            self.sight.save()
            if self._run is run:
                self._job = self._source = None
        health.ended()
        if self._run is run:
            self._release(self.name)
        self._settled.set()

    def _opening(self, run: Run, source: Source, config: StreamConfig) -> None:
        """The source is there. config: that its job was made of; zones may have changed meanwhile."""
        if isinstance(source, Coverable):
            self._source = source
            if self.config.privacy != config.privacy and self.config.runs_like(config):
                source.cover(self.config.privacy)
                self.sight.cover(self.config)
        run.own(source)

    def _finish(self, job: Job, run: Run) -> None:
        """Run a job to its end; note why a stopped job could not finish."""
        try:
            job.run()
        except Exception as error:
            if run.stopping and not isinstance(error, Cancelled):
                run.unfinished = error
                log.error("%s: stopped, but %s", self.name, redact(str(error)), extra={"stream": self.name})
            raise

    def _forget_made(self) -> None:
        made, self._made = self._made, None
        if made is not None:
            made.close()

    def _begin(self) -> StreamHealth:
        """Begin a new health record; the stream is starting from now on."""
        health = StreamHealth(self.name, self.record.latency, self._happened)
        self.record.begin(health)
        self._health, self.spec, self.error = health, None, None
        return health

    def _opened(self, spec: JobSpec, info: VideoInfo) -> None:
        self.info = info
        self._admit(self.name, spec, info)
        self._settled.set()

    def _failed(self, error: BaseException) -> None:
        self.error = error
        if isinstance(error, UsageError | IncompleteOutput) and not isinstance(error, Conflict):
            self._release(self.name)
        self.record.failed()
        self._settled.set()

    def _happened(self, event: Event) -> None:
        self.events.append(Event(event.at_s, event.kind, redact(event.text)))
        if event.kind == "lost":
            self._settled.set()


def stop_all(streams: Sequence[ManagedStream], limit_s: float) -> bool:
    """End the runs of all these streams together and wait until their outputs are finished; cancel those that are late.

    Returns False if a stream was late or could not finish its outputs. A run that does not end even when cancelled is
    abandoned: the call it hangs in may never return.
    """
    asked = [stream for stream in streams if stream.running]
    for stream in streams:
        stream.ask_to_stop()
    late = _not_ended(streams, limit_s)
    for stream in late:
        log.error("%s: the outputs were not finished within %.0f s; what is unfinished is lost", stream.name, limit_s)
        stream.cancel()
    for stream in _not_ended(late, _PATIENCE_S):
        log.error("%s: the run does not end even when cancelled, and is abandoned", stream.name)
    return not late and not any(stream.unfinished for stream in asked)


def _not_ended(streams: Sequence[ManagedStream], limit_s: float) -> list[ManagedStream]:
    """The streams whose runs have not ended after `limit_s`."""
    deadline_s = time.monotonic() + limit_s
    return [stream for stream in streams if not stream.join(max(0.0, deadline_s - time.monotonic()))]


def _has_filters(spec: JobSpec) -> bool:
    """True if the job needs filters; without any, PyTorch is not loaded."""
    return bool(spec.filters) or (spec.live is not None and bool(spec.live.ladder))
