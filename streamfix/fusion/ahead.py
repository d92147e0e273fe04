"""Frames to come, averaged into a fused one: what has just come into sight is noisy in no frame but the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import motion
from .agreement import FINE_REFINEMENTS, Residual, Trust, another_scene, before_flow, blur, confidence, moves
from .fused import Fused
from .planes import Floats, blend, enlarge, shrink


class Ahead:
    """Moves later frames of a stream to where a fused one has them, each by itself and once: none is blurred twice.

    Pictures are float32 in [0, 1]: luma (H, W), chroma (H/2, W/2, 2). Not for two threads at once.

    warp, warp_half: of the stream's size, and of half of it; aimed anew by each call.
    to_next: the next frame's luma, and the flow at half size that led to it from the last fused one; None if unknown.
    """

    def __init__(self, warp: motion.Warper, warp_half: motion.Warper) -> None:
        self._flow = motion.FlowEstimator(FINE_REFINEMENTS)
        self._warp, self._warp_half = warp, warp_half
        self.to_next: tuple[Floats, Floats] | None = None

    def __call__(
        self,
        fused: Fused,
        frame: Floats,
        ahead: Sequence[tuple[Floats, Floats]],
        sigma: float,
        trust: Trust,
        camera_moves: bool,
    ) -> bool:
        """Average frames into a fused one, in place. Returns whether there were any but copies of the frame.

        frame: luma of the one it was fused for. ahead: luma and chroma of those after it, the next one first; copies
        are taken once, since they tell nothing more of the noise. The first that shows something else ends it.
        sigma: standard deviation of a frame's noise in luma. camera_moves: else standing still is tried first.
        """
        luma, chroma, variance = fused.luma, fused.chroma, fused.variance
        h, w = variance.shape
        self.to_next = None
        guide = shrink(luma, h, w)
        taken = [frame]
        for later, later_chroma in ahead:
            if any(np.array_equal(later, other) for other in taken):
                continue
            taken.append(later)
            later_guide = shrink(later, h, w)
            flow = motion.resize_flow(self._flow(luma, before_flow(later)), h, w)
            flow = motion.refine(flow, luma, later, sigma, self._warp)
            if later is ahead[0][0]:
                self.to_next = later, flow.copy()
            residual = Residual(guide, sigma)
            moved = self._warp_half.aim(flow)(later_guide)
            if not camera_moves:
                flow *= moves(residual(moved, variance), residual(later_guide, variance)[0])[..., None]
                moved = self._warp_half.aim(flow)(later_guide)
            trusted = confidence(residual(moved, variance), trust)
            if another_scene(trusted, guide, moved, sigma):
                break
            trusted *= self._warp_half(np.ones_like(variance), outside=0.0)
            its_own = 1 + blur(flow, sigma, trust)
            gain = trusted * variance / (variance + its_own)
            at_full_size = self._warp.aim(motion.resize_flow(flow, *luma.shape))
            blend(luma, at_full_size(later, cubic=True), enlarge(gain, *luma.shape))
            blend(chroma, self._warp_half(later_chroma), gain[..., None])
            blend(guide, moved, gain)
            variance[:] = (1 - gain) ** 2 * variance + gain**2 * its_own
        return len(taken) > 1
