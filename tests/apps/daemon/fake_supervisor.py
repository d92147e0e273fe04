"""A supervisor that runs nothing: what the API asks of the engine, in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamfix.apps.daemon.access.secrets import Secrets
from streamfix.apps.daemon.config.changes import Plan
from streamfix.apps.daemon.config.config import DaemonConfig, StreamConfig
from streamfix.apps.daemon.config.write_back import Unsaved, unsaved
from streamfix.apps.daemon.engine.control import Conflict, StreamExists, UnknownStream
from streamfix.apps.daemon.recordings.catalogue import Catalogue
from streamfix.apps.daemon.recordings.keeper import catalogue_of
from streamfix.frame import Frame
from streamfix.live.health import Event
from streamfix.media.redact import redact


@dataclass
class FakeSupervisor:
    """capacity: streams that it admits. pictures: what `latest` gives. on_reload: raises, or says what was done."""

    config: DaemonConfig = field(default_factory=DaemonConfig)
    capacity: int = 100
    ready: bool = True
    draining: bool = False
    pictures: dict[str, tuple[Frame, Frame]] = field(default_factory=dict)
    on_reload: Callable[[], Plan] = Plan
    streams: dict[str, StreamConfig] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    next_try: dict[str, float] = field(default_factory=dict)
    happened: list[Event] = field(default_factory=list)
    relearnt: list[str] = field(default_factory=list)
    asked: int = 0  # how often for pictures
    node_names: Sequence[str] = ()
    drained: set[str] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def list(self) -> Sequence[Mapping[str, Any]]:
        return [self.get(name) for name in tuple(self.streams)]

    def get(self, name: str) -> Mapping[str, Any]:
        config = self.config_of(name)
        return {
            "name": name,
            "state": "running" if name in self.running else "stopped",
            "since": time.time(),
            "next_try": self.next_try.get(name),
            "input": redact(config.input),
            "filters": config.filters,
            "outputs": [{"url": redact(output.url), "trouble": ""} for output in config.outputs],
            "enabled": config.enabled,
            "fps": float("nan"),
            "latency": {"p50": 0.02, "p99": float("inf")},
            "max_latency": config.max_latency_s,
            "dropped": {"overload": 2},
            "received": 12,
            "written": 10,
            "size": (48, 32),
        }

    def config_of(self, name: str) -> StreamConfig:
        if name not in self.streams:
            raise UnknownStream(f"there is no stream {name!r}; there are: {', '.join(self.streams) or 'none'}")
        return self.streams[name]

    def add(self, config: StreamConfig) -> None:
        with self.lock:
            if config.name in self.streams:
                raise StreamExists(f"a stream {config.name!r} exists already; change it, or choose another name")
            if len(self.streams) >= self.capacity:
                raise Conflict(f"{config.name} needs about 0.71 of a core, 1.62 of 1.80 are taken")
            self.streams[config.name] = config
            self.happened.append(Event(time.time(), "state", f"reading {redact(config.input)}"))
            if config.enabled:
                self.running.add(config.name)

    def change(self, config: StreamConfig) -> None:
        with self.lock:
            self.config_of(config.name)
            self.streams[config.name] = config

    def remove(self, name: str) -> None:
        with self.lock:
            self.config_of(name)
            self.running.discard(name)
            del self.streams[name]

    def start(self, name: str) -> None:
        self.config_of(name)
        if self.draining:
            raise Conflict("the daemon is ending and takes no changes; try again once it has restarted")
        self.running.add(name)

    def retry(self, name: str) -> None:
        self.config_of(name)
        if name not in self.running:
            raise Conflict(f"{name}: it is stopped and tries nothing; start it")
        self.next_try.pop(name, None)

    def stop(self, name: str) -> None:
        self.config_of(name)
        self.running.discard(name)

    def relearn(self, name: str) -> None:
        self.config_of(name)
        self.relearnt.append(name)

    def keep_zones(self, name: str) -> bool:
        self.config_of(name)
        return False

    def reload(self) -> Plan:
        return self.on_reload()

    def unsaved(self) -> Unsaved:
        return unsaved(self.config.streams, list(self.streams.values()))

    def save(self) -> tuple[Unsaved, Path, Path | None]:
        raise Conflict("the daemon was started without a configuration file, so there is none to write to")

    def history(self, name: str) -> Mapping[str, Any]:
        self.config_of(name)
        return {
            "step_s": 5.0,
            "t": [1.0, 6.0],
            "fps": [25.0, float("nan")],
            "latency_p50": [0.02, None],
            "latency_p99": [0.04, None],
            "dropped": [0, 3],
            "noise": [None, None],
        }

    def events(self, name: str) -> Sequence[Event]:
        self.config_of(name)
        return self.happened

    def latest(self, name: str) -> tuple[Frame, Frame] | None:
        self.config_of(name)
        self.asked += 1
        return self.pictures.get(name)

    def recordings(self, name: str) -> Catalogue:
        return catalogue_of(self.config_of(name), Secrets({}), self.config.allowed)

    def nodes(self) -> Sequence[Mapping[str, Any]]:
        load = {"used": 0.5, "capacity": 3.6}
        return [
            {"name": name, "up": True, "drained": name in self.drained, "since": 1.0, "streams": 1, "load": load}
            for name in self.node_names
        ]

    def drain_node(self, name: str, drained: bool) -> None:
        if name not in self.node_names:
            raise UnknownStream(f"there is no node {name!r}")
        (self.drained.add if drained else self.drained.discard)(name)

    def system(self) -> Mapping[str, Any]:
        return {"uptime_s": 1.5, "device": "cpu", "cpus": 2, "load": {"used": 0.5, "capacity": 1.8}}

    def metrics(self) -> bytes:
        return b"# TYPE streamfix_build_info gauge\nstreamfix_build_info 1.0\n"
