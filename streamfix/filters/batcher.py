"""Lets several streams share one filter: gathers their calls into batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from ..errors import FilterError
from ..frame import Frame
from .base import Filter

DECLARED = (
    *("layout", "arrays", "past", "step", "future", "scale", "multiple"),
    *("generative", "adaptive", "batch_tolerance", "keeps_level", "thread_safe", "wants_coding"),
)
_Call = tuple[Any, Sequence[Any], "Future[Any]"]


class Batcher(Filter[Any]):
    """Wraps a filter. Calls made from several threads within `max_wait_s` run as one batch.

    Each stream has at most one call waiting, so none can crowd out another.
    An error reaches exactly the streams whose call was in the batch.

    wrapped: the filter itself.
    callers: how many streams share it, None if unknown. A batch that has a call of each does not wait for more, and
    a single stream is served in its own thread. May be changed at any time.
    batches, calls: counted so far. busy_s: seconds that the wrapped filter has worked.
    """

    def __init__(self, filter: Filter[Any], max_batch: int = 8, max_wait_s: float = 0.002) -> None:
        if max_batch < 1 or max_wait_s < 0:
            raise ValueError(f"max_batch must be >= 1 and max_wait_s >= 0, got {max_batch} and {max_wait_s}")
        for name in DECLARED:
            setattr(self, name, getattr(filter, name))
        self.batches = 0
        self.calls = 0
        self.busy_s = 0.0
        self._callers: int | None = None
        self._working = threading.Lock()
        self.wrapped, self._max_batch, self._max_wait_s = filter, max_batch, max_wait_s
        self._waiting: list[_Call] = []
        self._changed = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._serve, name="batcher", daemon=True)
        self._thread.start()

    @property
    def callers(self) -> int | None:
        return self._callers

    @callers.setter
    def callers(self, count: int | None) -> None:
        with self._changed:
            self._callers = count
            self._changed.notify()

    def init_state(self) -> Any:
        return self.wrapped.init_state()

    def tell(self, state: Any, frames: Sequence[Frame]) -> None:
        self.wrapped.tell(state, frames)

    def lighter(self) -> Sequence[str]:
        return self.wrapped.lighter()

    def report(self, state: Any) -> Mapping[str, float]:
        return self.wrapped.report(state)

    @property
    def saves(self) -> bool:
        return self.wrapped.saves

    def save_state(self, state: Any) -> Mapping[str, Any]:
        return self.wrapped.save_state(state)

    def load_state(self, saved: Mapping[str, Any]) -> Any:
        return self.wrapped.load_state(saved)

    def resolved(self) -> Mapping[str, str]:
        return self.wrapped.resolved()

    def to(self, device: Any) -> None:
        self.wrapped.to(device)

    def __call__(self, x: Any, states: Sequence[Any]) -> Any:
        future: Future[Any] = Future()
        with self._changed:
            if not self._open:
                raise FilterError(f"the batcher of {type(self.wrapped).__name__} is closed")
            alone = self._callers == 1 and not self._waiting
            if not alone:
                self._waiting.append((x, states, future))
                self._changed.notify()
        return self._work(x, states, 1) if alone else future.result()

    def close(self) -> None:
        """Serve what waits, end the thread, close the wrapped filter."""
        with self._changed:
            self._open = False
            self._changed.notify()
        self._thread.join()
        with self._working:
            self.wrapped.close()

    def _take(self) -> list[_Call]:
        """The next batch; empty once closed and served."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._open)
            if not self._waiting:
                return []
            deadline = time.monotonic() + self._max_wait_s
            self._changed.wait_for(
                lambda: len(self._waiting) >= self._enough() or not self._open, deadline - time.monotonic()
            )
            first = self._waiting[0][0]
            batch: list[_Call] = []
            rest: list[_Call] = []
            for call in self._waiting:
                fits = call[0].shape[1:] == first.shape[1:] and call[0].dtype == first.dtype
                (batch if fits and len(batch) < self._max_batch else rest).append(call)
            self._waiting = rest
            return batch

    def _enough(self) -> int:
        """How many calls make a batch that waits for no more."""
        return self._max_batch if self._callers is None else min(self._max_batch, self._callers)

    def _work(self, x: Any, states: Sequence[Any], calls: int) -> Any:
        """Run the wrapped filter, in one thread at a time."""
        with self._working:
            self.batches += 1
            self.calls += calls
            begin = time.perf_counter()
            try:
                return self.wrapped(x, states)
            finally:
                self.busy_s += time.perf_counter() - begin

    def _together(self, batch: Sequence[_Call]) -> Sequence[Any]:
        """The results of a batch, one a call."""
        states = [state for _, many, _ in batch for state in many]
        given, sizes = [x for x, _, _ in batch], [len(x) for x, _, _ in batch]
        if isinstance(given[0], np.ndarray):
            y = self._work(np.concatenate(given), states, len(batch))
            return np.split(y, np.cumsum(sizes)[:-1])
        import torch

        # inference mode belongs to a thread: the callers' does not reach this one
        with torch.inference_mode():
            return torch.split(self._work(torch.cat(given), states, len(batch)), sizes)

    def _serve(self) -> None:
        while batch := self._take():
            try:
                parts = self._together(batch)
            except BaseException as error:
                for _, _, future in batch:
                    future.set_exception(error)
            else:
                for part, (_, _, future) in zip(parts, batch, strict=True):
                    future.set_result(part)
