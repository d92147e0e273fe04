"""What the engine knows of itself and of its streams: the part of it that only answers."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from .... import __version__
from ....frame import Frame
from ....live.health import Event
from ..access.secrets import Secrets
from ..cluster.nodes import Nodes
from ..config.config import DaemonConfig, StreamConfig
from ..config.write_back import Unsaved
from ..http.metrics import Metrics
from ..load.admission import Admission
from ..recordings.catalogue import Catalogue
from .control import UnknownStream
from .shared import Shared
from .stream import ManagedStream
from .stream_table import StreamTable


class Known(ABC):
    """Answers about the daemon and its streams; `control.Supervisor` documents its methods."""

    ready: bool
    _shared: Shared
    _table: StreamTable
    _metrics: Metrics
    _nodes: Nodes | None
    _clock: Callable[[], float]
    _begun_s: float
    _reload_error: str

    @abstractmethod
    def unsaved(self) -> Unsaved:
        """How the streams differ from the configuration file."""

    def list(self) -> Sequence[dict[str, object]]:
        todo = self.unsaved()
        return [{**stream.status(), "unsaved": todo.of(stream.name)} for stream in self.streams]

    def get(self, name: str) -> dict[str, object]:
        return {**self.stream(name).status(), "unsaved": self.unsaved().of(name)}

    def config_of(self, name: str) -> StreamConfig:
        return self.stream(name).config

    @property
    def config(self) -> DaemonConfig:
        """The configuration as it was last read."""
        return self._shared.config

    @property
    def secrets(self) -> Secrets:
        """Reads the secrets that the configuration refers to."""
        return self._shared.secrets

    @property
    def admission(self) -> Admission:
        """Keeps account of the work that streams need."""
        return self._shared.admission

    @property
    def streams(self) -> Sequence[ManagedStream]:
        """All streams, in the order in which they were added."""
        return self._table.streams

    def stream(self, name: str) -> ManagedStream:
        """The stream of that name. Raises UnknownStream."""
        return self._table.stream(name)

    def history(self, name: str) -> dict[str, object]:
        return dict(self.stream(name).record.history.read())

    def events(self, name: str) -> Sequence[Event]:
        return tuple(self.stream(name).events)

    def latest(self, name: str) -> tuple[Frame, Frame] | None:
        return self.stream(name).latest

    def recordings(self, name: str) -> Catalogue:
        return self._shared.catalogue(self.config_of(name))

    def metrics(self) -> bytes:
        return self._metrics.text()

    def nodes(self) -> Sequence[dict[str, object]]:
        return () if self._nodes is None else self._nodes.status()

    def drain_node(self, name: str, drained: bool) -> None:
        if self._nodes is None:
            raise UnknownStream(f"there is no node {name!r}: streams run on this machine; see [cluster]")
        self._nodes.drain(name, drained)

    def system(self) -> dict[str, object]:
        taken, there = self.admission.taken, self.admission.capacity
        return {
            "version": __version__,
            "uptime_s": self._clock() - self._begun_s,
            "ready": self.ready,
            "draining": self._table.draining,
            "device": self._shared.device,
            "cpus": os.cpu_count(),
            "load": {"used": taken.cores, "capacity": there.cores},
            "streams": len(self._table.names),
            "nodes": list(self.nodes()),
            "reload_error": self._reload_error,
        }
