"""Which samples of a picture a polygon covers. It errs on the side of covering."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...frame import PixelFormat

Mask = NDArray[np.bool_]


def covered(points: Sequence[tuple[float, float]], width: int, height: int) -> Mask:
    """Every pixel that shares some area with the polygon, or that its outline passes through. (height, width).

    points: in pixels, (0, 0) is the picture's corner; they may lie outside. Inside is what the outline goes round at
    least once in sum (nonzero winding) or an odd number of times.
    """
    winding = np.zeros((height, width + 1), np.int16)
    mask = np.zeros((height, width), bool)
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        _wind(winding, x0, y0, x1, y1)
        _touch(mask, x0, y0, x1, y1)
    inside: Mask = mask | (np.cumsum(winding, axis=1, dtype=np.int16)[:, :width] != 0)
    return inside


def of_planes(mask: Mask, format: PixelFormat) -> list[Mask]:
    """The mask of each plane: a chroma sample is covered if one of its luma pixels is. mask: of luma, (H, W)."""
    if format.kind != "yuv":
        return [mask] * (1 if format.kind == "gray" else 3)
    high, wide = 1 << format.log2_h, 1 << format.log2_w
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % high), (0, -width % wide)))
    chroma: Mask = padded.reshape(padded.shape[0] // high, high, padded.shape[1] // wide, wide).max(axis=(1, 3))
    return [mask, chroma, chroma]


def _wind(winding: NDArray[np.int16], x0: float, y0: float, x1: float, y1: float) -> None:
    """Add an edge to the sums along each row: +1 or -1 from the first pixel on whose centre lies right of it."""
    height, width = winding.shape[0], winding.shape[1] - 1
    if y0 == y1:
        return
    up = 1 if y1 > y0 else -1
    low, high = min(y0, y1), max(y0, y1)
    rows = np.arange(max(0, int(np.ceil(low - 0.5))), min(height, int(np.ceil(high - 0.5))))  # centres in [low, high)
    if rows.size:
        crossing = x0 + (rows + 0.5 - y0) * ((x1 - x0) / (y1 - y0))
        first = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.intp)
        winding[rows, first] += np.int16(up)  # one entry a row, so none is lost


def _touch(mask: Mask, x0: float, y0: float, x1: float, y1: float) -> None:
    """Cover the pixels that an edge passes through."""
    height = mask.shape[0]
    low, high = min(y0, y1), max(y0, y1)
    first_row, past_row = int(np.floor(low)), max(int(np.ceil(high)), int(np.floor(low)) + 1)
    for row in range(max(0, first_row), min(height, past_row)):
        if y0 == y1:
            ends = (x0, x1)
        else:
            slope = (x1 - x0) / (y1 - y0)
            ends = (x0 + (max(row, low) - y0) * slope, x0 + (min(row + 1, high) - y0) * slope)
        first = int(np.floor(min(ends)))
        past = max(int(np.ceil(max(ends))), first + 1)
        mask[row, max(0, first) : max(0, past)] = True
