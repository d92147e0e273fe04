"""A bounded queue between two threads that either side may end.

The sender *finishes*: what is queued is still delivered. The receiver
*closes*: what is queued is thrown away and the sender is told.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """The receiver is gone. Control flow between threads, never shown to a user."""


class Channel(Generic[T]):
    """Carries items from one thread to one other, at most `depth` at a time.

    A full channel makes `send` wait: that is the back-pressure. With
    `droppable`, a full channel first gives up its oldest item for which
    `droppable(item)` is true, which is how a live stream sheds load; items
    for which it is false are never lost.
    """

    def __init__(self, depth: int, droppable: Callable[[T], bool] | None = None) -> None:
        if depth < 1:
            raise ValueError(f"channel depth must be at least 1, got {depth}")
        self.depth = depth
        self._droppable = droppable
        self._dropped = 0
        self._items: deque[T] = deque()
        self._finished = False
        self._closed = False
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def dropped(self) -> int:
        """How many items were given up for newer ones."""
        return self._dropped

    @property
    def closed(self) -> bool:
        """True once the receiver wants nothing more."""
        return self._closed

    def send(self, item: T) -> None:
        """Wait for room, then append `item`. Raises Closed once the receiver is gone."""
        with self._changed:
            while len(self._items) >= self.depth and not self._closed:
                if not self._drop_oldest():
                    self._changed.wait()
            if self._closed:
                raise Closed
            self._items.append(item)
            self._changed.notify_all()

    def finish(self) -> None:
        """Sender's side: what is queued is still delivered, then iteration ends."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def close(self) -> None:
        """Receiver's side: throw away what is queued and refuse the rest."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                while not (self._items or self._finished or self._closed):
                    self._changed.wait()
                if not self._items:
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
            del item  # a frame must not be kept alive while the receiver waits for the next

    def _drop_oldest(self) -> bool:
        if self._droppable is None:
            return False
        for i, item in enumerate(self._items):
            if self._droppable(item):
                del self._items[i]
                self._dropped += 1
                return True
        return False
