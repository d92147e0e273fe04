"""The streams that there are: each added, replaced and ended by itself, so that none waits for another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

from ..config.changes import Plan
from ..config.config import StreamConfig, clashes
from .control import Refused, UnknownStream
from .stream import Stream, stop_all
from .stream_locks import Turns


class Fleet:
    """Whoever ends or replaces streams has the turn at them (`turn`); to look at them takes nothing.

    make: a stream of a configuration. ended: told of each that was ended.
    draining: the daemon ends; nothing starts any more.
    """

    def __init__(self, make: Callable[[StreamConfig], Stream], ended: Callable[[str], None]) -> None:
        self.draining = False
        self._make, self._ended = make, ended
        self._streams: dict[str, Stream] = {}  # replaced, never changed: others read it without a lock
        self._coming: dict[str, StreamConfig] = {}  # of streams whose old run is being ended
        self._lock = threading.RLock()  # for moments
        self._turns = Turns()

    @property
    def names(self) -> Sequence[str]:
        """In the order in which they came."""
        return tuple(self._streams)

    @property
    def streams(self) -> Sequence[Stream]:
        """The same."""
        return tuple(self._streams.values())

    def stream(self, name: str) -> Stream:
        """The stream of that name. Raises UnknownStream."""
        found = self._streams.get(name)
        if found is None:
            raise UnknownStream(f"there is no stream {name!r}; there are: {', '.join(self._streams) or 'none'}")
        return found

    def turn(self, *names: str) -> AbstractContextManager[Callable[[Iterable[str]], None]]:
        """Wait for the turn at these, see `Turns.at`."""
        return self._turns.at(*names)

    def drain(self, limit_s: float) -> bool:
        """End all at once, see `stop_all`; what is being replaced ends too."""
        with self._lock:  # whoever has ended a stream to start it anew sees this before he does
            self.draining = True
        return stop_all(self.streams, limit_s)

    def refuse_if_draining(self) -> None:
        """Raises Refused."""
        if self.draining:
            raise Refused("the daemon is ending and takes no changes; try again when it has started anew")

    # -- for whoever has the turn

    @contextmanager
    def reserved(
        self, given: Mapping[str, StreamConfig], without: Sequence[str] = (), remedy: str = ""
    ) -> Iterator[None]:
        """Keep the places that these will write to from other streams: two would spoil it for each other.

        given: configurations by name. without: streams that go. Raises Refused, with the remedy at its end.
        """
        with self._lock:
            self.refuse_if_draining()
            others = [*(stream.config for stream in self.streams), *self._coming.values()]
            staying = [config for config in others if config.name not in {*given, *without}]
            if clash := clashes([*staying, *given.values()]):
                raise Refused(f"{clash[0][1]}{remedy}")
            self._coming |= given
        try:
            yield
        finally:
            with self._lock:
                for name in given:
                    self._coming.pop(name, None)

    def replace(self, todo: Plan, given: Mapping[str, StreamConfig], limit_s: float) -> None:
        """End what goes and what is to run otherwise, then start what comes. given: the new configurations."""
        wanted = {name for name in todo.restart if self._is_to_run(given[name])}
        self.end(*todo.remove, *todo.restart, limit_s=limit_s)
        with self._lock:
            self._streams = {name: stream for name, stream in self._streams.items() if name not in todo.remove}
            for name, config in given.items():
                if name not in todo.restart:
                    self.add(config)
                    continue
                stream = self._streams[name]  # what was counted of it stays
                stream.config = config
                if name in wanted and not self.draining:
                    stream.start()

    def add(self, config: StreamConfig) -> Stream:
        """One more, started if it is enabled."""
        stream = self._make(config)
        with self._lock:
            self._streams = {**self._streams, config.name: stream}
            if config.enabled and not self.draining:
                stream.start()
        return stream

    def start(self, name: str) -> Stream:
        """Start one that was stopped, or have one that waits make its attempt now. Raises Refused, UnknownStream."""
        with self._lock:
            self.refuse_if_draining()
            stream = self.stream(name)
            stream.held = False
            stream.start()
            return stream

    def end(self, *names: str, limit_s: float) -> None:
        """End streams and finish their outputs. Raises UnknownStream."""
        stop_all([self.stream(name) for name in names], limit_s)
        for name in names:
            self._ended(name)

    def _is_to_run(self, config: StreamConfig) -> bool:
        """Whether a stream runs with another configuration: as it did before, unless that is what is changed."""
        stream = self._streams[config.name]
        if config.enabled != stream.config.enabled:
            stream.held = False
            return config.enabled
        return stream.running or (config.enabled and not stream.held)
