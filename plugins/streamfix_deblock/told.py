"""What a codec's own quantiser says of the level of artifacts, and whether it is to be believed.

It tells of the last encoding alone. A recording that was encoded badly and then well still shows the borders of the
first encoding's blocks; where these are found, the level that was measured counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# Artifacts of luma and chroma, root mean square, are no more than so many of the quantiser's steps. On twelve scenes
# behind x264 at crf 12 to 40, 95 % of macroblocks are below 0.46, 0.42, 0.30 and 0.18 of a step at QP 17, 23, 33 and 45
# (chroma 0.28, 0.21, 0.11, 0.05): a step that is larger takes away more, and of less.
MOST = (0.36, 0.25)
_LEAST_STEP = 0.625 / 255  # at QP 0

# The quantisers from which it is worth the while: below the one nothing is undone, above the other all that can be.
# Behind x264 at crf 18 and less, undoing takes more away than it brings.
_FINE, _COARSE = 22, 34

# Blocks are seen where the third difference across their borders is so many times that beside them. It is 1.02 to 1.16
# behind x264 at crf 12 to 18 where the original showed none, and 1.2 to 1.8 at crf 34 and then 18.
_UNSEEN, _SEEN = 1.14, 1.24
_GRID = 8
_BESIDE = (-3, -2, -1, 1, 2, 3)
_LINES = 96  # of the picture that are looked at, evenly spread, in each direction
_STRONG = 64 / 255  # third differences above it are edges of things
_EVEN = 0.05 / 255  # added to all: where nothing differs, nothing stands out
_ONE_LINE = 0.7  # what a line may say, in powers of e: a frame drawn into the picture is one line


@dataclass(frozen=True, slots=True, eq=False)
class Word:
    """What is made of a frame's quantisers. most, worth: for each macroblock.

    most: the highest level of artifacts, luma and chroma, (2, H/16, W/16) in [0, 1] units.
    worth: how much of what can be undone is worth it, 0 to 1, (1, H/16, W/16).
    doubt: how far the picture itself says otherwise, 0 to 1: then what is measured counts.
    """

    most: Floats
    worth: Floats
    doubt: float

    def share(self) -> Floats:
        """`worth` with the doubt, (1, H/16, W/16)."""
        return self.worth + (1 - self.worth) * np.float32(self.doubt)


def word(qp: Floats, blockiness: float) -> Word:
    """What quantisers say, see `streamfix.FrameCoding`, of a picture of this blockiness."""
    told = np.asarray(qp, np.float32)[None]
    most = np.exp2(told / 6) * (np.float32(_LEAST_STEP) * np.array(MOST, np.float32)[:, None, None])
    return Word(most, np.clip((told - _FINE) / (_COARSE - _FINE), 0, 1), doubt(blockiness))


def doubt(blockiness: float) -> float:
    """How far a picture of this blockiness shows that it was coded worse before, 0 to 1."""
    return min(1.0, max(0.0, (blockiness - _UNSEEN) / (_SEEN - _UNSEEN)))


def blockiness(packed: Floats) -> float:
    """How far borders of 8x8 blocks stand out in a packed picture (6, H, W), 1.0 for not at all.

    The grid may begin anywhere, as it does where a picture was cropped since.
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
