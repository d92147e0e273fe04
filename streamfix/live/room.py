"""How much of a live stream may wait in memory so that a recording loses nothing."""

from __future__ import annotations

from typing import Any

import av

from ..frame import bytes_of
from ..media.output.disk import Room as Room


def size_of(item: Any) -> int:
    """Bytes that a frame's picture or a packet takes."""
    return item.size if isinstance(item, av.Packet) else bytes_of(item)
