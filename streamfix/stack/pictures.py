"""What is drawn of a result: PNG files, and the registered frames side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .stacked import Stacked

Bytes = NDArray[np.uint8]

_WIDEST = 2560  # pixels of a row of the strip
_LINE, _GAP = 16, 4


def png(picture: Bytes) -> bytes:
    """A PNG of (H, W, 3) R'G'B' or (H, W) grey, the same bytes for the same picture."""
    ordered = np.ascontiguousarray(picture[..., ::-1]) if picture.ndim == 3 else np.ascontiguousarray(picture)
    done, data = cv2.imencode(".png", ordered)
    assert done
    return bytes(data.tobytes())


def strip(stacked: Stacked) -> Bytes:
    """The registered frames on the finer grid, side by side in order of time, each with its number and weight.

    Returns (H, W, 3) uint8 R'G'B'; rows are as wide as 2560 pixels allow.
    """
    kept = [one for one in stacked.frames if one.kept]
    tiles = [_tile(f.rgb(), f"{one.number}  {one.weight:.2f}") for f, one in zip(stacked.registered, kept, strict=True)]
    height, width = tiles[0].shape[:2]
    columns = min(max(_WIDEST // (width + _GAP), 1), len(tiles))
    rows = -(-len(tiles) // columns)
    canvas = np.full((rows * (height + _GAP), columns * (width + _GAP), 3), 255, np.uint8)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        top, left = row * (height + _GAP), column * (width + _GAP)
        canvas[top : top + height, left : left + width] = tile
    return canvas


def _tile(picture: Bytes, words: str) -> Bytes:
    line = np.full((_LINE, picture.shape[1], 3), 255, np.uint8)
    cv2.putText(line, words, (2, _LINE - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate((line, picture))
