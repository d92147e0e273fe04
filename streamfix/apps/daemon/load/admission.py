"""Says no to a stream before the machine drowns, with the figure that speaks against it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from ..engine.control import Refused

_SUSTAINED = 3  # measurements whose lowest load counts


@dataclass(frozen=True, slots=True)
class Need:
    """Work, in seconds a second: of processor cores, and of the GPU."""

    cores: float = 0.0
    gpu: float = 0.0

    def __add__(self, other: Need) -> Need:
        return Need(self.cores + other.cores, self.gpu + other.gpu)


class Admission:
    """Keeps account of what streams need, and of what there is.

    cores: there are, a part of one for a control group's quota. max_load: share of them, and of the GPU, that may be
    taken. What a stream needs counts as taken until it is released, whether its camera is there or not; if the process
    has measurably taken more than all streams are said to need, that counts instead.
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
        """What may be taken in all."""
        return Need(self._cores * self.max_load, self.max_load)

    @property
    def taken(self) -> Need:
        """What is taken now."""
        with self._lock:
            return self._taken_without("")

    @property
    def measured(self) -> Need:
        """What the process has taken lately, at least."""
        return self._measured

    def measure(self, load: Need) -> None:
        """What the process has taken since this was called last. Peaks do not count: loading a model is one."""
        with self._lock:
            self._loads.append(load)
            if len(self._loads) == _SUSTAINED:
                self._measured = Need(min(x.cores for x in self._loads), min(x.gpu for x in self._loads))

    def admit(self, name: str, need: Need) -> None:
        """Take the room that a stream needs, in place of what it took before. Raises Refused if there is too little."""
        with self._lock:
            reason = self._against(name, need)
            self._needs.pop(name, None)
            if reason:
                self._refused[name] = need
                raise Refused(reason)
            self._needs[name] = need
            self._refused.pop(name, None)

    def check(self, name: str, need: Need) -> None:
        """Raise Refused if `admit` would, and take nothing."""
        with self._lock:
            if reason := self._against(name, need):
                raise Refused(reason)

    def revise(self, name: str, need: Need) -> None:
        """It is known better now what a stream needs: one that runs goes on, one that was refused may fit now."""
        with self._lock:
            for known in (self._needs, self._refused):
                if name in known:
                    known[name] = need

    def release(self, name: str) -> None:
        """Give back what a stream took; it is not refused any more either."""
        with self._lock:
            gone = self._needs.pop(name, Need())
            self._refused.pop(name, None)
            if gone != Need():  # what was measured was measured with it
                cores, gpu = self._measured.cores - gone.cores, self._measured.gpu - gone.gpu
                self._measured = Need(max(0.0, cores), max(0.0, gpu))
                self._loads.clear()

    def next(self) -> str | None:
        """The refused stream that has waited longest of those for which there is room now; it is named once."""
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
        # What the process takes is measured as a whole: the stream's own part of it is what it is said to need.
        measured = Need(self._measured.cores - own.cores, self._measured.gpu - own.gpu)
        return Need(max(said.cores, measured.cores), max(said.gpu, measured.gpu))
