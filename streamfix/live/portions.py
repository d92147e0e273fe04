"""One item of a stream for several outputs, each of which may change its own."""

from __future__ import annotations

import threading
from typing import Any

import av

from ..frame import Frame
from ..media.sharing import FrameCopies, copy_packet
from ..pipeline import Milestone


class Portions:
    """Divides items. For one thread."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._copies = FrameCopies()

    def of(self, item: Any) -> list[Any]:
        """The item for each output."""
        if isinstance(item, Frame):
            return list(self._copies.of(item, self._count))
        if isinstance(item, Milestone):
            return [_Part(item, self._count)] * self._count
        if isinstance(item, av.Packet):
            return [item, *(copy_packet(item) for _ in range(self._count - 1))]
        return [item] * self._count


class _Part(Milestone):
    """A milestone that is reached once each of several outputs has reached it."""

    def __init__(self, whole: Milestone, count: int) -> None:
        self._whole, self._left = whole, count
        self._lock = threading.Lock()

    def reached(self) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._whole.reached()
