"""A lock for each stream's name, so that changing one stream waits for no change to another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class StreamLocks:
    """Locks by stream name. A caller that needs several takes all at once, so two callers never deadlock."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, *names: str) -> Iterator[Callable[[Iterable[str]], None]]:
        """Wait until all of these names are free, then hold their locks; yields a function that releases some early."""
        mine = set(names)
        with self._changed:
            self._changed.wait_for(lambda: not self._taken & mine)
            self._taken |= mine
        try:
            yield lambda done: self._release(mine, set(done))
        finally:
            self._release(mine, set(mine))

    def _release(self, mine: set[str], done: set[str]) -> None:
        with self._changed:
            self._taken -= mine & done
            mine -= done
            self._changed.notify_all()
