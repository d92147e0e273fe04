"""How much of a live stream may wait in memory so that a recording loses nothing."""

from __future__ import annotations

from typing import Any

import av

from ..frame import Frame
from ..media.output.disk import Room as Room


def size_of(item: Any) -> int:
    """Bytes that a frame's picture or a packet takes."""
    if isinstance(item, Frame):
        picture = item.picture
        samples = sum(h * w for h, w in picture.format.plane_shapes(picture.width, picture.height))
        return samples * (2 if picture.format.depth > 8 else 1)
    return item.size if isinstance(item, av.Packet) else 0
