"""Starts, changes and removes the daemon's streams; none of them notices another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ....errors import IncompleteOutput, StreamfixError
from ....folders import user_cache_folder
from ....frame import VideoInfo
from ....jobs import Hosting, Job, JobSpec, build_job
from ....media.redact import redact
from ....pipeline import Closable, close_all
from ..cluster.nodes import Nodes
from ..cluster.placing import Placing
from ..cluster.remote_job import builder
from ..config.changes import Plan, needs_new_process, plan
from ..config.config import DaemonConfig, StreamConfig
from ..config.problems import ConfigError, Problem
from ..config.spec import with_zones_of
from ..config.trial import Ground, daemon_problems, try_stream
from ..config.write_back import Unsaved, unsaved
from ..config.write_back import save as write_back
from ..http.metrics import Metrics
from ..load.costs import FrameCost
from ..loop import Loop
from ..notices.notices import Notices
from ..recordings.keeper import Keeper
from .control import Conflict, StreamExists
from .known import Known
from .notify import Notifier
from .run import BACKOFF_S
from .shared import Shared
from .stream import ManagedStream
from .stream_table import StreamTable
from .watch import Watch

log = logging.getLogger("streamfix.daemon")

_KEEP_S = 60.0  # between two times that what cameras usually see is written to the disk
_PATIENCE_S = 2.0
_DECISION_S = 5.0  # a request waits so long for the camera and admission; later, the state tells


class Supervisor(Known):
    """The engine behind the API; `control.Supervisor` documents its methods.

    config: the configuration as read. read: reads it again. path: its file, to which changes may be written.
    build: makes jobs. trial: makes what a stream's job needs, or raises ConfigError with what is wrong.
    measure, capacity: see `Shared`.
    backoff_s: waits between the attempts of a failing stream.
    """

    def __init__(
        self,
        config: DaemonConfig,
        read: Callable[[], DaemonConfig] | None = None,
        *,
        path: Path | None = None,
        build: Callable[[JobSpec, Hosting], Job] = build_job,
        trial: Callable[[StreamConfig, Ground], Closable] = try_stream,
        measure: Callable[[JobSpec, VideoInfo], FrameCost] | None = None,
        capacity: float | None = None,
        notifier: Notifier | None = None,
        backoff_s: Sequence[float] = BACKOFF_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ready = False
        self._nodes: Nodes | None = None
        if config.cluster is not None:
            self._nodes = Nodes(config.cluster, config.device, Placing(config.max_load))
        self._shared = Shared(config, measure, capacity, None if self._nodes is None else self._nodes.placing)
        self._read, self._path, self._trial, self._clock = read, path, trial, clock
        self._begun_with = config
        self._reload_error = ""
        cache = user_cache_folder()
        self._kept = None if cache is None else cache / "sight"
        self._begun_s = clock()
        self._table = StreamTable(
            lambda config: ManagedStream(
                config,
                self._shared.job_spec,
                admit=self._shared.admit if self._nodes is None else lambda name, spec, info: None,
                release=self.admission.release,
                pool=self._shared.pool if self._nodes is None else lambda: None,
                build=build if self._nodes is None else builder(self._nodes),
                backoff_s=backoff_s,
                clock=clock,
                health=lambda: self.config.health,
                kept=self._kept,
            ),
            self.admission.release,
        )
        self._reloading = threading.Lock()
        self._metrics = Metrics(self)
        notices = Notices(lambda: self.config, self.secrets)
        self.watch = Watch(lambda: self.streams, self._shared, notifier, notices, clock)
        self.sights = Loop("sights", "keeping what cameras usually see", self._keep_sights, _KEEP_S)
        self.keeper = Keeper(lambda: [stream.config for stream in self.streams], self._shared.catalogue)

    # -- the whole

    def open(self) -> None:
        """Start every configured stream, without waiting for their cameras."""
        if self._nodes is not None:
            self._nodes.start()
        for config in self.config.streams:
            self._table.add(config)
        self.watch.start()
        self.keeper.start()
        self.sights.start()
        self.ready = True

    @property
    def draining(self) -> bool:
        """True once the daemon is ending."""
        return self._table.draining

    def drain(self, limit_s: float) -> bool:
        """End all streams at once and finish their outputs; False if an output could not be finished."""
        self.ready = False
        finished = self._table.drain(limit_s)
        self.watch.close()
        self.keeper.close()
        if self._nodes is not None:
            self._nodes.close()
        self.sights.close(_PATIENCE_S)
        return finished

    def reload(self) -> Plan:
        try:
            done = self._reload()
        except StreamfixError as error:
            self._reload_error = redact(str(error))
            for line in str(error).splitlines():
                log.error("not reloaded: %s", line)
            raise
        self._reload_error = ""
        log.info("reloaded: %s", done)
        for name in done.needs_restart:
            log.warning("daemon.%s has changed; restart the daemon for it to take effect", name)
        return done

    def _reload(self) -> Plan:
        if self._read is None:
            raise Conflict("the daemon was started without a configuration file, so there is none to read again")
        with self._reloading:
            self._table.refuse_if_draining()
            new, old = self._read(), {config.name: config for config in self.config.streams}
            names = {*self._table.names, *old, *(config.name for config in new.streams)}
            with self._table.lock(*names) as release:
                rotated = self._shared.rotated(new, [stream.config for stream in self.streams])
                todo = self._for_present_streams(plan(self.config.streams, new.streams, rotated), old, new, rotated)
                release(names - {*todo.add, *todo.remove, *todo.restart})
                # What reads the same in the file keeps its changes over HTTP, and restarts for a new secret.
                given = {
                    c.name: self.config_of(c.name) if c.name in todo.restart and old.get(c.name) == c else c
                    for c in new.streams
                    if c.name in {*todo.restart, *todo.add}
                }
                given |= {name: self.config_of(name) for name in todo.restart if name not in given}
                remedy = "; change or remove the stream that came over HTTP"
                with (
                    self._table.reserved(given, without=todo.remove, remedy=remedy),
                    self._tried_all(new, given) as made,
                ):
                    self._shared.adopt(new)
                    self._shared.forget((*todo.restart, *todo.remove))
                    gone = [self.stream(name).sight for name in todo.remove]
                    self._table.replace(todo, given, self.config.drain_s, made)
                    for sight in gone:
                        sight.forget()
        for name in todo.keep:
            self._try_again(self.stream(name))
        return replace(todo, needs_restart=needs_new_process(self._begun_with, new))

    @contextmanager
    def _tried_all(self, new: DaemonConfig, given: Mapping[str, StreamConfig]) -> Iterator[dict[str, Closable]]:
        """Try the streams that are to run, and what else the file changes: raises ConfigError before anything is done.

        Yields what was made for each stream.
        """
        problems, made = list[Problem](), dict[str, Closable]()
        own = ("token", "read_token", "host", "device", "webhook", "mqtt")
        if any(getattr(new, key) != getattr(self.config, key) for key in own):
            problems += daemon_problems(new, self.secrets)
        index = {config.name: i for i, config in enumerate(new.streams)}
        try:
            for name, config in given.items():
                if not self._table.is_to_run(config) or self._table.goes_on(config):
                    continue
                try:
                    made[name] = self._tried(config, new)
                except ConfigError as error:
                    if new.origin is None or name not in index:  # it came over HTTP
                        problems += (replace(p, place=(name, *p.place)) for p in error.problems)
                    else:
                        problems += new.origin.of_stream(index[name], error.problems)
            if problems:
                raise ConfigError(problems) if new.origin is None else new.origin.error(problems)
            yield made
        except BaseException:
            close_all(made.values())
            raise

    def _tried(self, config: StreamConfig, new: DaemonConfig) -> Closable:
        """What was made for a stream that is to start. Raises ConfigError."""
        stream = next((s for s in self.streams if s.name == config.name), None)
        same = stream is not None and stream.config.input == config.input  # nothing is known of another camera
        return self._trial(config, self._shared.ground(new, stream.info if stream is not None and same else None))

    @staticmethod
    def _try_again(stream: ManagedStream) -> None:
        """A stream that waited for a change gets another attempt: what it lacked may be there now."""
        if stream.waiting == "change" and not isinstance(stream.error, IncompleteOutput):
            stream.start()

    def unsaved(self) -> Unsaved:
        return unsaved(self.config.streams, [stream.config for stream in self.streams])

    def save(self) -> tuple[Unsaved, Path, Path | None]:
        if self._path is None or self._read is None:
            raise Conflict("the daemon was started without a configuration file, so there is none to write to")
        with self._reloading:
            self._table.refuse_if_draining()
            if self._read() != self.config:
                raise Conflict(f"{self._path} has changed since the daemon read it; reload it first")
            with self._table.lock(*self._table.names):
                todo = self.unsaved()
                if not todo:  # the file before the last change is kept on
                    return todo, self._path, None
                present = [stream.config for stream in self.streams]
                config, backup = write_back(self._path, self.config, present)
                self._shared.adopt(config)
                self._reload_error = ""
        log.info("%s: %s; the file before it is %s", self._path, todo, backup)
        return todo, self._path, backup

    def keep_zones(self, name: str) -> bool:
        if self._path is None or self._read is None:
            return False
        with self._reloading, self._table.lock(name):
            self._table.refuse_if_draining()
            now = self.config_of(name)
            if self._read() != self.config or all(config.name != name for config in self.config.streams):
                return False
            present = [with_zones_of(now, config) if config.name == name else config for config in self.config.streams]
            if present[[config.name for config in present].index(name)] not in self.config.streams:
                config, backup = write_back(self._path, self.config, present)
                self._shared.adopt(config)
                log.info("%s: zones of %s; the file before it is %s", self._path, name, backup)
        return True

    # -- streams

    def add(self, config: StreamConfig) -> None:
        with self._table.lock(config.name):
            if config.name in self._table.names:
                raise StreamExists(f"a stream {config.name!r} exists already; change it, or choose another name")
            with self._table.reserved({config.name: config}):
                made = self._tried(config, self.config) if config.enabled else None
                stream = self._table.add(config, made)
        if reason := self._refusal(stream):
            self.remove(config.name)
            raise reason

    def change(self, config: StreamConfig) -> None:
        with self._table.lock(config.name):
            stream = self.stream(config.name)
            if config == stream.config:
                return
            given = {config.name: config}
            with self._table.reserved(given):
                goes_on = self._table.goes_on(config)
                starts = self._table.is_to_run(config) and not goes_on
                made = {config.name: self._tried(config, self.config)} if starts else {}
                try:
                    same = config.input == stream.config.input  # nothing is known of another camera
                    known = same and stream.info is not None and self._nodes is None  # a node finds it out by itself
                    if not goes_on and config.enabled and stream.running and known:
                        assert stream.info is not None
                        self.admission.check(config.name, self._shared.need(config, stream.info))
                except BaseException:
                    close_all(made.values())
                    raise
                self._table.replace(Plan(restart=(config.name,)), given, self.config.drain_s, made)

    def remove(self, name: str) -> None:
        with self._table.lock(name):
            sight = self.stream(name).sight
            self._table.replace(Plan(remove=(name,)), {}, self.config.drain_s)
            sight.forget()

    def start(self, name: str) -> None:
        with self._table.lock(name):
            waits = self.stream(name).running
            stream = self._table.start(name)
        if reason := self._refusal(stream):
            if not waits:
                self.stop(name)
            raise reason

    def retry(self, name: str) -> None:
        with self._table.lock(name):
            self._table.retry(name)

    def stop(self, name: str) -> None:
        with self._table.lock(name):
            self._table.end(name, limit_s=self.config.drain_s)
            self.stream(name).held = True

    def relearn(self, name: str) -> None:
        self.stream(name).sight.relearn()

    def _keep_sights(self) -> None:
        for stream in self.streams:
            stream.sight.save()

    def _refusal(self, stream: ManagedStream) -> Conflict | None:
        """Why the stream was not admitted; None if it was, or if its camera has not answered yet."""
        if stream.running:  # a stream that is not enabled is not admitted yet
            stream.wait_settled(_DECISION_S)
        return stream.error if isinstance(stream.error, Conflict) else None

    def _for_present_streams(
        self, todo: Plan, old: Mapping[str, StreamConfig], new: DaemonConfig, rotated: set[str]
    ) -> Plan:
        """Adapt the plan, which compares two files, to the streams that run: some were added or removed over HTTP."""
        others = tuple(sorted(rotated - {*todo.add, *todo.remove, *todo.restart, *todo.keep}))
        there = set(self._table.names)
        unchanged = {
            c.name for c in new.streams if old.get(c.name) == c
        }  # one of these that is missing was removed on purpose
        same = {c.name for c in new.streams if c.name in todo.add and c.name in there and c == self.config_of(c.name)}
        return Plan(
            add=tuple(n for n in (*todo.add, *todo.restart) if n not in there and n not in unchanged),
            remove=tuple(n for n in todo.remove if n in there),
            restart=tuple(n for n in (*todo.restart, *todo.add, *others) if n in there and n not in same),
            keep=tuple(n for n in (*todo.keep, *same) if n in there),
        )
