"""All streams of the daemon: started, changed and removed beside each other, so that none notices another."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from ... import __version__
from ...build import Job, JobSpec, build
from ...build.hosting import Hosting
from ...frame import Frame, VideoInfo
from ...live.health import Event
from .admission import Admission
from .changes import Plan, plan
from .config import DaemonConfig, StreamConfig, clashes
from .control import Refused, StreamExists, UnknownStream
from .costs import FrameCost
from .metrics import Metrics
from .notify import Notifier
from .run import BACKOFF_S
from .secrets import Secrets
from .shared import Shared
from .stream import Stream, stop_all
from .turns import Turns
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
        build: Callable[[JobSpec, Hosting], Job] = build,
        measure: Callable[[JobSpec, VideoInfo], FrameCost] | None = None,
        capacity: float | None = None,
        notifier: Notifier | None = None,
        backoff_s: Sequence[float] = BACKOFF_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ready = self.draining = False
        self._shared = Shared(config, measure, capacity)
        self._read, self._build, self._backoff_s, self._clock = read, build, backoff_s, clock
        self._begun_s = clock()
        self._streams: dict[str, Stream] = {}  # replaced, never changed: others read it without a lock
        self._coming: dict[str, StreamConfig] = {}  # configurations of streams whose old run is being ended
        self._lock = threading.RLock()  # for moments
        self._turns = Turns()
        self._reloading = threading.Lock()
        self._metrics = Metrics(self)
        self.watch = Watch(lambda: self.streams, self._shared, notifier, clock)

    # -- the whole

    def open(self) -> None:
        """Give every configured stream its start; does not wait for their cameras."""
        for config in self.config.streams:
            self._start_new(config)
        self.watch.start()
        self.ready = True

    def drain(self, limit_s: float) -> bool:
        """End all streams at once and finish their outputs; False if one could not be finished in time."""
        with self._lock:  # whoever ends a stream to start it anew sees this before he does
            self.draining, self.ready = True, False
        finished = stop_all(self.streams, limit_s)
        self.watch.close()
        return finished

    def reload(self) -> Plan:
        if self._read is None:
            raise Refused("there is no configuration file to read again: the daemon was started without one")
        with self._reloading:
            self._refuse_if_draining()
            new, old = self._read(), {config.name: config for config in self.config.streams}
            names = {*self._streams, *old, *(config.name for config in new.streams)}
            with self._turns.at(*names) as let_go:
                with self._lock:
                    self._refuse_if_draining()
                    todo = self._of_those_there(plan(self.config.streams, new.streams, self._shared.rotated(new)), new)
                    # What the file says as before stays as it was changed over HTTP; a secret behind it may be another.
                    given = {
                        c.name: self.config_of(c.name) if c.name in todo.restart and old.get(c.name) == c else c
                        for c in new.streams
                        if c.name in {*todo.restart, *todo.add}
                    }
                    if clash := clashes(self._all_configs(given, without=todo.remove)):
                        raise Refused(f"{clash[0][1]}; change or remove the stream that came over HTTP")
                    self._shared.adopt(new)
                    self._coming |= given
                let_go(todo.keep)
                try:
                    self._replace(todo, given)
                finally:
                    self._has_come(*given)
        return todo

    # -- streams

    def list(self) -> Sequence[dict[str, object]]:
        return [stream.status() for stream in self.streams]

    def get(self, name: str) -> dict[str, object]:
        return self.stream(name).status()

    def config_of(self, name: str) -> StreamConfig:
        return self.stream(name).config

    def add(self, config: StreamConfig) -> None:
        with self._turns.at(config.name), self._lock:
            self._refuse_if_draining()
            if config.name in self._streams:
                raise StreamExists(f"there is a stream {config.name!r} already; change it, or choose another name")
            self._refuse_if_written(config)
            stream = self._start_new(config)
        if reason := self._refusal(stream):
            self.remove(config.name)
            raise reason

    def change(self, config: StreamConfig) -> None:
        with self._turns.at(config.name):
            with self._lock:
                self._refuse_if_draining()
                stream = self.stream(config.name)
                if config == stream.config:
                    return
                self._refuse_if_written(config)
                self._coming[config.name] = config
            try:
                if config.enabled and stream.running and stream.info is not None:
                    self.admission.check(config.name, self._shared.need(config, stream.info))
                self._replace(Plan(restart=(config.name,)), {config.name: config})
            finally:
                self._has_come(config.name)

    def remove(self, name: str) -> None:
        with self._turns.at(name):
            self._replace(Plan(remove=(name,)), {})

    def start(self, name: str) -> None:
        with self._turns.at(name), self._lock:
            self._refuse_if_draining()
            stream = self.stream(name)
            stream.held, waits = False, stream.running
            stream.start()
        if reason := self._refusal(stream):
            if not waits:
                self.stop(name)
            raise reason

    def stop(self, name: str) -> None:
        with self._turns.at(name):
            self._end(name)
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
        return tuple(self._streams.values())

    def stream(self, name: str) -> Stream:
        """The stream of that name. Raises UnknownStream."""
        found = self._streams.get(name)
        if found is None:
            raise UnknownStream(f"there is no stream {name!r}; there are: {', '.join(self._streams) or 'none'}")
        return found

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
            "streams": len(self._streams),
        }

    # -- whoever calls these has the turn at the streams

    def _replace(self, todo: Plan, given: Mapping[str, StreamConfig]) -> None:
        """End what goes and what is to run otherwise, then start what comes. given: the new configurations."""
        wanted = {name for name in todo.restart if self._is_to_run(given[name])}
        self._end(*todo.remove, *todo.restart)
        with self._lock:
            self._streams = {name: stream for name, stream in self._streams.items() if name not in todo.remove}
            for name, config in given.items():
                if name in todo.restart:
                    self._begin_anew(config, start=name in wanted)
                else:
                    self._start_new(config)

    def _start_new(self, config: StreamConfig) -> Stream:
        stream = Stream(
            config,
            self._shared.job_spec,
            admit=self._shared.admit,
            release=self._shared.admission.release,
            pool=self._shared.pool,
            build=self._build,
            backoff_s=self._backoff_s,
            clock=self._clock,
        )
        self._streams = {**self._streams, config.name: stream}
        if config.enabled and not self.draining:
            stream.start()
        return stream

    def _is_to_run(self, config: StreamConfig) -> bool:
        """Whether a stream runs with another configuration: as it did before, unless that is what is changed."""
        stream = self._streams[config.name]
        if config.enabled != stream.config.enabled:
            stream.held = False
            return config.enabled
        return stream.running or (config.enabled and not stream.held)

    def _begin_anew(self, config: StreamConfig, *, start: bool) -> None:
        """Another configuration for a stream that has ended; what was counted of it stays."""
        stream = self._streams[config.name]
        stream.config = config
        if start and not self.draining:
            stream.start()

    def _refuse_if_written(self, config: StreamConfig) -> None:
        """Two streams that write to one place would spoil it for each other."""
        if clash := clashes(self._all_configs({config.name: config})):
            raise Refused(clash[0][1])

    def _all_configs(self, given: Mapping[str, StreamConfig], without: Sequence[str] = ()) -> Sequence[StreamConfig]:
        """The configurations of all streams, as they are and will be, with the given ones in the place of theirs."""
        others = [*(stream.config for stream in self.streams), *self._coming.values()]
        return [*(c for c in others if c.name not in {*given, *without}), *given.values()]

    def _has_come(self, *names: str) -> None:
        with self._lock:
            for name in names:
                self._coming.pop(name, None)

    def _end(self, *names: str) -> None:
        """End streams and finish their outputs. Raises UnknownStream."""
        stop_all([self.stream(name) for name in names], self.config.drain_s)
        for name in names:
            self.admission.release(name)

    def _refuse_if_draining(self) -> None:
        if self.draining:
            raise Refused("the daemon is ending and takes no changes; try again when it has started anew")

    def _refusal(self, stream: Stream) -> Refused | None:
        """Why the stream was not admitted, once that is known; None if it was, or if its camera is not there yet."""
        if stream.running:  # one that is not enabled decides nothing
            stream.wait_settled(_DECISION_S)
        return stream.error if isinstance(stream.error, Refused) else None

    def _of_those_there(self, todo: Plan, new: DaemonConfig) -> Plan:
        """A plan from file to file, for the streams that there are: some came, or went, over HTTP."""
        there = self._streams
        same = {c.name for c in new.streams if c.name in todo.add and c.name in there and c == self.config_of(c.name)}
        return Plan(
            add=tuple(n for n in (*todo.add, *todo.restart) if n not in there),
            remove=tuple(n for n in todo.remove if n in there),
            restart=tuple(n for n in (*todo.restart, *todo.add) if n in there and n not in same),
            keep=tuple(n for n in (*todo.keep, *same) if n in there),
        )
