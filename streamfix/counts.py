"""Frames counted by what became of them: one type from the writer to the API's JSON, the metrics and -progress."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Scope = Literal["stream", "output"]


def _counter(**descriptions: str) -> Any:
    """A counter that starts at 0; descriptions: by the scope that publishes it, none for one that stays inside."""
    return field(default=0, metadata=descriptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCounts:
    """How many frames there were, by what became of them. Counts of the same kind can be added.

    A stream counts the camera's frames, each once: `received = written + sum(dropped) + in_flight`; `written` is then
    what its first output wrote. Each output counts what became of them there (written, late, dropped), and a writer
    what it encoded (written, duplicated, dropped); frames that stand in for the camera's count only there.

    dropped: by reason. damaged: received frames that the decoder could not put together. standing_in: made up while
    there was no camera. late: of those written, the ones that were older than the latency budget. duplicated: extra
    copies that -r had written.

    A new counter is one more field here. JSON, metrics and -progress of the scopes that it describes then show it under
    its name.
    """

    dropped: Mapping[str, int] = field(default_factory=dict)
    received: int = _counter(stream="Frames that came from the camera.")
    written: int = _counter(stream="Frames written to the first output.", output="Camera frames written to an output.")
    damaged: int = _counter(stream="Received frames that the decoder could not put together.")
    standing_in: int = _counter(stream="Frames made up while there was no camera.")
    late: int = _counter(
        stream="Frames written after the latency budget.", output="Of those, after the latency budget."
    )
    duplicated: int = _counter()

    @property
    def dropped_total(self) -> int:
        """Dropped frames, whatever the reason."""
        return sum(self.dropped.values())

    @property
    def in_flight(self) -> int:
        """Frames received of which nothing is known yet. Only a stream's counts know it."""
        return self.received - self.written - self.dropped_total

    def numbers(self, scope: Scope) -> dict[str, int]:
        """The counters that a scope publishes, by name, without `dropped`."""
        return {name: getattr(self, name) for name in published(scope)}

    def __add__(self, other: FrameCounts) -> FrameCounts:
        dropped = self.dropped
        if other.dropped:
            reasons = (*dropped, *(reason for reason in other.dropped if reason not in dropped))
            dropped = {reason: dropped.get(reason, 0) + other.dropped.get(reason, 0) for reason in reasons}
        return FrameCounts(dropped=dropped, **{name: getattr(self, name) + getattr(other, name) for name in _NUMBERS})


NO_FRAMES = FrameCounts()
_NUMBERS = tuple(f.name for f in fields(FrameCounts) if f.name != "dropped")


def published(scope: Scope) -> dict[str, str]:
    """Names and descriptions of the counters that a scope publishes, `dropped` not among them."""
    return {f.name: f.metadata[scope] for f in fields(FrameCounts) if scope in f.metadata}
