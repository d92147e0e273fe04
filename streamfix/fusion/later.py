"""Frames further ahead than motion is followed to: where the picture stands still they show the same in other noise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .agreement import Residual, Trust, another_scene, confidence
from .fused import Fused
from .packed import unpack420
from .planes import Floats, shrink

_ROWS = 16  # one row of so many tells whether a frame is a copy of another: noise is never twice the same


def average_standing(fused: Fused, frames: Sequence[Floats], stands: Floats, sigma: float, trust: Trust) -> None:
    """Average later frames into a fused one, in place, where the picture stands still.

    frames: consecutive ones, packed, (6, H/2, W/2), the first but to tell whether the next is a copy of it. stands: 1
    where the picture is known to stand still in frames before those, 0 where it moves, (H/2, W/2). sigma: standard
    deviation of a frame's noise in luma.
    """
    mean, count = mean_of_new(frames)
    if mean is None:
        return
    luma, chroma = unpack420(mean)
    variance = fused.variance
    guide, seen = (shrink(picture, *variance.shape) for picture in (fused.luma, luma))
    own = np.float32(1 / count)
    trusted = confidence(Residual(guide, sigma)(seen, variance + (own - 1)), trust)
    if another_scene(trusted, guide, seen, sigma):
        return
    trusted *= stands
    fused.average(luma, chroma, own, trusted)


def mean_of_new(frames: Sequence[Floats]) -> tuple[Floats | None, int]:
    """The mean of all frames but the first that are no copies of the one before, and how many those are."""
    new = [b for a, b in pairwise(frames) if not np.array_equal(a[:, ::_ROWS], b[:, ::_ROWS])]
    if not new:
        return None, 0
    total = new[0].copy()
    for frame in new[1:]:
        total += frame
    total /= np.float32(len(new))
    return total, len(new)
