"""What the REST API asks of the daemon's engine, and how the engine says no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ....errors import UnknownName, UsageError

if TYPE_CHECKING:
    from ....frame import Frame
    from ....live.health import Event
    from ..config.changes import Plan
    from ..config.config import DaemonConfig, StreamConfig


class UnknownStream(UnknownName):
    """There is no stream of that name. The API answers 404."""


class StreamExists(UsageError):
    """A stream of that name is there already. The API answers 409."""


class Refused(UsageError):
    """The request is well-formed, but cannot be done now: no capacity is left, or the daemon drains. 409."""


class Supervisor(Protocol):
    """The engine. Every method may be called from any thread, and waits no longer than a stream takes to stop.

    Texts it gives are redacted: no credentials of URLs in statuses, events and error messages.
    """

    @property
    def config(self) -> DaemonConfig:
        """The configuration file as it was last read."""

    @property
    def ready(self) -> bool:
        """True once every configured stream has been given its start, whether it has pictures or not."""

    @property
    def draining(self) -> bool:
        """True once the daemon is ending."""

    def list(self) -> Sequence[Mapping[str, Any]]:
        """The status of every stream, as `models.StreamStatus` has it, in the order of the configuration."""

    def get(self, name: str) -> Mapping[str, Any]:
        """One stream's status. Raises UnknownStream, as everything below that takes a name."""

    def config_of(self, name: str) -> StreamConfig:
        """What is configured, secrets as they were written (`${env:...}`), never resolved."""

    def add(self, config: StreamConfig) -> None:
        """A new stream, started if it is enabled. Raises StreamExists, Refused."""

    def change(self, config: StreamConfig) -> None:
        """Another configuration for the stream of that name; restarts it where that is needed. Raises Refused."""

    def remove(self, name: str) -> None:
        """Stop the stream, finish its outputs, forget it."""

    def start(self, name: str) -> None:
        """Run a stream that was stopped; nothing if it runs. Raises Refused."""

    def stop(self, name: str) -> None:
        """Stop a stream and finish its outputs; nothing if it is stopped."""

    def reload(self) -> Plan:
        """Read the configuration file again and do what changed. Raises UsageError and does nothing if it is wrong."""

    def history(self, name: str) -> Mapping[str, Any]:
        """The last hour, as `models.History` has it."""

    def events(self, name: str) -> Sequence[Event]:
        """What happened to the stream, oldest first."""

    def latest(self, name: str) -> tuple[Frame, Frame] | None:
        """The newest picture of the camera and what became of it; None before the first."""

    def system(self) -> Mapping[str, Any]:
        """The machine's load and what there is, as `models.System` has it."""

    def metrics(self) -> bytes:
        """All figures in Prometheus' text format 0.0.4."""
