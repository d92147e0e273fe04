"""Where the macroblocks of a picture are once libavfilter's filters have cropped, mirrored or turned it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import av

from ...coding import MACROBLOCK, FrameCoding
from ...frame import Color
from .planes import DecodedPicture, is_planar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Filters that put each pixel elsewhere and leave it as it is.
MOVERS = {"crop", "hflip", "vflip", "transpose"}

_IN_TIME = re.compile(r"\b(n|t|pos)\b")  # variables of expressions that move the picture from frame to frame
_MOST = 255  # macroblocks on a side that 8 bits can number


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """For each macroblock of the new picture, the one of the old picture that its middle was in: (H/16, W/16) each."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    def of(self, coding: FrameCoding) -> FrameCoding:
        """The same for the new picture."""
        return coding if coding.qp is None else replace(coding, qp=coding.qp[self.rows, self.columns])


def only_move(filters: Iterable[tuple[str, str]]) -> bool:
    """True if all of these filters, as (name, arguments), move pixels, and each frame's alike."""
    return all(name in MOVERS and not _IN_TIME.search(arguments) for name, arguments in filters)


def places(move: Callable[[av.VideoFrame], av.VideoFrame], width: int, height: int, pix_fmt: str) -> Places | None:
    """Find out where macroblocks go by moving pictures of their numbers. None for formats that cannot hold these.

    move: gives the moved picture of such a size and format.
    """
    import numpy as np

    rows, columns = -(-height // MACROBLOCK), -(-width // MACROBLOCK)
    if max(rows, columns) > _MOST or not is_planar(pix_fmt):
        return None
    down = np.repeat(np.arange(rows), MACROBLOCK)[:height, None]
    across = np.repeat(np.arange(columns), MACROBLOCK)[None, :width]
    found = [_middles(move(_numbered(numbers, width, height, pix_fmt))) for numbers in (down, across)]
    return Places(*found)


def _numbered(numbers: NDArray[Any], width: int, height: int, pix_fmt: str) -> av.VideoFrame:
    """A picture with these values in its first plane."""
    import numpy as np

    frame = av.VideoFrame(width, height, pix_fmt)
    frame.pts = 0
    for plane in frame.planes:
        np.frombuffer(memoryview(plane), np.uint8)[:] = 0
    values = np.ascontiguousarray(np.broadcast_to(numbers, (height, width)))
    first = frame.planes[0]
    whole = np.frombuffer(memoryview(first), np.uint8).reshape(height, first.line_size)
    wide = DecodedPicture(frame).format.depth > 8
    data = values.astype("<u2").view(np.uint8) if wide else values.astype(np.uint8)
    whole[:, : data.shape[1]] = data
    return frame


def _middles(frame: av.VideoFrame) -> NDArray[np.intp]:
    """The values of a picture's first plane in the middle of each macroblock."""
    import numpy as np

    values = DecodedPicture(frame).planes(Color()).data[0]
    at = [
        np.minimum(np.arange(-(-side // MACROBLOCK)) * MACROBLOCK + MACROBLOCK // 2, side - 1)
        for side in (frame.height, frame.width)
    ]
    return values[np.ix_(*at)].astype(np.intp)
