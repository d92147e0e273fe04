"""Frames further ahead than motion is followed to: where the picture stands still they show the same in other noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .agreement import Residual, Trust, another_scene, confidence
from .fused import Fused
from .packed import unpack420
from .planes import Floats, blend, enlarge, shrink

_ROWS = 16  # one row of so many tells whether a frame is a copy of another: noise is never twice the same


@dataclass(frozen=True, slots=True)
class Later:
    """The mean of `count` frames: luma (H, W), chroma (H/2, W/2, 2)."""

    luma: Floats
    chroma: Floats
    count: int


def later(frames: Sequence[Floats]) -> Later | None:
    """The mean of all frames but the first that are no copies of the one before; None if all are, or there is but one.

    frames: consecutive ones, packed, (6, H/2, W/2).
    """
    new = [b for a, b in pairwise(frames) if not np.array_equal(a[:, ::_ROWS], b[:, ::_ROWS])]
    if not new:
        return None
    total = new[0].copy()
    for frame in new[1:]:
        total += frame
    total /= np.float32(len(new))
    return Later(*unpack420(total), len(new))


def average_standing(fused: Fused, frames: Later, stands: Floats, sigma: float, trust: Trust) -> None:
    """Average later frames into a fused one, in place, where the picture stands still.

    stands: 1 where it is known to for the frames before those, 0 where it moves, (H/2, W/2). sigma: standard deviation
    of a frame's noise in luma.
    """
    variance = fused.variance
    guide, seen = (shrink(luma, *variance.shape) for luma in (fused.luma, frames.luma))
    own = np.float32(1 / frames.count)
    trusted = confidence(Residual(guide, sigma)(seen, variance + (own - 1)), trust)
    if another_scene(trusted, guide, seen, sigma):
        return
    trusted *= stands
    gain = trusted * variance / (variance + own)
    blend(fused.luma, frames.luma, enlarge(gain, *fused.luma.shape))
    blend(fused.chroma, frames.chroma, gain[..., None])
    variance[:] = (1 - gain) ** 2 * variance + gain**2 * own
