"""One item of a stream for several outputs, each of which may change its own."""

from __future__ import annotations

from typing import Any

import av

from ...frame import Frame
from ...media.picture.clone import FrameCloner, clone_packet


class Portions:
    """Divides items. For one thread."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._copies = FrameCloner()

    def of(self, item: Any) -> list[Any]:
        """The item for each output."""
        if isinstance(item, Frame):
            return list(self._copies.of(item, self._count))
        if isinstance(item, av.Packet):
            return [item, *(clone_packet(item) for _ in range(self._count - 1))]
        return [item] * self._count
