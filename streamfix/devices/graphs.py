"""Replays a function of tensors as a CUDA graph: one launch in place of hundreds, each of which costs microseconds."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

Function = Callable[..., tuple[Tensor, ...]]
Recorded = tuple[Callable[[], None], tuple[Tensor, ...]]
Record = Callable[[Callable[[], tuple[Tensor, ...]]], Recorded]

log = logging.getLogger(__name__)

_MOST = 12  # combinations of shapes with a graph of their own
_WARM_UP = 2  # calls before one is recorded: libraries allocate and choose kernels then


@dataclass(frozen=True, slots=True)
class _Graph:
    given: tuple[Tensor, ...]
    replay: Callable[[], None]
    results: tuple[Tensor, ...]


class Graphed:
    """A function of tensors, recorded once for each combination of shapes and replayed from then on. Thread-safe.

    On a CPU, with STREAMFIX_CUDA_GRAPHS=0, and for all but the first few combinations it is simply called. The function
    must give the same operations whenever it is called with these shapes, keep nothing, and not wait for the device. If
    it cannot be recorded, that is told once, and it is called from then on. What is recorded was never run on a GPU by
    the project's tests: there they replace `record`.

    record: makes a function that repeats a call on the same memory, and the results that it fills; None is a CUDA
    graph's, for tensors on a GPU.
    """

    def __init__(self, function: Function, record: Record | None = None) -> None:
        self._function, self._record = function, record
        self._graphs: dict[Any, _Graph | None] = {}
        self._pool: Any = None  # all graphs compute in one memory: they are replayed one after the other
        self._lock = threading.Lock()

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        device = tensors[0].device
        record = self._record or (partial(self._record_cuda, device) if _is_graphed(device) else None)
        if record is None:
            return self._function(*tensors)
        with self._lock, torch.inference_mode():
            key = tuple((t.shape, t.dtype, t.device, t.stride()) for t in tensors)
            if key not in self._graphs and len(self._graphs) < _MOST:
                self._graphs[key] = self._recorded(record, tensors)
            graph = self._graphs.get(key)
            if graph is None:
                return self._function(*tensors)
            for kept, given in zip(graph.given, tensors, strict=True):
                kept.copy_(given, non_blocking=True)
            graph.replay()
            return tuple(result.clone() for result in graph.results)  # the next call overwrites them

    def close(self) -> None:
        """Release the graphs and their memory."""
        with self._lock:
            self._graphs.clear()

    def _recorded(self, record: Record, tensors: Sequence[Tensor]) -> _Graph | None:
        given = tuple(t.clone() for t in tensors)
        try:
            replay, results = record(lambda: self._function(*given))
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.warning("runs without a CUDA graph, which is slower: %s", str(error).partition("\n")[0])
            return None
        return _Graph(given, replay, results)

    def _record_cuda(self, device: torch.device, call: Callable[[], tuple[Tensor, ...]]) -> Recorded:
        with torch.cuda.device(device):
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(_WARM_UP):
                    call()
            torch.cuda.current_stream().wait_stream(side)
            if self._pool is None:
                self._pool = torch.cuda.graph_pool_handle()
            graph = torch.cuda.CUDAGraph()
            # other threads may use the device meanwhile
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                results = call()
        return graph.replay, results


def _is_graphed(device: torch.device) -> bool:
    return device.type == "cuda" and os.environ.get("STREAMFIX_CUDA_GRAPHS", "1") != "0"
