"""The motion-compensated recursive fuser: one stream's frames averaged along their motion, noise-aware.

A Kalman filter at each pixel: the history is moved to where the frame has it, and corrected by the frame as far
as the noise allows. Decisions are taken on half-resolution luma, pictures are moved once, at their own size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .. import motion
from .noise import Noise
from .planes import TENT_NOISE, Floats, blend, bound_difference, box, enlarge, shrink

GAIN_MIN = 0.05  # the least share of the new frame: history is forgotten within some 20 frames
TOLERANCE = 1.6  # residuals up to this many times the expected one are noise
FLOOR = 0.35 / 255  # expected residual of noiseless video: rounding, and motion's own error
LEAST_CONFIDENCE = 0.2  # mean below it: another scene
BLUR_COST = 0.2  # variance, relative to one frame's noise, that is added by moving half a pixel: it blurs the noise
BLURRED_DETAIL = 6 / 255  # standard deviation of the detail that it blurs as well
STATIC_BIAS = 0.3  # motion must explain the frame better than standing still by this much of the expected residual
CAMERA_MOVES = 0.25 / 2  # pixels of the half-size luma; above it nothing is taken to stand still
STANDS_STILL = 0.35  # median motion in pixels of the half-size luma; noise alone makes some 0.2
GHOST_BOUND = 3.0  # standard deviations of a frame's local mean over 5x5 pixels
FINE_BLUR = 0.8  # pixels: of the frame before its fine flow is found
OUTSIDE = 1e3  # variance of what comes in at the edge of the picture: nothing is known about it


@dataclass(frozen=True, slots=True)
class Fused:
    """luma: (H, W), chroma: (H/2, W/2, 2), the frame with its noise averaged away as far as could be.

    variance: (H/2, W/2), what noise is left, relative to one frame's: sigma_eff = sigma * sqrt(variance).
    """

    luma: Floats
    chroma: Floats
    variance: Floats


class Fuser:
    """One stream's history. All pictures are float32 in [0, 1]. Not for two threads at once.

    fine: motion is found on luma of full size: 4 ms more for 640x360, 0.3 to 0.6 dB more in front of a network.
    still: whether most of the last frame stood still; False while that is not known.
    """

    def __init__(self, fine: bool = False) -> None:
        self.history: Fused | None = None
        self._fine = motion.FlowEstimator() if fine else None
        self.still = False
        self._flow = motion.FlowEstimator()
        self._guide = np.empty((0, 0), np.float32)  # the history's luma at half size
        self._warp = self._warp_half = motion.Warper(0, 0)

    def step(self, luma: Floats, chroma: Floats, noise: Noise) -> Fused:
        """Take the next frame in. luma: (H, W), chroma: (H/2, W/2, 2), H and W even. Returns the new history.

        Starts anew where the frame does not go on with the history: another size or scene, a step of the exposure.
        """
        h, w = chroma.shape[:2]
        guide = shrink(luma, h, w)
        history = self.history
        if history is None or history.luma.shape != luma.shape:
            self._warp, self._warp_half = motion.Warper(*luma.shape), motion.Warper(h, w)
            return self._start(luma, chroma, guide)
        flow = self._motion(luma, guide, history, noise)
        self._warp_half.aim(flow)
        guide_out = self._warp_half(self._guide)
        variance = self._warp_half(history.variance, outside=OUTSIDE)
        confidence = _confidence(_Residual(guide, noise.luma), guide_out, variance)
        exposure_limit = max(2 / 255, noise.luma / 4)
        if confidence.mean() < LEAST_CONFIDENCE or abs(_brightening(guide, guide_out)) > exposure_limit:
            return self._start(luma, chroma, guide)

        gain, variance = _gain(variance + _blur(flow, noise.luma), confidence)
        luma_out = self._warp.aim(motion.resize_flow(flow, *luma.shape))(history.luma, cubic=True)
        chroma_out = self._warp_half(history.chroma)
        blend(guide_out, guide, gain)
        blend(luma_out, luma, enlarge(gain, *luma.shape))
        blend(chroma_out, chroma, gain[..., None])
        for _ in range(2):  # what the first pass takes from a ghost's edge, the second finds spread around it
            bound_difference(luma_out, luma, GHOST_BOUND * TENT_NOISE * noise.luma)
            bound_difference(chroma_out, chroma, GHOST_BOUND * TENT_NOISE * noise.chroma)
        self._guide = guide_out
        self.history = Fused(luma_out, chroma_out, variance)
        return self.history

    def _start(self, luma: Floats, chroma: Floats, guide: Floats) -> Fused:
        self._guide = guide
        self.still = False
        self.history = Fused(luma.copy(), chroma.copy(), np.ones_like(guide))
        return self.history

    def _motion(self, luma: Floats, guide: Floats, history: Fused, noise: Noise) -> Floats:
        """Flow from the frame to the history, at half size; zero where standing still explains the frame as well.

        Whether the camera moves is seen in the coarse flow alone: noise makes the fine one tremble where all is still.
        """
        flow = self._flow(np.asarray(cv2.GaussianBlur(guide, (0, 0), 0.5), np.float32), self._guide)
        self.still = motion.typical_motion(flow) < STANDS_STILL
        camera_moves = motion.global_motion(flow) > CAMERA_MOVES
        if self._fine is not None:
            blurred = np.asarray(cv2.GaussianBlur(luma, (0, 0), FINE_BLUR), np.float32)
            flow = motion.resize_flow(self._fine(blurred, history.luma), *guide.shape)
        if camera_moves:
            return flow
        residual = _Residual(guide, noise.luma)
        self._warp_half.aim(flow)
        moved, expected = residual(self._warp_half(self._guide), self._warp_half(history.variance))
        still, _ = residual(self._guide, history.variance)
        moves = (moved + STATIC_BIAS * expected < still).astype(np.float32)
        flow *= box(moves, 5)[..., None]  # the flow is blended, not the pictures: they stay sharp
        return flow


class _Residual:
    """How far a history is from the frame, and how far noise alone would make it. Half-size luma."""

    def __init__(self, guide: Floats, sigma: float) -> None:
        self._low = box(guide, 3)
        # Mean |N| = 0.8 sd; averaging 2x2 pixels halves the frame's noise, 3x3 of those takes a third of it.
        self._expected = np.float32(0.8 * sigma / 2 / 3)

    def __call__(self, history: Floats, variance: Floats) -> tuple[Floats, Floats]:
        """Mean absolute difference around each pixel, and its expectation. variance: the history's, relative."""
        difference = box(history, 3)
        difference -= self._low
        np.abs(difference, out=difference)
        expected = np.minimum(variance, 1)
        expected += 1
        np.sqrt(expected, out=expected)
        expected *= self._expected
        return box(difference, 3), np.maximum(expected, np.float32(FLOOR), out=expected)


