"""What a new configuration changes; whatever stayed the same is not restarted."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .config import DaemonConfig, StreamConfig

# Fields of DaemonConfig that are read once, when the daemon starts.
_AT_START = ("host", "port", "hosts", "log", "cluster")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with each stream, by name.

    add, restart and keep are in the order of the new configuration, remove in that of the old one. restart: the stream
    has another configuration, whose `enabled` says whether it then runs. needs_restart: keys of [daemon] that have
    changed since the daemon began and take effect when it is restarted.
    """

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = ((word, getattr(self, word)) for word in ("add", "remove", "restart", "keep"))
        return "; ".join(f"{word} {', '.join(names)}" for word, names in parts if names) or "no streams"


def plan(old: Sequence[StreamConfig], new: Sequence[StreamConfig], rotated: Collection[str] = ()) -> Plan:
    """Plan how to get from the streams of `old` to those of `new`.

    rotated: names of streams that restart though they read the same: a secret (`Secrets.digest`) or the device has
    changed.
    """
    before = {stream.name: stream for stream in old}
    after = {stream.name: stream for stream in new}
    same = [n for n, stream in after.items() if before.get(n) == stream and n not in rotated]
    return Plan(
        add=tuple(n for n in after if n not in before),
        remove=tuple(n for n in before if n not in after),
        restart=tuple(n for n in after if n in before and n not in same),
        keep=tuple(same),
    )


def needs_new_process(old: DaemonConfig, new: DaemonConfig) -> tuple[str, ...]:
    """Keys of [daemon] that have changed and take effect only when the daemon restarts."""
    names = [field.name for field in dataclasses.fields(DaemonConfig) if field.name in _AT_START]
    return tuple(name for name in names if getattr(old, name) != getattr(new, name))
