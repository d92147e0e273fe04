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
    """The receiver has closed the channel. Control flow between threads, never shown to a user."""


_AGAIN_S = 0.1


class Channel(Generic[T]):
    """Carries items from one thread to one other, at most `depth` at a time.

    A full channel makes `send` wait: that is the back-pressure. A live stream sheds load by `droppable`.

    depth: items it holds.
    droppable: a full channel drops its oldest item for which this is true, and waits only if there is none. It may
    change its mind while a sender waits, and is asked again each tenth of a second.
    on_drop: called with each dropped item, in the sender's thread, outside the lock.
    spare: extra room for items that may not be dropped, so that they do not block what is behind them.
    patience_s: how long a full channel waits before it drops anything, so that a burst is not lost to a receiver that
    keeps up on average.
    weigh: what an item weighs. Items that would be more than `most` together wait too, but for one alone.
    """

    def __init__(
        self,
        depth: int,
        droppable: Callable[[T], bool] | None = None,
        on_drop: Callable[[T], None] | None = None,
        spare: int = 0,
        patience_s: float = 0.0,
        weigh: Callable[[T], float] | None = None,
        most: float = 0.0,
    ) -> None:
        if depth < 1:
            raise ValueError(f"channel depth must be at least 1, got {depth}")
        self.depth, self.spare, self.patience_s = depth, spare, patience_s
        self._droppable, self._on_drop = droppable, on_drop
        self._weigh, self._most, self._weight = weigh, most, 0.0
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
        given_up: list[T] = []
        with self._changed:
            if self.patience_s and self._droppable is not None:
                self._changed.wait_for(lambda: self._closed or not self._is_full_for(item), self.patience_s)
            while self._is_full_for(item) and not self._closed:
                if not self._drop_oldest(given_up):
                    self._changed.wait(_AGAIN_S if self._droppable is not None else None)
            if not self._closed:
                self._items.append(item)
                self._weight += self._weight_of(item)
            closed = self._closed
            self._changed.notify_all()
        if self._on_drop is not None:
            for old in given_up:
                self._on_drop(old)
        if closed:
            raise Closed

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
            self._weight = 0.0
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        while True:
            with self._changed:
                while not (self._items or self._finished or self._closed):
                    self._changed.wait()
                if not self._items:
                    return
                item = self._items.popleft()
                self._weight -= self._weight_of(item)
                self._changed.notify_all()
            yield item
            del item  # a frame must not be kept alive while the receiver waits for the next

    def _weight_of(self, item: T) -> float:
        return 0.0 if self._weigh is None else self._weigh(item)

    def _is_full_for(self, item: T) -> bool:
        if len(self._items) < self.depth:
            return self._weigh is not None and bool(self._items) and self._weight + self._weigh(item) > self._most
        if not self.spare or self._droppable is None or len(self._items) >= self.depth + self.spare:
            return True
        return self._droppable(item) and sum(map(self._droppable, self._items)) >= self.depth

    def _drop_oldest(self, given_up: list[T]) -> bool:
        if self._droppable is None:
            return False
        for i, item in enumerate(self._items):
            if self._droppable(item):
                del self._items[i]
                self._weight -= self._weight_of(item)
                self._dropped += 1
                given_up.append(item)
                return True
        return False
