"""One stream on a node: its job in a thread of its own, and what the daemon is told of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ....errors import Cancelled, FilterError, StreamfixError, let_go
from ....frame import Frame, VideoInfo
from ....jobs import Hosting, Job, JobSpec, build_job
from ....live.health import Event, Health, Report
from ....pipeline import Source
from ..config.job import beginning
from ..load.admission import Need


@dataclass(frozen=True, slots=True)
class Told:
    """What an agent tells of a stream. events, latencies_s: since it was last asked. info, need: None until it knows.

    ended: its thread is over; error: why, None if its input has ended or it was stopped.
    """

    report: Report
    events: list[Event] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    info: VideoInfo | None = None
    need: Need | None = None
    ended: bool = False
    error: StreamfixError | None = None


class HostedHealth(Health):
    """Keeps what the daemon has not been told yet."""

    def __init__(self, name: str) -> None:
        super().__init__(name, self._happened)
        self._untold: list[Event] = []
        self._latencies_s: list[float] = []

    def written(self, latency_s: float | None, *, late: bool = False) -> None:
        super().written(latency_s, late=late)
        if latency_s is not None:
            self._latencies_s.append(latency_s)

    def news(self) -> tuple[list[Event], list[float]]:
        """Events and latencies since the last call."""
        events, self._untold = self._untold, []
        latencies_s, self._latencies_s = self._latencies_s, []
        return events, latencies_s

    def _happened(self, event: Event) -> None:
        self._untold.append(event)


class HostedStream:
    """Runs one job. The camera is opened at once; outputs are when `admit` is called.

    pool: gives the filters that streams share. need_of: the work that a job needs on this node.
    """

    def __init__(
        self, name: str, spec: JobSpec, pool: Callable[[], Any], need_of: Callable[[JobSpec, VideoInfo], Need]
    ) -> None:
        self.health = HostedHealth(name)
        self._spec, self._pool, self._need_of = spec, pool, need_of
        self._info: VideoInfo | None = None
        self._need: Need | None = None
        self._admitted = threading.Event()
        self._stopped = False
        self._part: Source | Job | None = None
        self._job: Job | None = None
        self._error: StreamfixError | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"stream {name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """True until the job is over."""
        return self._thread.is_alive()

    @property
    def latest(self) -> tuple[Frame, Frame] | None:
        """The newest frame before and after the filters, with pictures that can be sent."""
        job = self._job
        found = None if job is None else getattr(job.restoration, "latest", None)
        return None if found is None else (_plain(found[0]), _plain(found[1]))

    def told(self) -> Told:
        """What is known now."""
        alive = self.alive  # asked first: what is told with `ended` is all there is
        events, latencies_s = self.health.news()
        return Told(self.health.report(), events, latencies_s, self._info, self._need, not alive, self._error)

    def admit(self) -> None:
        """Its node has room for it: open the outputs."""
        self._admitted.set()

    def stop(self) -> None:
        """End it; outputs are finished."""
        with self._lock:
            self._stopped = True
            part = self._part
        self._admitted.set()
        if part is not None:
            part.stop()

    def cancel(self) -> None:
        """End it at once."""
        self.stop()
        job = self._job
        if job is not None:
            job.cancel()

    def retry(self) -> None:
        """Try to reach its camera now."""
        retry = getattr(self._part, "retry", None)
        if retry is not None:
            retry()

    def _run(self) -> None:
        try:
            # Which names of recordings are free is known here, where they are written.
            spec = replace(self._spec, outputs=[beginning(output) for output in self._spec.outputs])
            filters = bool(spec.filters) or (spec.live is not None and bool(spec.live.ladder))
            pool = self._pool() if filters else None
            job = build_job(spec, Hosting(self.health, pool, opening=self._own, admit=self._opened))
            self._own(job)
            self._job = job
            job.run()
        except StreamfixError as error:
            self._end(None if self._stopped and isinstance(error, Cancelled) else type(error)(str(error)), error)
        except Exception as error:  # noqa: BLE001  # what ends one stream must not end the others
            self._end(FilterError(f"{type(error).__name__}: {error}"), error)
        else:
            self._end(None, None)
        finally:
            self._job = self._part = None

    def _end(self, told: StreamfixError | None, error: BaseException | None) -> None:
        self._error = told
        self.health.ended(told)
        let_go(error)

    def _own(self, part: Source | Job) -> None:
        with self._lock:
            self._part = part
            late = self._stopped
        if late:
            part.stop()

    def _opened(self, info: VideoInfo) -> None:
        self._need = self._need_of(self._spec, info)
        self._info = info
        self._admitted.wait()  # `stop` sets it too
        if self._stopped:
            raise Cancelled(f"{self.health.name}: stopped before it was admitted")


def _plain(frame: Frame) -> Frame:
    """The frame with its picture as arrays."""
    return replace(frame, picture=frame.picture.planes(frame.color))
