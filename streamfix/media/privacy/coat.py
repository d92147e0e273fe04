"""One zone's paint, made ready for pictures of one size, pixel format and colour."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...frame import Color, PixelFormat
from .coverage import Mask, of_planes
from .zones import Zone

_MOST_CELLS = 8  # across a zone's box, of a mosaic
_LEAST_CELL = 8  # luma pixels of a cell's side: more cells of a small zone would show what it covers


@dataclass(frozen=True, slots=True)
class _Part:
    """What a zone covers of one plane: rows and columns of its box, the samples in it (None: all), and its colour."""

    rows: slice
    columns: slice
    mask: Mask | None
    value: int


class Coat:
    """Covers one zone.

    mask: the pixels that it covers, of pictures of its size, (H, W). format, color: of the pictures.

    area: share of the picture that is covered.
    """

    def __init__(self, zone: Zone, mask: Mask, format: PixelFormat, color: Color) -> None:
        self.zone = zone
        self.area = float(mask.mean())
        values = codes(zone.color, format, color, mask.shape[0])
        self._parts = [_part(m, value) for m, value in zip(of_planes(mask, format), values, strict=True)]
        self._cells = _cells(mask)

    def paint(self, planes: Sequence[NDArray[Any]]) -> None:
        """Cover the zone in these planes, in place."""
        for part, plane in zip(self._parts, planes, strict=True):
            if part is None:
                continue
            view = plane[part.rows, part.columns]
            if self.zone.mode == "solid":
                _cover(view, part.value, part.mask)
            elif self.zone.mode == "mosaic":
                _mosaic(view, self._cells, part.mask)
            else:
                _put(view, _blurred(view, self._cells), part.mask)


def codes(color: str, format: PixelFormat, tags: Color, height: int) -> list[int]:
    """The code values of a colour, RRGGBB of full range, in each plane.

    Source: ITU-R BT.709-6, section 3, and BT.2100-2, table 9, for limited and full range; K_R and K_B as tagged.
    """
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (0, 2, 4))
    if format.kind == "rgb":
        return [round(value * format.max_code) for value in (green, blue, red)]
    kr, kb = tags.kr_kb(height)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    full = tags.is_full()
    unit = 1 << (format.depth - 8)
    y = round(luma * format.max_code) if full else round((16 + 219 * luma) * unit)
    if format.kind == "gray":
        return [y]
    swing = format.max_code if full else 224 * unit
    chroma = ((blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr)))
    return [y, *(min(round(128 * unit + swing * c), format.max_code) for c in chroma)]


def _part(mask: Mask, value: int) -> _Part | None:
    """The covered box of a plane; None if nothing is covered."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    inner = mask[box]
    return _Part(*box, None if inner.all() else np.ascontiguousarray(inner), value)


def _cells(mask: Mask) -> tuple[int, int]:
    """How many cells a mosaic has across the zone's box and down: about square, and few."""
    width, height = int(mask.any(axis=0).sum()), int(mask.any(axis=1).sum())
    longer = max(width, height, 1)
    side = max(longer / _MOST_CELLS, _LEAST_CELL)
    return max(1, int(width / side)), max(1, int(height / side))


def _cover(view: NDArray[Any], value: int, mask: Mask | None) -> None:
    if mask is None:
        view[:] = value
    else:
        np.copyto(view, value, where=mask, casting="unsafe")


def _put(view: NDArray[Any], paint: NDArray[Any], mask: Mask | None) -> None:
    """Cover with a picture of the same size: OpenCV's masked copy takes a tenth of NumPy's time."""
    if mask is None:
        view[:] = paint
        return
    import cv2

    if cv2.copyTo(paint, mask.view(np.uint8), view) is not view:  # OpenCV then wrote to memory of its own
        np.copyto(view, paint, where=mask)


def _mosaic(view: NDArray[Any], cells: tuple[int, int], mask: Mask | None) -> None:
    """Replace each cell by its mean."""
    means, rows, columns = _means(view, cells)
    _put(view, means.repeat(np.diff(columns), axis=1).repeat(np.diff(rows), axis=0), mask)


def _blurred(view: NDArray[Any], cells: tuple[int, int]) -> NDArray[Any]:
    """The cells' means, with linear slopes between their centres: no more detail than the mosaic has."""
    import cv2

    means, _, _ = _means(view, cells)
    return cv2.resize(means, (view.shape[1], view.shape[0]), interpolation=cv2.INTER_LINEAR).reshape(view.shape)


def _means(view: NDArray[Any], cells: tuple[int, int]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Each cell's mean, rounded, and the borders of the cells' rows and columns. The last ones are a little larger."""
    import cv2  # whose mean of equal cells takes a third of NumPy's time

    columns, rows = _borders(view.shape[1], cells[0]), _borders(view.shape[0], cells[1])
    means = np.empty((len(rows) - 1, len(columns) - 1), view.dtype)
    parts = slice(0, -1), slice(-1, None)  # the equal cells, and the last one
    for down, across in itertools.product(parts, parts):
        part = means[down, across]
        if part.size:
            top, bottom = rows[:-1][down][0], rows[1:][down][-1]
            left, right = columns[:-1][across][0], columns[1:][across][-1]
            found = cv2.resize(view[top:bottom, left:right], part.shape[::-1], interpolation=cv2.INTER_AREA)
            part[:] = found.reshape(part.shape)
    return means, rows, columns


def _borders(length: int, count: int) -> NDArray[Any]:
    """Where cells begin and where the last one ends; what is left over is the last one's."""
    count = min(count, length)
    return np.append(np.arange(count) * (length // count), length)
