"""One configured stream: its runs, and what is known of it over all of them. A stream that breaks touches no other."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ....errors import Cancelled, IncompleteOutput, UsageError
from ....frame import Frame, VideoInfo
from ....jobs import Hosting, Job, JobSpec, build_job
from ....live.health import Event, Report, State
from ....media.redact import redact
from ..config.spec import StreamConfig
from .control import Refused
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


class Stream:
    """Runs what one configuration says, whenever it is started, until it is stopped.

    job_spec: the job of a configuration, secrets put in; called for each attempt.
    admit: raises Refused if the machine has no room for the stream; called when its input is open. release: called when
    it needs none any more, because its input has ended or it cannot go on as it is configured.
    pool: the filters that streams share.
    record: what is counted over all runs.
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
    ) -> None:
        self.config = config
        self.record = StreamRecord()
        self.info: VideoInfo | None = None  # of its input, once that was open
        self.spec: JobSpec | None = None  # the last one
        self.held = False  # the operator has stopped it, and he starts it again
        self.error: BaseException | None = None  # what the last attempt has failed of
        self.events: deque[Event] = deque(maxlen=_EVENTS)
        self._job_spec, self._admit, self._pool, self._build = job_spec, admit, pool, build
        self._release = release
        self._backoff_s, self._clock = tuple(backoff_s), clock
        self._run: Run | None = None
        self._health: StreamHealth | None = None
        self._begun: StreamHealth | None = None  # of the first attempt of a run, until that takes it
        self._job: Job | None = None
        self._since_s = time.time()
        self._settled = threading.Event()
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self.config.name

    # -- what is asked of it

    def start(self) -> None:
        """Run, unless it does; what waits makes its next attempt now."""
        with self._lock:
            if self.running:
                if self.waiting:
                    self.error = None
                    self._settled.clear()
                    self.retry()
                return
            self._settled.clear()
            self._run = Run(self.name, self._attempt, self._failed, self._backoff_s, self._clock)
            self._begun = self._begin()
            self._run.start()

    def ask_to_stop(self) -> None:
        """End its run: outputs are finished. Does not wait."""
        if self._run is not None:
            self._since_s = time.time()
            self._run.stop()

    def stop(self, limit_s: float = STOP_S) -> bool:
        """End its run and wait for that, see `stop_all`."""
        return stop_all([self], limit_s)

    def join(self, limit_s: float) -> bool:
        """Wait for its run to end; False if it has not after that time."""
        ended = self._run is None or self._run.join(limit_s)
        self._settled.set()
        return ended

    def cancel(self) -> None:
        """End its run at once: what is unfinished is lost."""
        if self._run is not None:
            self._run.cancel()

    def retry(self) -> None:
        """Make the next attempt now, if it waits for one."""
        if self._run is not None:
            self._run.retry()

    def wait_settled(self, limit_s: float) -> None:
        """Wait until it is known whether the stream was admitted, has failed, or has no camera for now."""
        self._settled.wait(limit_s)

    # -- how it is

    @property
    def running(self) -> bool:
        """True from a start to its end or to when it is asked to stop, whether there are pictures or not."""
        return self._run is not None and self._run.alive and not self._run.stopping

    @property
    def waiting(self) -> Waiting:
        """What it waits for, see `Run`."""
        return self._run.waiting if self._run is not None and self.running else ""

    @property
    def unfinished(self) -> Exception | None:
        """Why the run that was stopped last could not finish its outputs."""
        return None if self._run is None else self._run.unfinished

    @property
    def latest(self) -> tuple[Frame, Frame] | None:
        """The camera's newest frame that has come out, and what it became."""
        job = self._job
        return getattr(job.restoration, "latest", None) if job is not None else None

    @property
    def report(self) -> Report | None:
        """How the present run is, or the last one was; None before the first."""
        health = self._health
        return None if health is None else health.report()

    @property
    def state(self) -> State:
        """Its state now."""
        return self._state(self.report)[0]

    def status(self) -> dict[str, object]:
        """`models.StreamStatus` describes it. The counts are of the present run; `record` has those of all."""
        report = self.report
        state, reason, since_s = self._state(report)
        return {
            "state": state,
            "reason": redact(reason),
            "since": since_s,
            **status_of(self.config, self.info, report),
        }

    def _state(self, report: Report | None) -> tuple[State, str, float]:
        """State, reason, and since when (Unix seconds)."""
        run = self._run
        if report is None or run is None:
            return "stopped", "not started", self._since_s
        if run.unfinished is not None:
            return "stopped", f"stopped, but {run.unfinished}", self._since_s
        if run.stopping and report.state != "stopped" and (report.state == "error" or not run.alive):
            return "stopped", "stopped", self._since_s  # what it waited for does not matter any more
        if report.state == "stopped" and not run.stopping:
            return report.state, "its input has ended", report.since_s
        return report.state, report.reason, report.since_s

    # -- its run

    def _attempt(self, run: Run) -> None:
        with self._lock:
            if self._run is not run:  # it was left behind, and another has begun
                return
            health, self._begun = self._begun or self._begin(), None
        try:
            spec = self.spec = self._job_spec(self.config)
            hosting = Hosting(
                health=health,
                pool=self._pool() if _has_filters(spec) else None,
                opening=run.own,
                admit=lambda info: self._opened(spec, info),
                worked=self.record.worked,
            )
            job = self._build(spec, hosting)
            run.own(job)
            self._job = job
            self._finish(job, run)
        except BaseException as error:
            health.ended(None if run.stopping else error)
            raise
        finally:
            if self._run is run:
                self._job = None
        health.ended()
        if self._run is run:
            self._release(self.name)
        self._settled.set()

    def _finish(self, job: Job, run: Run) -> None:
        """Run a job to its end, or to what it makes of being stopped."""
        try:
            job.run()
        except Exception as error:
            if run.stopping and not isinstance(error, Cancelled):
                run.unfinished = error
                log.error("%s: stopped, but %s", self.name, redact(str(error)), extra={"stream": self.name})
            raise

    def _begin(self) -> StreamHealth:
        """A new record: it is starting, from now on."""
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
        if isinstance(error, UsageError | IncompleteOutput) and not isinstance(error, Refused):
            self._release(self.name)
        self.record.failed()
        self._settled.set()

    def _happened(self, event: Event) -> None:
        self.events.append(Event(event.at_s, event.kind, redact(event.text)))
        if event.kind == "lost":
            self._settled.set()


def stop_all(streams: Sequence[Stream], limit_s: float) -> bool:
    """End the runs of streams at once, and wait until their outputs are finished; the late ones are cancelled.

    False if there were any, or if something else kept outputs from it. One that does not even end then is left behind:
    what it hangs in may never return.
    """
    asked = [stream for stream in streams if stream.running]
    for stream in streams:
        stream.ask_to_stop()
    late = _not_ended(streams, limit_s)
    for stream in late:
        log.error("%s: its outputs were not finished within %.0f s; what is unfinished is lost", stream.name, limit_s)
        stream.cancel()
    for stream in _not_ended(late, _PATIENCE_S):
        log.error("%s: it does not end, and is left to itself", stream.name)
    return not late and not any(stream.unfinished for stream in asked)


def _not_ended(streams: Sequence[Stream], limit_s: float) -> list[Stream]:
    """Those that have not ended after so many seconds."""
    deadline_s = time.monotonic() + limit_s
    return [stream for stream in streams if not stream.join(max(0.0, deadline_s - time.monotonic()))]


def _has_filters(spec: JobSpec) -> bool:
    """Without any there is no need to load what filters run on."""
    return bool(spec.filters) or (spec.live is not None and bool(spec.live.ladder))
