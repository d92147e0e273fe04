"""How far a restored picture can be trusted, and what it was told by: from what was averaged and what was removed.

Behind a filter that is as good as it can be, what it has removed and the error that is left are uncorrelated (the
principle of orthogonality; A. Papoulis: Probability, Random Variables, and Stochastic Processes, 1965). The variance
that is left is then that of before, less the mean square of what was removed. The constants are set so that at least
nine pixels of ten lie within two deviations of the truth, in each suite (tests/bench/bench_confidence.py).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..fusion import shrink
from ..provenance import Maps

Floats = NDArray[np.float32]

_WINDOW = 7  # half-size pixels: side of the neighbourhood in which squares are averaged
_LEAST_SHARE = 0.15  # of the variance before; what was removed may be more than noise
_ROUNDING = 0.5 / 255  # what eight bits, and a codec that did hardly anything, leave of any picture
_CODE = 1 / 255
_CAUTION = 1.25  # times the deviation that follows: filters are not as good as they can be, and noise differs in places
# What noise or a codec has taken from detail, no average shows: a share of the picture's own deviation around, and of
# one frame's noise at most.
_OF_DETAIL, _OF_NOISE = 0.3, 0.7


def trusted(
    recorded: Floats,
    fused: Floats,
    result: Floats,
    variance: Floats,
    sigma: float | Floats,
    share: float = 1.0,
    *,
    coded: bool = False,
    earlier: Maps | None = None,
) -> Maps:
    """Maps of a luma that was fused and then cleaned.

    recorded, fused, result: (H, W) luma in [0, 1]: as it was read, behind the fusion, and as it was returned. variance:
    (H/2, W/2), the noise left in the fused one, relative to one frame's. sigma: deviation of one frame's noise, a
    number or (H/2, W/2). share: of the cleaned picture in the result. coded: it is no noise, but what a codec did: all
    frames have it in common, and it is not told from the picture as noise is. earlier: of the filter in front.
    """
    if share <= 0:
        result = fused
    elif share < 1:
        result = recorded + (result - recorded) / np.float32(share)
    height, width = variance.shape
    one = np.maximum(np.square(np.asarray(sigma, np.float32)), np.float32(_ROUNDING**2 / 4))
    before = variance * one
    removed = _local(np.square(fused - result), height, width)
    after = np.maximum(before - removed, np.float32(_LEAST_SHARE) * before)
    # Of noise that is hardly there nothing can be told: what is less than a code counts as the frame's own.
    least = np.maximum(one, np.float32(_CODE**2))
    kept = np.maximum(1 - removed / np.maximum(variance * least, 1e-12), np.float32(_LEAST_SHARE))
    own, neighbours = variance * kept, (1 - variance) * kept
    mean = _local(result, height, width)
    detail = np.maximum(_local(np.square(result), height, width) - np.square(mean), 0)
    lost = np.minimum(np.float32(_OF_DETAIL**2) * detail, np.float32(_OF_NOISE**2) * one)
    noise = np.float32(_CAUTION**2) * (one if coded else after)
    left = np.sqrt(noise + lost + np.float32(_ROUNDING**2))
    if share < 1:
        left = share * left + (1 - share) * np.sqrt(one)
        own, neighbours = 1 - share * (1 - own), share * neighbours
    maps = Maps(*(np.asarray(part, np.float32) for part in (left, own, np.maximum(neighbours, 0))))
    return maps.behind(earlier)


def _local(squares: Any, height: int, width: int) -> Floats:
    small = shrink(np.asarray(squares, np.float32), height, width)
    return np.asarray(cv2.boxFilter(small, -1, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REFLECT), np.float32)
