"""The daemon's streams, each added, replaced and ended on its own, so that none waits for another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from ....pipeline import Closable
from ..config.changes import Plan
from ..config.config import StreamConfig, clashes
from .control import Conflict, UnknownStream
from .stream import ManagedStream, stop_all
from .stream_locks import StreamLocks


class StreamTable:
    """All streams by name. Hold a stream's lock (`lock`) to end or replace it; reading needs no lock.

    make: makes a stream from its configuration. ended: called with the name of each stream that was ended.
    draining: the daemon is ending; nothing starts any more.
    """

    def __init__(self, make: Callable[[StreamConfig], ManagedStream], ended: Callable[[str], None]) -> None:
        self.draining = False
        self._make, self._ended = make, ended
        self._streams: dict[str, ManagedStream] = {}  # replaced, never changed: others read it without a lock
        self._coming: dict[str, StreamConfig] = {}  # of streams whose old run is being ended
        self._lock = threading.RLock()  # for moments
        self._locks = StreamLocks()

    @property
    def names(self) -> Sequence[str]:
        """Names of all streams, in the order in which they were added."""
        return tuple(self._streams)

    @property
    def streams(self) -> Sequence[ManagedStream]:
        """All streams, in the same order."""
        return tuple(self._streams.values())

    def stream(self, name: str) -> ManagedStream:
        """The stream of that name. Raises UnknownStream."""
        found = self._streams.get(name)
        if found is None:
            raise UnknownStream(f"there is no stream {name!r}; there are: {', '.join(self._streams) or 'none'}")
        return found

    def lock(self, *names: str) -> AbstractContextManager[Callable[[Iterable[str]], None]]:
        """Wait for the locks of these streams and hold them, see `StreamLocks.hold`."""
        return self._locks.hold(*names)

    def drain(self, limit_s: float) -> bool:
        """End all streams at once, see `stop_all`; a stream that is being replaced ends too."""
        with self._lock:  # a thread that has ended a stream sees this before it starts it again
            self.draining = True
        return stop_all(self.streams, limit_s)

    def refuse_if_draining(self) -> None:
        """Raise Conflict if the daemon is ending."""
        if self.draining:
            raise Conflict("the daemon is ending and takes no changes; try again once it has restarted")

    # -- for callers that hold the locks

    @contextmanager
    def reserved(
        self, given: Mapping[str, StreamConfig], without: Sequence[str] = (), remedy: str = ""
    ) -> Iterator[None]:
        """Reserve the outputs of these streams: two streams that write to one place would spoil it for each other.

        given: configurations by name. without: streams that are about to go. remedy: ends the message of the Conflict
        that is raised where another stream writes there.
        """
        with self._lock:
            self.refuse_if_draining()
            others = [*(stream.config for stream in self.streams), *self._coming.values()]
            staying = [config for config in others if config.name not in {*given, *without}]
            if clash := clashes([*staying, *given.values()]):
                raise Conflict(f"{clash[0][1]}{remedy}")
            self._coming |= given
        try:
            yield
        finally:
            with self._lock:
                for name in given:
                    self._coming.pop(name, None)

    def replace(
        self,
        todo: Plan,
        given: Mapping[str, StreamConfig],
        limit_s: float,
        made: Mapping[str, Closable] | None = None,
    ) -> None:
        """End the streams to remove or restart, then start the new ones.

        given: the new configurations by name. made: what was made for the streams that start, see `ManagedStream`.
        """
        made = made or {}
        still = {name for name in todo.restart if self.goes_on(given[name])}
        wanted = {name for name in todo.restart if name not in still and self.is_to_run(given[name])}
        for name in todo.restart:
            stream = self._streams[name]
            stream.held = stream.held and given[name].enabled == stream.config.enabled
        self.end(*todo.remove, *(name for name in todo.restart if name not in still), limit_s=limit_s)
        with self._lock:
            self._streams = {name: stream for name, stream in self._streams.items() if name not in todo.remove}
            for name, config in given.items():
                if name not in todo.restart:
                    self.add(config, made.get(name))
                    continue
                stream = self._streams[name]  # its counters stay
                stream.adopt(config)
                if name in wanted and not self.draining:
                    stream.start(made.get(name))
                elif name in made:
                    made[name].close()

    def add(self, config: StreamConfig, made: Closable | None = None) -> ManagedStream:
        """Add a stream and start it if it is enabled. made: what was made for it."""
        stream = self._make(config)
        with self._lock:
            self._streams = {**self._streams, config.name: stream}
            if config.enabled and not self.draining:
                stream.start(made)
            elif made is not None:
                made.close()
        return stream

    def start(self, name: str) -> ManagedStream:
        """Start a stream; one that waits makes its next attempt now. Raises Conflict, UnknownStream."""
        with self._lock:
            self.refuse_if_draining()
            stream = self.stream(name)
            stream.held = False
            stream.start()
            return stream

    def retry(self, name: str) -> None:
        """Make the attempt now that a stream waits for. Raises Conflict for one that is stopped, UnknownStream."""
        with self._lock:
            self.refuse_if_draining()
            stream = self.stream(name)
            if not stream.running:
                raise Conflict(f"{name}: it is stopped and tries nothing; start it")
            stream.start() if stream.waiting else stream.retry()

    def end(self, *names: str, limit_s: float) -> None:
        """End streams and finish their outputs. Raises UnknownStream."""
        stop_all([self.stream(name) for name in names], limit_s)
        for name in names:
            self._ended(name)

    def goes_on(self, config: StreamConfig) -> bool:
        """True if a changed stream need not restart. One whose configuration is the same restarts for its secrets."""
        stream = self._streams.get(config.name)
        return stream is not None and config != stream.config and config.runs_like(stream.config)

    def is_to_run(self, config: StreamConfig) -> bool:
        """True if a stream is to run once it has that configuration.

        A new one runs if it is enabled, a changed one as it did before, unless the change is about just that.
        """
        stream = self._streams.get(config.name)
        if stream is None or config.enabled != stream.config.enabled:
            return config.enabled
        return stream.running or (config.enabled and not stream.held)