def _confidence(residual: _Residual, history: Floats, variance: Floats) -> Floats:
    """1 where the history differs by no more than noise would make it, falling to 0."""
    found, expected = residual(history, variance)
    found /= expected
    found -= TOLERANCE
    np.maximum(found, 0, out=found)
    found *= found
    return np.exp(np.negative(found, out=found), out=found)


def _blur(flow: Floats, sigma: float) -> Floats:
    """What moving by fractions of a pixel costs, as variance relative to the noise's: the weights blur detail."""
    full = flow * 2
    full -= np.rint(full)
    np.abs(full, out=full)
    cost = np.add(full[..., 0], full[..., 1])  # 0 on the grid of pixels, 1 in the middle of four
    cost *= np.float32(BLUR_COST + min((BLURRED_DETAIL / max(sigma, FLOOR)) ** 2, 3))
    return cost


def _gain(variance: Floats, confidence: Floats) -> tuple[Floats, Floats]:
    """The frame's share in the result, and the result's relative variance (at most one frame's)."""
    gain = variance / (variance + 1)
    np.maximum(gain, GAIN_MIN, out=gain)
    np.maximum(gain, 1 - confidence, out=gain)
    left = (1 - gain) ** 2 * variance + gain**2
    return gain, np.minimum(left, 1, out=left)


def _brightening(guide: Floats, history: Floats) -> float:
    """Median over blocks of how much brighter the frame is than the history."""
    h, w = guide.shape
    return float(np.median(shrink(guide - history, max(h // 16, 1), max(w // 16, 1))))
