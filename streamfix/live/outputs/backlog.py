"""The items that wait for one output."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import av

from ...channel import Closed
from ...frame import Frame
from ..room import Room, size_of

_MOST_PACKETS = 256  # of the other streams: a few seconds


def _nothing(item: Any) -> None:
    """Nobody is told of what is lost."""


def _never(frame: Frame) -> bool:
    """No frame is outdated."""
    return False


class Backlog:
    """A queue between two threads. A lossy one never makes the sender wait.

    depth: how many frames may wait; of a queue that is not lossy, how many items. lossy: when it is full, the oldest
    frame is dropped, or the oldest packet if there are very many; nothing else is ever dropped. room: of a recording,
    which is full only when there are more frames than `depth`, and that much waits. outdated: True for a frame that is
    too old to be worth taking; it is dropped if a newer one waits. lost: called with each dropped item, in the thread
    that puts or gets. clock: monotonic seconds.
    """

    def __init__(
        self,
        depth: int,
        *,
        lossy: bool,
        room: Room | None = None,
        lost: Callable[[Any], None] = _nothing,
        outdated: Callable[[Frame], bool] = _never,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._depth, self._lossy, self._lost, self._outdated = depth, lossy, lost, outdated
        self._room, self._clock = room, clock
        self._items: deque[Any] = deque()
        self._since_s: deque[float] = deque()  # of each item, when it was put
        self._bytes = 0
        self._finished = self._closed = False
        self._changed = threading.Condition()

    @property
    def closed(self) -> bool:
        """True once it takes nothing more."""
        return self._closed

    def put(self, item: Any) -> None:
        """Append an item; a queue that is not lossy waits for room. Raises Closed once it is closed."""
        gone = []
        with self._changed:
            while not self._lossy and len(self._items) >= self._depth and not self._closed:
                self._changed.wait()
            if self._closed:
                raise Closed
            self._items.append(item)
            self._since_s.append(self._clock())
            self._bytes += size_of(item)
            while self._lossy and (index := self._one_too_many(item)) is not None:
                gone.append(self._remove(index))
            self._changed.notify_all()
            lost = self._lost
        for one in gone:
            lost(one)

    def get(self) -> Any:
        """Wait for the next item; None at the end."""
        with self._changed:
            while not (self._items or self._finished or self._closed):
                self._changed.wait()
            gone = self._too_old() if self._lossy else []
            item = self._remove(0) if self._items else None
            self._changed.notify_all()
            lost = self._lost
        for frame in gone:
            lost(frame)
        return item

    def finish(self) -> None:
        """For the sender: nothing more will come; what waits is still taken."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def close(self) -> list[Any]:
        """For either side: take nothing more. Returns what was waiting."""
        with self._changed:
            self._closed = True
            self._lost, self._outdated = _nothing, _never  # whoever is called mostly holds this queue
            rest = list(self._items)
            self._items.clear()
            self._since_s.clear()
            self._bytes = 0
            self._changed.notify_all()
            return rest

    def _remove(self, index: int) -> Any:
        item = self._items[index]
        del self._items[index]
        del self._since_s[index]
        self._bytes -= size_of(item)
        return item

    def _too_old(self) -> list[Frame]:
        """Remove outdated frames from the front, except the newest frame."""
        gone: list[Frame] = []
        newest = next((item for item in reversed(self._items) if isinstance(item, Frame)), None)
        while self._items and isinstance(first := self._items[0], Frame) and first is not newest:
            if not self._outdated(first):
                break
            gone.append(self._remove(0))
        return gone

    def _one_too_many(self, newest: Any) -> int | None:
        """The place of the item to drop after `newest` was added, None if there is room for all."""
        kind, most = (Frame, self._depth) if isinstance(newest, Frame) else (av.Packet, _MOST_PACKETS)
        if self._room is not None and self._room.holds(self._bytes, self._clock() - self._since_s[0]):
            return None
        places = [i for i, item in enumerate(self._items) if isinstance(item, kind)]
        return places[0] if len(places) > most else None
