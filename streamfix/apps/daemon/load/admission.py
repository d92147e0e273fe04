"""Refuses a stream before the machine is overloaded, and says with which figures."""

from __future__ import annotations

import os
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from ..engine.control import Conflict

_CGROUP = Path("/sys/fs/cgroup")
_SUSTAINED = 3  # measurements whose lowest load counts


@dataclass(frozen=True, slots=True)
class Need:
    """Work, in seconds a second: of processor cores, and of the GPU."""

    cores: float = 0.0
    gpu: float = 0.0

    def __add__(self, other: Need) -> Need:
        return Need(self.cores + other.cores, self.gpu + other.gpu)


class Admission:
    """Keeps account of the work that streams need and of what the machine has.

    cores: how many there are, fractional under a control group's quota. max_load: share of them, and of the GPU, that
    may be taken. What a stream needs counts as taken until it is released, also while its camera is away. If the
    process has measurably taken more than all streams need by that account, the measurement counts instead.
    """

    def __init__(self, cores: float, max_load: float) -> None:
        self._lock = threading.Lock()
        self._needs: dict[str, Need] = {}
        self._refused: dict[str, Need] = {}
        self._measured = Need()
        self._loads: deque[Need] = deque(maxlen=_SUSTAINED)
        self._cores = cores
        self.max_load = max_load

    @property
    def capacity(self) -> Need:
        """The work that may be taken in all."""
        return Need(self._cores * self.max_load, self.max_load)

    @property
    def taken(self) -> Need:
        """The work that is taken now."""
        with self._lock:
            return self._taken_without("")

    @property
    def measured(self) -> Need:
        """The least that the process has taken in its last measurements."""
        return self._measured

    def measure(self, load: Need) -> None:
        """Note what the process has taken since the last call. Short peaks, such as loading a model, do not count."""
        with self._lock:
            self._loads.append(load)
            if len(self._loads) == _SUSTAINED:
                self._measured = Need(min(x.cores for x in self._loads), min(x.gpu for x in self._loads))

    def admit(self, name: str, need: Need) -> None:
        """Reserve what a stream needs, in place of what it had before. Raises Conflict if there is too little."""
        with self._lock:
            reason = self._against(name, need)
            self._needs.pop(name, None)
            if reason:
                self._refused[name] = need
                raise Conflict(reason)
            self._needs[name] = need
            self._refused.pop(name, None)

    def check(self, name: str, need: Need) -> None:
        """Raise Conflict if `admit` would; reserve nothing."""
        with self._lock:
            if reason := self._against(name, need):
                raise Conflict(reason)

    def revise(self, name: str, need: Need) -> None:
        """Correct what a stream needs: one that runs goes on, one that was refused may fit now."""
        with self._lock:
            for known in (self._needs, self._refused):
                if name in known:
                    known[name] = need

    def release(self, name: str) -> None:
        """Release what a stream took, and forget that it was refused."""
        with self._lock:
            gone = self._needs.pop(name, Need())
            self._refused.pop(name, None)
            if gone != Need():  # the measurement included it
                cores, gpu = self._measured.cores - gone.cores, self._measured.gpu - gone.gpu
                self._measured = Need(max(0.0, cores), max(0.0, gpu))
                self._loads.clear()

    def next(self) -> str | None:
        """Of the refused streams that fit now, the one that has waited longest, which counts as refused no longer."""
        with self._lock:
            fits = next((name for name, need in self._refused.items() if not self._against(name, need)), None)
            if fits is not None:
                del self._refused[fits]
            return fits

    def _against(self, name: str, need: Need) -> str:
        taken, capacity = self._taken_without(name), self.capacity
        remedy = (
            "stop another stream, take a lighter filter or smaller pictures, or raise daemon.max_load and let filters "
            "step down to lighter ones"
        )
        for wanted, used, there, unit in (
            (need.cores, taken.cores, capacity.cores, "core"),
            (need.gpu, taken.gpu, capacity.gpu, "GPU"),
        ):
            if wanted and used + wanted > there:
                amount = f"{wanted:.2f} of a {unit}" if wanted <= 1 else f"{wanted:.2f} {unit}s"
                return f"{name} needs about {amount}, {used:.2f} of {there:.2f} are taken; {remedy}"
        return ""

    def _taken_without(self, name: str) -> Need:
        said = sum((need for other, need in self._needs.items() if other != name), Need())
        own = self._needs.get(name, Need())
        # The process is measured as a whole; a running stream's own part is taken to be what it needs by the account.
        measured = Need(self._measured.cores - own.cores, self._measured.gpu - own.gpu)
        return Need(max(said.cores, measured.cores), max(said.gpu, measured.gpu))


def cores(cgroup: Path = _CGROUP) -> float:
    """Processor cores that this process may use: those it is bound to, or less where a control group has a quota.

    cgroup: the root of the hierarchy as a container sees it, version 2 (`cpu.max`) or 1 (`cpu/cpu.cfs_quota_us`).
    """
    bound = float(len(os.sched_getaffinity(0)))
    quota = _quota(cgroup)
    return bound if quota is None else min(bound, quota)


def _quota(cgroup: Path) -> float | None:
    """Cores' worth of time that the control group gives, None for no limit."""
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        paths = [cgroup / name for name in names]
        if all(path.is_file() for path in paths):
            quota, period = " ".join(path.read_text(encoding="ascii") for path in paths).split()
            return int(quota) / int(period) if quota != "max" and int(quota) > 0 else None
    return None
