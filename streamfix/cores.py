"""The cores that this process may use, and work on one picture divided among them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_CGROUP = Path("/sys/fs/cgroup")


@cache
def count() -> int:
    """How many cores this process may use at a time: by its affinity and its control group's limit; 1 at least."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(min(allowed, _quota(_CGROUP), _limit), 1)


_NO_LIMIT = 1 << 16
_limit = _NO_LIMIT
_share: int | None = None


def limit(cores: int | None) -> None:
    """Have `count` give so many at most, for a process that has a part of its machine; None: as it was.

    To be called before any work is divided: threads that were started for more cores stay.
    """
    global _limit
    _limit = _NO_LIMIT if cores is None else cores
    count.cache_clear()


def threads() -> int:
    """How many threads one call of ours may use: all cores, or OMP_NUM_THREADS, or what `share` has set.

    Not what a host has set for PyTorch or OpenCV: a network's result may depend on the number.
    """
    if _share is not None:
        return _share
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return min(count(), int(asked)) if asked.isdecimal() and int(asked) else count()


def share(threads: int | None) -> None:
    """Set what `threads` gives, for a process of ours with several callers; None: as it was."""
    global _share
    _share = threads


def _quota(group: Path) -> int:
    """The control group's limit in whole cores, rounded up; a large number where there is none."""
    sources = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))
    for names in sources:
        try:
            words = " ".join((group / name).read_text(encoding="ascii") for name in names).split()
            quota, period = int(words[0]), int(words[1])
        except (OSError, ValueError, IndexError):  # no such group, or "max": no limit
            continue
        if quota > 0 and period > 0:
            return -(-quota // period)
    return _NO_LIMIT


class _Helpers:
    """Threads of this process that help whichever thread has work to divide. A fork begins with new ones."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def submit(self, work: Callable[[], None], most: int) -> list[Future[None]]:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(max(count() - 1, 1), "tiles")
            try:
                return [self._pool.submit(work) for _ in range(min(most, count() - 1))]
            except RuntimeError:  # the interpreter is ending, and starts nothing any more
                return []


_helpers = _Helpers()


def _after_fork() -> None:
    global _helpers
    _helpers = _Helpers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def each(work: Callable[[T], object], items: Iterable[T]) -> None:
    """Call `work` for every item, in this thread and in those of other cores that have nothing to do.

    Which thread does what is left to chance, so a call must neither depend on others nor write where they read. Raises
    what the first failing call raised, once no call is running.
    """
    items = list(items)
    if len(items) < 2 or count() < 2:
        for item in items:
            work(item)
        return
    left, lock = iter(items), threading.Lock()

    def take() -> Iterator[T]:
        while True:
            with lock:
                try:
                    item = next(left)
                except StopIteration:
                    return
            yield item

    def run() -> None:
        nonlocal left
        try:
            for item in take():
                work(item)
        except BaseException:
            with lock:
                left = iter(())
            raise

    others = _helpers.submit(run, len(items) - 1)
    try:
        run()
    finally:
        # A helper that has not begun is not needed any more: all items are taken.
        running = [other for other in others if not other.cancel()]
        errors = [error for other in running if (error := other.exception()) is not None]
    if errors:
        raise errors[0]
