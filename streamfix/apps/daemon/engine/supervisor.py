"""All streams of the daemon: started, changed and removed beside each other, so that none notices another."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from .... import __version__
from ....frame import Frame, VideoInfo
from ....jobs import Hosting, Job, JobSpec, build_job
from ....live.health import Event
from ..access.secrets import Secrets
from ..config.changes import Plan, plan
from ..config.config import DaemonConfig, StreamConfig
from ..http.metrics import Metrics
from ..load.admission import Admission
from ..load.costs import FrameCost
from .control import Refused, StreamExists
from .notify import Notifier
from .run import BACKOFF_S
from .shared import Shared
from .stream import Stream
from .stream_table import Fleet
from .watch import Watch

_DECISION_S = 5.0  # for a new stream's camera and admission; what takes longer is seen in its state


class Supervisor:
    """The engine behind the API; `control.Supervisor` says what each method does.

    config: as it was read. read: reads it again. build: makes jobs. measure, capacity: see `Shared`.
    backoff_s: waits between the attempts of a stream that fails.
    """

    def __init__(
        self,
        config: DaemonConfig,
        read: Callable[[], DaemonConfig] | None = None,
        *,
        build: Callable[[JobSpec, Hosting], Job] = build_job,
        measure: Callable[[JobSpec, VideoInfo], FrameCost] | None = None,
        capacity: float | None = None,
        notifier: Notifier | None = None,
        backoff_s: Sequence[float] = BACKOFF_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ready = False
        self._shared = Shared(config, measure, capacity)
        self._read, self._clock = read, clock
        self._begun_s = clock()
        self._fleet = Fleet(
            lambda config: Stream(
                config,
                self._shared.job_spec,
                admit=self._shared.admit,
                release=self.admission.release,
                pool=self._shared.pool,
                build=build,
                backoff_s=backoff_s,
                clock=clock,
            ),
            self.admission.release,
        )
        self._reloading = threading.Lock()
        self._metrics = Metrics(self)
        self.watch = Watch(lambda: self.streams, self._shared, notifier, clock)

    # -- the whole

    def open(self) -> None:
        """Give every configured stream its start; does not wait for their cameras."""
        for config in self.config.streams:
            self._fleet.add(config)
        self.watch.start()
        self.ready = True

    @property
    def draining(self) -> bool:
        """True once it is to end."""
        return self._fleet.draining

    def drain(self, limit_s: float) -> bool:
        """End all streams at once and finish their outputs; False if one could not be finished."""
        self.ready = False
        finished = self._fleet.drain(limit_s)
        self.watch.close()
        return finished

    def reload(self) -> Plan:
        if self._read is None:
            raise Refused("there is no configuration file to read again: the daemon was started without one")
        with self._reloading:
            self._fleet.refuse_if_draining()
            new, old = self._read(), {config.name: config for config in self.config.streams}
            names = {*self._fleet.names, *old, *(config.name for config in new.streams)}
            with self._fleet.turn(*names) as let_go:
                rotated = self._shared.rotated(new, [stream.config for stream in self.streams])
                todo = self._of_those_there(plan(self.config.streams, new.streams, rotated), old, new, rotated)
                let_go(names - {*todo.add, *todo.remove, *todo.restart})
                # What the file says as before stays as it was changed over HTTP; a secret behind it may be another.
                given = {
                    c.name: self.config_of(c.name) if c.name in todo.restart and old.get(c.name) == c else c
                    for c in new.streams
                    if c.name in {*todo.restart, *todo.add}
                }
                given |= {name: self.config_of(name) for name in todo.restart if name not in given}
                remedy = "; change or remove the stream that came over HTTP"
                with self._fleet.reserved(given, without=todo.remove, remedy=remedy):
                    self._shared.adopt(new)
                    self._shared.forget((*todo.restart, *todo.remove))
                    self._fleet.replace(todo, given, self.config.drain_s)
        return todo

    # -- streams

    def list(self) -> Sequence[dict[str, object]]:
        return [stream.status() for stream in self.streams]

    def get(self, name: str) -> dict[str, object]:
        return self.stream(name).status()

    def config_of(self, name: str) -> StreamConfig:
        return self.stream(name).config

    def add(self, config: StreamConfig) -> None:
        with self._fleet.turn(config.name):
            if config.name in self._fleet.names:
                raise StreamExists(f"there is a stream {config.name!r} already; change it, or choose another name")
            with self._fleet.reserved({config.name: config}):
                stream = self._fleet.add(config)
        if reason := self._refusal(stream):
            self.remove(config.name)
            raise reason

    def change(self, config: StreamConfig) -> None:
        with self._fleet.turn(config.name):
            stream = self.stream(config.name)
            if config == stream.config:
                return
            given = {config.name: config}
            with self._fleet.reserved(given):
                same = config.input == stream.config.input  # of another camera nothing is known
                if config.enabled and stream.running and same and stream.info is not None:
                    self.admission.check(config.name, self._shared.need(config, stream.info))
                self._fleet.replace(Plan(restart=(config.name,)), given, self.config.drain_s)

    def remove(self, name: str) -> None:
        with self._fleet.turn(name):
            self._fleet.replace(Plan(remove=(name,)), {}, self.config.drain_s)

    def start(self, name: str) -> None:
        with self._fleet.turn(name):
            waits = self.stream(name).running
            stream = self._fleet.start(name)
        if reason := self._refusal(stream):
            if not waits:
                self.stop(name)
            raise reason

    def stop(self, name: str) -> None:
        with self._fleet.turn(name):
            self._fleet.end(name, limit_s=self.config.drain_s)
            self.stream(name).held = True

    # -- what is known

    @property
    def config(self) -> DaemonConfig:
        """As it was read last."""
        return self._shared.config

    @property
    def secrets(self) -> Secrets:
        """What reads the secrets that the configuration refers to."""
        return self._shared.secrets

    @property
    def admission(self) -> Admission:
        """The account of what streams take."""
        return self._shared.admission

    @property
    def streams(self) -> Sequence[Stream]:
        """All streams, in the order in which they came."""
        return self._fleet.streams

    def stream(self, name: str) -> Stream:
        """The stream of that name. Raises UnknownStream."""
        return self._fleet.stream(name)

    def history(self, name: str) -> dict[str, object]:
        return dict(self.stream(name).record.history.read())

    def events(self, name: str) -> Sequence[Event]:
        return tuple(self.stream(name).events)

    def latest(self, name: str) -> tuple[Frame, Frame] | None:
        return self.stream(name).latest

    def metrics(self) -> bytes:
        return self._metrics.text()

    def system(self) -> dict[str, object]:
        taken, there = self.admission.taken, self.admission.capacity
        return {
            "version": __version__,
            "uptime_s": self._clock() - self._begun_s,
            "ready": self.ready,
            "draining": self.draining,
            "device": self._shared.device,
            "cpus": os.cpu_count(),
            "load": {"used": taken.cores, "capacity": there.cores},
            "streams": len(self._fleet.names),
        }

    def _refusal(self, stream: Stream) -> Refused | None:
        """Why the stream was not admitted, once that is known; None if it was, or if its camera is not there yet."""
        if stream.running:  # one that is not enabled decides nothing
            stream.wait_settled(_DECISION_S)
        return stream.error if isinstance(stream.error, Refused) else None

    def _of_those_there(
        self, todo: Plan, old: Mapping[str, StreamConfig], new: DaemonConfig, rotated: set[str]
    ) -> Plan:
        """A plan from file to file, for the streams that there are: some came, or went, over HTTP."""
        others = tuple(sorted(rotated - {*todo.add, *todo.remove, *todo.restart, *todo.keep}))
        there = set(self._fleet.names)
        unchanged = {c.name for c in new.streams if old.get(c.name) == c}  # whoever has removed one meant it
        same = {c.name for c in new.streams if c.name in todo.add and c.name in there and c == self.config_of(c.name)}
        return Plan(
            add=tuple(n for n in (*todo.add, *todo.restart) if n not in there and n not in unchanged),
            remove=tuple(n for n in todo.remove if n in there),
            restart=tuple(n for n in (*todo.restart, *todo.add, *others) if n in there and n not in same),
            keep=tuple(n for n in (*todo.keep, *same) if n in there),
        )
