"""What the REST API asks of the engine, and the errors with which the engine refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ....errors import StreamfixError, UnknownName, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ....frame import Frame
    from ....live.health import Event
    from ..config.changes import Plan
    from ..config.config import DaemonConfig, StreamConfig
    from ..config.write_back import Unsaved
    from ..recordings.catalogue import Catalogue


class UnknownStream(UnknownName):
    """No stream has that name. The API answers 404."""


class StreamExists(UsageError):
    """A stream of that name exists already. The API answers 409."""


class Conflict(UsageError):
    """A valid request that cannot be met now: no capacity is left, or the daemon is ending. The API answers 409."""


class Moved(StreamfixError):
    """A stream ended where it ran, its outputs finished, to run elsewhere at once."""


class Engine(Protocol):
    """The engine. Call its methods from any thread; none waits longer than a stream takes to stop.

    Statuses, events and error messages are redacted: they hold no credentials.
    """

    @property
    def config(self) -> DaemonConfig:
        """The configuration file as it was last read."""

    @property
    def ready(self) -> bool:
        """True once every configured stream was started, whether its camera has answered or not."""

    @property
    def draining(self) -> bool:
        """True once the daemon is ending."""

    def list(self) -> Sequence[Mapping[str, Any]]:
        """The status of every stream, as in `models.StreamStatus`, in the order of the configuration."""

    def get(self, name: str) -> Mapping[str, Any]:
        """One stream's status. Raises UnknownStream, as does every method below that takes a name."""

    def config_of(self, name: str) -> StreamConfig:
        """A stream's configuration, with references to secrets as written (`${env:...}`), never resolved."""

    def add(self, config: StreamConfig) -> None:
        """Add a stream and start it if it is enabled. Raises StreamExists, Conflict, ConfigError if it cannot run."""

    def change(self, config: StreamConfig) -> None:
        """Give the stream of that name another configuration, restarting it where needed.

        Raises Conflict, ConfigError; the stream then goes on as it was.
        """

    def remove(self, name: str) -> None:
        """Stop the stream, finish its outputs and forget it."""

    def start(self, name: str) -> None:
        """Start a stream that was stopped; does nothing if it runs. Raises Conflict."""

    def retry(self, name: str) -> None:
        """Make the attempt now that a stream waits for; does nothing if it waits for none. Raises Conflict."""

    def stop(self, name: str) -> None:
        """Stop a stream and finish its outputs; does nothing if it is stopped."""

    def relearn(self, name: str) -> None:
        """Learn anew what the stream's camera usually sees: it was given another view on purpose."""

    def reload(self) -> Plan:
        """Read the configuration file again and apply its changes.

        Raises UsageError and applies none if the file is wrong, or if a stream that it changes could not run.
        """

    def unsaved(self) -> Unsaved:
        """The streams that are another way than the configuration file says: they end with the daemon."""

    def save(self) -> tuple[Unsaved, Path, Path | None]:
        """Write these to the configuration file; what they were, the file, and where the previous one is kept.

        Where there is nothing to write nothing is written, and no file before it is kept.
        Raises Conflict where there is no file, or it has changed since it was read; UsageError, OutputError.
        """

    def keep_zones(self, name: str) -> bool:
        """Write a stream's zones, and nothing else, to the configuration file; False where that cannot be done now.

        It cannot for a stream that is not in the file, and for a file that has changed since it was read. Raises
        UsageError, OutputError.
        """

    def history(self, name: str) -> Mapping[str, Any]:
        """The last hour, as in `models.History`."""

    def events(self, name: str) -> Sequence[Event]:
        """What happened to the stream, oldest first."""

    def latest(self, name: str) -> tuple[Frame, Frame] | None:
        """The camera's newest frame and what it was restored to; None before the first."""

    def recordings(self, name: str) -> Catalogue:
        """The stream's recordings on the disk."""

    def nodes(self) -> Sequence[Mapping[str, Any]]:
        """The nodes of the cluster, as in `models.Node`; none where streams run on this machine."""

    def drain_node(self, name: str, drained: bool) -> None:
        """Move a node's streams elsewhere and place none there any more; or take them again. Raises UnknownStream."""

    def system(self) -> Mapping[str, Any]:
        """The machine and its load, as in `models.System`."""

    def metrics(self) -> bytes:
        """All metrics in Prometheus' text format 0.0.4."""
