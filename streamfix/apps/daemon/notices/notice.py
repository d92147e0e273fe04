"""What is told of a stream's state, and when: only what lasts, and once."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ....live.health import State

#: lost: the camera sends no pictures. degraded: lighter filters, or an output that cannot be written. unwell: the
#: stream has failed. well: it is as it should be.
Condition = Literal["well", "degraded", "lost", "unwell"]


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream as the watch sees it. since_s: Unix time at which it came into its state. patience_s: lost_after.

    faults: of what its camera sees, by kind: a sentence, and the Unix time at which it began.
    """

    name: str
    state: State
    reason: str
    since_s: float
    patience_s: float
    faults: Mapping[str, tuple[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Notice:
    """One message. before: the condition that was told last. since, at: Unix seconds; at: when this was noticed.

    news: False for a stream that is well from the beginning, or is removed, which concerns only whoever keeps the state
    of each. fault: of what the camera sees, which is then "faulty" or "mended"; it was told once it had lasted.
    """

    stream: str
    state: Condition | Literal["removed", "faulty", "mended"]
    before: Condition
    reason: str
    since: float
    at: float
    news: bool = True
    fault: str = ""

    @property
    def text(self) -> str:
        """In a sentence."""
        return f"{self.stream}: {self.state}{': ' + self.reason if self.reason else ''}"

    def as_json(self) -> dict[str, Any]:
        """As webhooks and MQTT get it."""
        without = {"news"} if self.fault else {"news", "fault"}
        told = {name: value for name, value in asdict(self).items() if name not in without}
        return {"text": self.text, **told, "host": socket.gethostname()}


def condition_of(stream: StreamState, now_s: float) -> Condition | None:
    """What a state comes to; None where there is nothing to tell: it was stopped, or is still starting.

    now_s: Unix seconds.
    """
    if stream.state == "starting":
        return "lost" if now_s - stream.since_s > stream.patience_s else None
    known: Mapping[State, Condition] = {
        "running": "well",
        "degraded": "degraded",
        "reconnecting": "lost",
        "error": "unwell",
    }
    return known.get(stream.state)


@dataclass(slots=True)
class _Known:
    """told: the last notice's, None before the first.

    condition: the present one, None if there is nothing to tell; changed_s: since when.

    turned_s: since when it is well, or ill, or neither. faults: that were told.
    """

    told: Condition | None = None
    condition: Condition | None = None
    changed_s: float = 0.0
    turned_s: float = 0.0

    faults: Mapping[str, tuple[str, float]] = field(default_factory=dict)


class Observer:
    """Makes notices of what it is shown, again and again.

    after_s: a stream has to be ill, in whatever ways, or well again, for so long before it is told; and when it was
    told that it is ill, it has to be ill in another way for so long.
    """

    def __init__(self, after_s: float) -> None:
        self.after_s = after_s
        self._known: dict[str, _Known] = {}

    def look(self, streams: Iterable[StreamState], steady_s: float, now_s: float) -> list[Notice]:
        """Notices that are due. steady_s, now_s: monotonic and Unix seconds."""
        due = list[Notice]()
        here = {stream.name: stream for stream in streams}
        for name in [name for name in self._known if name not in here]:
            gone = self._known.pop(name)
            due += (Notice(name, "removed", "well", "", now_s, now_s, news=False, fault=kind) for kind in gone.faults)
            if (told := gone.told) is not None:
                due.append(Notice(name, "removed", told, "", now_s, now_s, news=False))
        for name, stream in here.items():
            known = self._known.setdefault(name, _Known())
            condition = condition_of(stream, now_s)
            if _kind(condition) != _kind(known.condition):
                known.turned_s = steady_s
            if condition != known.condition:
                known.condition, known.changed_s = condition, steady_s
            before = known.told or "well"
            since_s = known.turned_s if "well" in (condition, before) else known.changed_s
            if condition is not None and condition != known.told and steady_s - since_s >= self.after_s:
                news = condition != before
                due.append(Notice(name, condition, before, stream.reason, stream.since_s, now_s, news))
                known.told = condition
            due += _sight(stream, known, now_s)
        return due


def _sight(stream: StreamState, known: _Known, now_s: float) -> Iterable[Notice]:
    """What has begun or ended of what the camera sees."""
    before, known.faults = known.faults, dict(stream.faults)
    for kind, (text, since_s) in stream.faults.items():
        if kind not in before:
            yield Notice(stream.name, "faulty", "well", text, since_s, now_s, fault=kind)
    for kind, (text, since_s) in before.items():
        if kind not in stream.faults:
            yield Notice(stream.name, "mended", "well", text, since_s, now_s, fault=kind)


def _kind(condition: Condition | None) -> bool | None:
    """Whether it is well; None where there is nothing to tell."""
    return None if condition is None else condition == "well"
