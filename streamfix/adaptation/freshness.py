"""How new a stream's noise is from frame to frame, measured where the picture stands still.

A noisy picture can only teach a network if its noise has nothing to do with the noise of the pictures that the network
sees. Behind a codec most of a still picture is copied from the frame before, its noise with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..fusion import Floats

FRESH, STALE = 0.85, 0.10  # V1 / V25: from the first on every frame is new, below the second nothing is
FAR = 25  # frames apart, after which a codec has renewed what it will renew
_BLOCK = 16  # pixels
_CHANGED = 1.0 / 255  # a block's mean that moves by more than this, beyond its noise, is of something that moves
_SHAPED = 0.2  # of a block's variance in the means of its quarters: noise has 1/64, coarse noise a tenth, motion most
_LEAST = (0.25 / 255) ** 2  # variance under which a block shows an overlay, or rounding
_ENOUGH, _SHARE = 40, 0.15  # still blocks over all times, and of all blocks
_TIMES = 12


@dataclass(frozen=True, slots=True)
class Freshness:
    """ratio: variance of the change after `near` frames over that after `far`: 1 for noise that is new in each frame.

    sigma: standard deviation of one frame's noise in still blocks, [0, 1] units. blocks: how many were judged;
    share: of all that there were.
    """

    ratio: float
    sigma: float
    blocks: int
    share: float

    @property
    def known(self) -> bool:
        """Whether enough of the picture stood still to tell."""
        return self.blocks >= _ENOUGH and self.share >= _SHARE


def freshness(lumas: Sequence[Floats], near: int = 1, far: int = FAR) -> Freshness:
    """Compare changes of pictures `near` and `far` frames apart. lumas: (H, W) in [0, 1], more than `far` of them."""
    last, blocks = len(lumas) - far, 0
    if last < 1:
        return Freshness(float("nan"), float("nan"), 0, 0.0)
    rows, columns = (max(side // _BLOCK, 1) for side in lumas[0].shape)
    changes_near, changes_far = [], []
    for t in np.unique(np.linspace(0, last - 1, _TIMES).astype(int)):
        first, soon, late = (lumas[i][: rows * _BLOCK, : columns * _BLOCK] for i in (t, t + near, t + far))
        var_near, still_near = _change(soon - first, rows, columns)
        var_far, still_far = _change(late - first, rows, columns)
        blocks += var_far.size
        still = still_near & still_far & (var_far > _LEAST)
        changes_near.append(var_near[still])
        changes_far.append(var_far[still])
    near_all, far_all = np.concatenate(changes_near), np.concatenate(changes_far)
    if not far_all.size:
        return Freshness(float("nan"), float("nan"), 0, 0.0)
    # What moves inside a block adds to both: the quieter half of the blocks, chosen by their sum, favours neither.
    quiet = np.argsort(near_all + far_all)[: max(far_all.size // 2, 1)]
    sums = float(near_all[quiet].mean()), float(far_all[quiet].mean())
    return Freshness(sums[0] / sums[1], float(np.sqrt(sums[1] / 2)), far_all.size, far_all.size / blocks)


def _change(change: Floats, rows: int, columns: int) -> tuple[Floats, NDArray[np.bool_]]:
    """The variance of a change in each block, (rows, columns), and where it is of noise: without a mean or a shape."""

    def mean(picture: Floats, parts: int = 1) -> Floats:
        size = (columns * parts, rows * parts)
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)

    means = mean(change)
    variance = np.maximum(mean(change * change) - means * means, 0)
    quarters = mean(change, 2).reshape(rows, 2, columns, 2).var(axis=(1, 3))
    return variance, (np.abs(means) < _CHANGED + 4 * np.sqrt(variance) / _BLOCK) & (quarters <= _SHAPED * variance)
