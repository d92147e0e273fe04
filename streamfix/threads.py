"""How many threads PyTorch uses for one call of ours: told to OpenMP for the calling thread alone.

`torch.set_num_threads` is the whole process's, and a program that has imported us may rely on it. OpenMP keeps the
number of each calling thread apart (its `nthreads-var`, OpenMP 5.2, section 2.4), so ours can be set around a call.

Two things are gained. Results are the same bits whatever number a host has set: PyTorch divides an operation among its
threads, and vector instructions round otherwise than the ones that compute the rest of a part. And where OpenMP was
loaded before us, its threads do not listen to OMP_WAIT_POLICY any more and spin for milliseconds after each operation:
there our own small operations use one thread.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from .lazy import if_loaded

P = ParamSpec("P")
R = TypeVar("R")

_MAPS = Path("/proc/self/maps")
_NAMES = ("libgomp", "libiomp", "libomp")
_own = threading.local()

#: Whether OpenMP's threads spin, however long, after each operation.
spinning = False


def ask_for_passive_waiting() -> None:
    """Have OpenMP's threads sleep while they wait. Has an effect where OpenMP is loaded after this call."""
    global spinning
    if "OMP_WAIT_POLICY" not in os.environ and "GOMP_SPINCOUNT" not in os.environ:
        spinning = bool(_loaded())
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


class _Using:
    """A `with` block in which PyTorch uses that many threads in the calling thread. Blocks may be nested."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __enter__(self) -> None:
        counters = _counters()
        _own.__dict__.setdefault("before", []).append([(put, get()) for get, put in counters])
        for _, put in counters:
            put(self._count)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for put, before in _own.before.pop():
            put(before)


def using_all() -> _Using:
    """For a network: as many threads as `cores.threads` says."""
    from . import cores

    return _Using(cores.threads())


def quiet(function: Callable[P, R]) -> Callable[P, R]:
    """A function of small operations: where OpenMP's threads spin it runs in one."""

    @wraps(function)
    def called(*args: P.args, **options: P.kwargs) -> R:
        if not spinning:
            return function(*args, **options)
        with _Using(1):
            return function(*args, **options)

    return called


def alone(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose last bits would depend on the number of threads: it runs in one, except in training."""

    @wraps(function)
    def called(*args: P.args, **options: P.kwargs) -> R:
        torch = if_loaded("torch")  # NumPy's operations are in one thread anyway
        if torch is None or not torch.is_inference_mode_enabled():
            return function(*args, **options)
        with _Using(1):
            return function(*args, **options)

    return called


def _loaded() -> list[str]:
    """The OpenMP libraries of this process, by path; none where the system does not tell."""
    try:
        lines = _MAPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    paths = {line.split(maxsplit=5)[5] for line in lines if any(f"/{name}" in line for name in _NAMES)}
    return sorted(path for path in paths if Path(path).name.startswith(_NAMES))


def _counters() -> list[tuple[Callable[[], int], Callable[[int], Any]]]:
    """For each OpenMP library, the functions that tell and set the calling thread's number."""
    if "torch" not in sys.modules:
        return []
    if not getattr(_own, "begun", False):
        import torch

        # The first operation in a thread sets the number to the process's; it must not do so between ours.
        torch.get_num_threads()
        _own.begun = True
    return _functions()


@cache
def _functions() -> list[tuple[Callable[[], int], Callable[[int], Any]]]:
    import ctypes

    found: list[tuple[Callable[[], int], Callable[[int], Any]]] = []
    for path in _loaded():
        try:
            library = ctypes.PyDLL(path)  # keeps the interpreter's lock: the calls take nanoseconds
            found.append((library.omp_get_max_threads, library.omp_set_num_threads))
        except (OSError, AttributeError):
            continue
    return found
