"""Takes turns at streams: what is done to one of them waits for nothing that is done to others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class Turns:
    """Names that are being worked at. Whoever wants several gets them at once, so that none waits for another."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._changed = threading.Condition()

    @contextmanager
    def at(self, *names: str) -> Iterator[Callable[[Iterable[str]], None]]:
        """Wait until nobody works at any of these, and keep others from them; gives what lets others at some again."""
        mine = set(names)
        with self._changed:
            self._changed.wait_for(lambda: not self._taken & mine)
            self._taken |= mine
        try:
            yield lambda done: self._give_back(mine, set(done))
        finally:
            self._give_back(mine, set(mine))

    def _give_back(self, mine: set[str], done: set[str]) -> None:
        with self._changed:
            self._taken -= mine & done
            mine -= done
            self._changed.notify_all()
