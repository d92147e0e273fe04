"""Filters that several jobs share: one object, weights in memory once, calls batched where that is faster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from .. import cores, devices
from ..chainspec import FilterSpec
from ..devices import cpu
from ..errors import BadOption
from ..filters import FILTERS
from ..filters.base import Filter
from ..filters.batcher import DECLARED, Batcher
from ..frame import Frame

_Key = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(slots=True)
class _Shared:
    """A filter that is made or being made, and how many leases it has."""

    made: Future[Filter[Any]] = field(default_factory=Future)
    leases: int = 0


class FilterPool:
    """Gives all streams that ask for the same filter with the same options one object.

    device: where the filters run, as `devices.choose` takes it. max_batch, max_wait_s: see `Batcher`.
    owns_process: whether the threads of OpenCV and PyTorch, which are the process's, are ours to divide among streams.

    On a GPU, the calls of several streams run as one batch. On a CPU a batch takes as long as its parts one by one, and
    keeps only one thread busy. There, each stream's own thread calls a filter that is `thread_safe`, as many at a time
    as there are cores (more would wait for the interpreter and slow each other down); any other filter runs behind a
    batcher, which lets one call in at a time.
    """

    def __init__(
        self, device: str = "auto", max_batch: int = 8, max_wait_s: float = 0.002, *, owns_process: bool = False
    ) -> None:
        self._owns_process = owns_process
        self.device = devices.choose(device)
        self._max_batch, self._max_wait_s = max_batch, max_wait_s
        self._shared: dict[_Key, _Shared] = {}
        self._lock = threading.Lock()
        self._ended_busy_s = 0.0
        self._lanes = threading.BoundedSemaphore(cores.count())

    def __len__(self) -> int:
        """How many filters there are."""
        return len(self._shared)

    @property
    def busy_s(self) -> float:
        """Seconds that filters behind a batcher have worked, closed ones among them: how long the GPU was busy."""
        with self._lock:
            filters = [s.made.result() for s in self._shared.values() if s.made.done() and not s.made.exception()]
            return self._ended_busy_s + sum(f.busy_s for f in filters if isinstance(f, Batcher))

    def device_for(self, name: str) -> str:
        """The device of a stream that shares these filters and asks for `name`; "auto" is the pool's.

        Raises BadOption for another one.
        """
        if name != "auto" and devices.choose(name) != self.device:
            raise BadOption(f"device={name!r}: the pool's filters are on {self.device}; make a pool for {name}")
        return str(self.device)

    def lease(self, spec: FilterSpec) -> Filter[Any]:
        """The filter for one stream. Its `close` gives it back; the last lease that is closed releases the filter.

        Raises UnknownName, BadOption, or what the filter raises when it is made or loads its model.
        """
        key = _key(spec)
        with self._lock:
            shared = self._shared.get(key)
            first = shared is None
            if shared is None:
                shared = self._shared[key] = _Shared()
            shared.leases += 1
        if first:
            # Outside the lock: loading a model takes seconds, and streams with other filters should not wait.
            try:
                shared.made.set_result(self._make(spec))
            except BaseException as error:  # noqa: BLE001  # carried to all that wait for it, and raised below
                with self._lock:
                    del self._shared[key]
                shared.made.set_exception(error)
        made = shared.made.result()
        self._tell_callers(shared, made)
        lanes = self._lanes if made.thread_safe and self.device.type == "cpu" else nullcontext()
        return Lease(made, lambda: self._give_back(key, shared), lanes)

    def _make(self, spec: FilterSpec) -> Filter[Any]:
        made = FILTERS.create(spec.name, spec.options)
        try:
            devices.move(made, self.device)
        except BaseException:
            made.close()
            raise
        if made.thread_safe and self.device.type == "cpu":
            return made
        return Batcher(made, self._max_batch, self._max_wait_s)

    def _give_back(self, key: _Key, shared: _Shared) -> None:
        made = shared.made.result()
        with self._lock:
            shared.leases -= 1
            last = not shared.leases
            if last:
                del self._shared[key]
        if last:
            made.close()
            with self._lock:
                self._ended_busy_s += made.busy_s if isinstance(made, Batcher) else 0.0
                self._share_cores()
        else:
            self._tell_callers(shared, made)

    def _tell_callers(self, shared: _Shared, made: Filter[Any]) -> None:
        with self._lock:
            if isinstance(made, Batcher):
                made.callers = shared.leases
            self._share_cores()

    def _share_cores(self) -> None:
        if self._owns_process and self.device.type == "cpu":
            cpu.share_cores(max((s.leases for s in self._shared.values()), default=1))


class Lease(Filter[Any]):
    """A pool's filter as one stream has it. wrapped: the filter itself. lanes: held while it is called."""

    def __init__(self, filter: Filter[Any], give_back: Callable[[], None], lanes: AbstractContextManager[Any]) -> None:
        for name in DECLARED:
            setattr(self, name, getattr(filter, name))
        self.wrapped = filter.wrapped if isinstance(filter, Batcher) else filter
        self._filter, self._give_back, self._lanes = filter, give_back, lanes
        self._open = True

    def init_state(self) -> Any:
        return self._filter.init_state()

    def tell(self, state: Any, frames: Sequence[Frame]) -> None:
        self._filter.tell(state, frames)

    def lighter(self) -> Sequence[str]:
        return self._filter.lighter()

    def report(self, state: Any) -> Mapping[str, float]:
        return self._filter.report(state)

    @property
    def saves(self) -> bool:
        return self._filter.saves

    def save_state(self, state: Any) -> Mapping[str, Any]:
        return self._filter.save_state(state)

    def load_state(self, saved: Mapping[str, Any]) -> Any:
        return self._filter.load_state(saved)

    def resolved(self) -> Mapping[str, str]:
        return self._filter.resolved()

    def to(self, device: Any) -> None:
        """Do nothing: the filter is on the pool's device, and other streams use it."""

    def __call__(self, x: Any, states: Sequence[Any]) -> Any:
        with self._lanes:
            return self._filter(x, states)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._give_back()


def _key(spec: FilterSpec) -> _Key:
    """The same for `smooth=0.5` and `smooth=strength=0.5`, and for two names of one filter."""
    known = list(FILTERS.options(spec.name))
    named = {known[int(k)] if k.isdigit() and int(k) < len(known) else k: v for k, v in spec.options.items()}
    return FILTERS.main_name(spec.name), tuple(sorted(named.items()))
