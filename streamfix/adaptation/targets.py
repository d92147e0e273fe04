"""What a network learns from: each frame's noisy neighbour, moved onto it, and where the two show the same.

After Dewil et al., "Self-supervised training for blind multi-frame video denoising" (MF2F), WACV 2021.
"""

from __future__ import annotations

import cv2
import numpy as np

from .. import motion
from ..fusion import Floats, pack420, shrink, unpack420

# Mean change of the restored picture over 5x5 half-size pixels: below the first nothing is moved, above the second the
# two show something else; where much noise is left both are higher, but no higher than the third.
_STILL, _SAME, _MOST = 1.5 / 255, 4.0 / 255, 10.0 / 255
_BETWEEN = 0.15  # pixels from the grid: in between, what is moved is blurred, and would teach to blur
_WINDOW = 5


class Aligner:
    """Moves noisy frames onto others, along the motion between restored pictures. For pictures of one size."""

    def __init__(self, height: int, width: int) -> None:
        self._flow = motion.FlowEstimator(2, finest=0)
        self._warp, self._warp_half = motion.Warper(height, width), motion.Warper(height // 2, width // 2)

    def __call__(self, noisy: Floats, restored: Floats, onto: Floats, still: bool) -> tuple[Floats, Floats]:
        """The noisy frame as it looks from another one, and (1, H/2, W/2), 1 where both show the same, else 0.

        noisy, restored: the frame, (6, H/2, W/2), packed. onto: the other one, restored. still: take nothing to move.
        """
        (luma, chroma), (clean, _), (there, _) = (unpack420(part) for part in (noisy, restored, onto))
        h, w = chroma.shape[:2]
        small, small_there = shrink(clean, h, w), shrink(there, h, w)
        if not still:
            flow = self._flow(small_there, small)
            change = cv2.blur(cv2.absdiff(small_there, small), (_WINDOW, _WINDOW))
            changed = change > max(_STILL, min(1.5 * float(np.median(change)), _MOST))
            flow *= cv2.dilate(changed.astype(np.float32), np.ones((_WINDOW, _WINDOW), np.uint8))[..., None]
            small = self._warp_half.aim(flow)(small)
            chroma = self._warp_half(chroma)
            luma = self._warp.aim(motion.resize_flow(flow, *luma.shape))(luma, cubic=True)
            sharp = np.abs(2 * flow - np.rint(2 * flow)).max(2) < _BETWEEN
        else:
            sharp = np.ones(small.shape, bool)
        missed = cv2.blur(cv2.absdiff(small, small_there), (_WINDOW, _WINDOW))
        same = missed < max(_SAME, min(2 * float(np.median(missed)), _MOST))
        return pack420(luma, chroma), (same & sharp).astype(np.float32)[None]
