"""What the sources of a pipeline share: they read up to a first frame when they open, and any thread may stop them."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import av

from ...errors import StreamfixError
from ...frame import Frame

if TYPE_CHECKING:
    Item: TypeAlias = Frame | av.Packet[Any]


class ItemSource(ABC):
    """Frames and packets, the first frame of which was looked at before they are asked for.

    A subclass gives all items from `_read`, which ends soon after `_stopped` is set, and releases in `_release` what
    they come from.

    failure: the error that ended the input early, None if there was none.
    """

    def __init__(self, stopped: threading.Event) -> None:
        self.failure: StreamfixError | None = None
        self._stopped = stopped
        self._items = self._read()
        self._held: deque[Item] = deque()
        self._closed = self._stopped_early = False

    @property
    def stopped(self) -> bool:
        """True once `stop` was called."""
        return self._stopped.is_set()

    @property
    def stopped_early(self) -> bool:
        """True if `stop` ended it before its own end."""
        return self._stopped_early

    @property
    def first(self) -> Frame | None:
        """The first frame, once it was looked at and until it was given."""
        return next((item for item in self._held if isinstance(item, Frame)), None)

    def __iter__(self) -> Iterator[Item]:
        while self._held:
            yield self._held.popleft()
        for item in self._items:
            yield item
            del item
        self._stopped_early = self._stopped.is_set()

    def stop(self) -> None:
        """End the iteration soon; may be called from any thread and from a signal handler."""
        self._stopped.set()

    def close(self) -> None:
        """Release everything; raises `failure` if there is one."""
        if self._closed:
            return
        self._closed = True
        self._stopped.set()
        self._items.close()
        self._held.clear()
        self._release()
        if self.failure is not None:
            raise self.failure

    def _peek(self) -> Frame | None:
        """The first frame, None if there is none. It is still given later, after the packets before it."""
        for item in self._items:
            self._held.append(item)
            if isinstance(item, Frame):
                return item
        return None

    @abstractmethod
    def _read(self) -> Generator[Item, None, None]:
        """All items, in order."""

    @abstractmethod
    def _release(self) -> None:
        """Close what the items come from."""
