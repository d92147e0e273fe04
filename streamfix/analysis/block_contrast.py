"""How far the borders of a codec's blocks stand out from what lies beside them, whatever their height.

`BlockGrid` tells how high the edges are, which is what one sees. This tells that they are there, which is known
earlier: of a recording that was encoded badly and then well, or where a codec smoothed its borders.
"""

from __future__ import annotations

import numpy as np

from ..motion import Floats

_GRID = 8
_BESIDE = (-3, -2, -1, 1, 2, 3)
_LINES = 96  # of the picture that are looked at, evenly spread, in each direction
_STRONG = 64 / 255  # third differences above it are edges of things
_EVEN = 0.05 / 255  # added to all: where nothing differs, nothing stands out
_ONE_LINE = 0.7  # what a line may say, in powers of e: a frame drawn into the picture is one line


def block_contrast(packed: Floats) -> float:
    """How far borders of 8x8 blocks stand out in a packed picture (6, H, W), 1.0 for not at all.

    It is the third difference across a border as a multiple of those beside it. The grid may begin anywhere, as it does
    where a picture was cropped since.
    """
    top_left, top_right, bottom_left = packed[:3]
    below, right = (max(1, side // _LINES) for side in packed.shape[1:])
    rows = np.stack((top_left[::below], top_right[::below]), -1)
    columns = np.stack((top_left[:, ::right], bottom_left[:, ::right]), 1)
    found = [_contrast(rows.reshape(len(rows), -1)), _contrast(columns.reshape(-1, columns.shape[2]).T)]
    phases = [phase for phase in found if phase is not None]
    return float(np.exp(np.mean(phases, 0).max())) if phases else 1.0


def _contrast(lines: Floats) -> Floats | None:
    """How far each of 8 phases stands out along lines (N, L), in powers of e: (8,). None if lines are too short."""
    if lines.shape[1] < 4 * _GRID:
        return None
    third = np.abs(lines[:, 3:] - lines[:, :-3] + 3 * (lines[:, 1:-2] - lines[:, 2:-1]))
    border = np.minimum(third, np.float32(_STRONG)).mean(0) + _EVEN  # across the border behind pixel i + 1
    inner = len(border) - 6
    beside = sum(border[3 + offset : 3 + offset + inner] for offset in _BESIDE) / len(_BESIDE)
    stands_out = np.clip(np.log(border[3:-3] / beside), -_ONE_LINE, _ONE_LINE)
    stands_out = stands_out[: inner // _GRID * _GRID].reshape(-1, _GRID).mean(0)
    # Blocks of half the size stand out as well; a phase is held against all others.
    others = np.ones((_GRID, _GRID)) - np.eye(_GRID) - np.roll(np.eye(_GRID), _GRID // 2, 1)
    return np.asarray(stands_out - others @ stands_out / (_GRID - 2), np.float32)
