"""The motion-compensated recursive fuser: one stream's frames averaged along their motion, noise-aware.

A Kalman filter at each pixel: the history is moved to where the frame has it, and corrected by the frame as far
as the noise allows. Decisions are taken on half-resolution luma, pictures are moved once, at their own size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from streamfix.motion import Floats, FlowEstimator, Warper, global_motion, resize_flow

from .noise import Noise

GAIN_MIN = 0.05  # the least share of the new frame: history is forgotten within some 20 frames
TOLERANCE = 1.6  # residuals up to this many times the expected one are noise
BLUR_COST = 0.2  # variance, in units of the frame's noise, that moving by half a pixel adds: bicubic weights blur
STATIC_BIAS = 0.5  # motion must explain the frame better than standing still by this much of the expected residual
CAMERA_MOVES = 0.25 / 2  # pixels of the half-size luma; above it nothing is taken to stand still
LEAST_CONFIDENCE = 0.2  # mean below it: another scene
FLOOR = 0.7 / 255  # expected residual of noiseless video: rounding, and motion's own error
BOUND = 3.0  # ghost bound, standard deviations of the frame's mean over 5x5 pixels
OUTSIDE = 1e3  # variance of what comes in at the edge of the picture: nothing is known about it


@dataclass(frozen=True, slots=True)
class Fused:
    """luma: (H, W), chroma: (H/2, W/2, 2), the frame with its noise averaged away as far as could be.

    variance: (H/2, W/2), what noise is left, relative to one frame's: sigma_eff = sigma * sqrt(variance).
    The arrays belong to the fuser and hold until its next step.
    """

    luma: Floats
    chroma: Floats
    variance: Floats


class Fuser:
    """One stream's history. All pictures are float32 in [0, 1]."""

    def __init__(self) -> None:
        self._flow = FlowEstimator()
        self._history: Fused | None = None
        self._guide = np.empty((0, 0), np.float32)  # the history's luma at half size
        self._warp = self._warp_half = Warper(0, 0)

    def step(self, luma: Floats, chroma: Floats, noise: Noise) -> Fused:
        """Take the next frame in. luma: (H, W), chroma: (H/2, W/2, 2), H and W even.

        Starts anew where the frame does not go on with the history: another size or scene, a step of the exposure.
        """
        h, w = chroma.shape[:2]
        guide = np.asarray(cv2.resize(luma, (w, h), interpolation=cv2.INTER_AREA), np.float32)
        if self._history is None or self._history.luma.shape != luma.shape:
            self._warp, self._warp_half = Warper(*luma.shape), Warper(h, w)
            return self._start(luma, chroma, guide)
        residual = _Residual(guide, noise.luma)
        flow = self._motion(guide, residual)
        self._warp_half.aim(flow)
        guide_was = self._warp_half(self._guide)
        variance = self._warp_half(self._history.variance, outside=OUTSIDE)
        shift = _brightness_step(guide, guide_was)
        confidence = residual.confidence(guide_was, variance)
        if confidence.mean() < LEAST_CONFIDENCE or abs(shift) > max(2 / 255, noise.luma / 4):
            return self._start(luma, chroma, guide)

        gain, variance = _gain(variance + BLUR_COST * _off_grid(flow), confidence)
        _blend(guide_was, guide, gain)
        luma_out = self._warp.aim(resize_flow(flow, *luma.shape))(self._history.luma, cubic=True)
        gain_full = cv2.resize(gain, luma.shape[::-1], interpolation=cv2.INTER_LINEAR)
        _blend(luma_out, luma, gain_full)
        chroma_out = self._warp_half(self._history.chroma, cubic=True)
        _blend(chroma_out, chroma, gain[..., None])
        for _ in range(2):
            bound_ghosts(luma_out, luma, noise.luma)
            bound_ghosts(chroma_out, chroma, noise.chroma)
        self._guide = guide_was
        self._history = Fused(luma_out, chroma_out, variance)
        return self._history

    def _start(self, luma: Floats, chroma: Floats, guide: Floats) -> Fused:
        self._guide = guide
        self._history = Fused(luma.copy(), chroma.copy(), np.ones_like(guide))
        return self._history

    def _motion(self, guide: Floats, residual: _Residual) -> Floats:
        """Flow from the frame to the history, at half size; zero where standing still explains the frame as well."""
        assert self._history is not None
        flow = self._flow(cv2.GaussianBlur(guide, (0, 0), 0.5), self._guide)
        if global_motion(flow) > CAMERA_MOVES:
            return flow
        variance = self._history.variance
        self._warp_half.aim(flow)
        moved, expected = residual(self._warp_half(self._guide), self._warp_half(variance))
        still, _ = residual(self._guide, variance)
        moves = (moved + STATIC_BIAS * expected < still).astype(np.float32)
        flow *= cv2.boxFilter(moves, -1, (5, 5))[..., None]  # the flow is blended, not the pictures: they stay sharp
        return flow


class _Residual:
    """How far a history is from the frame, and how far noise alone would make it. Half-size luma."""

    def __init__(self, guide: Floats, sigma: float) -> None:
        self._low = cv2.boxFilter(guide, -1, (3, 3))
        # Mean |N| = 0.8 sd; averaging 2x2 pixels halves the frame's noise, 3x3 of those takes a third of it.
        self._expected = 0.8 * sigma / 2 / 3

    def __call__(self, history: Floats, variance: Floats) -> tuple[Floats, Floats]:
        """Mean absolute difference around each pixel, and its expectation. variance: the history's, relative."""
        difference = cv2.absdiff(self._low, cv2.boxFilter(history, -1, (3, 3)))
        expected = np.sqrt(1 + np.minimum(variance, 1))
        expected *= self._expected
        return (
            np.asarray(cv2.boxFilter(difference, -1, (3, 3)), np.float32),
            np.maximum(expected, np.float32(FLOOR), out=expected),
        )

    def confidence(self, history: Floats, variance: Floats) -> Floats:
        """1 where the history differs by no more than noise would make it, falling to 0."""
        residual, expected = self(history, variance)
        residual /= expected
        residual -= TOLERANCE
        np.maximum(residual, 0, out=residual)
        residual *= residual
        return np.asarray(cv2.exp(-residual), np.float32)


def _off_grid(flow: Floats) -> Floats:
    """How far from whole pixels the full-size pictures are moved: |x| + |y|, (H/2, W/2), 0 to 1."""
    full = flow * 2
    full -= np.rint(full)
    np.abs(full, out=full)
    return np.asarray(full[..., 0] + full[..., 1], np.float32)


def _gain(variance: Floats, confidence: Floats) -> tuple[Floats, Floats]:
    """The frame's share in the result, and the result's relative variance (at most one frame's)."""
    gain = variance / (variance + 1)
    np.maximum(gain, GAIN_MIN, out=gain)
    np.maximum(gain, 1 - confidence, out=gain)
    left = (1 - gain) ** 2 * variance + gain**2
    return gain, np.minimum(left, 1, out=left)


def _blend(history: Floats, frame: Floats, gain: Floats) -> None:
    """history += gain * (frame - history), in place."""
    difference = frame - history
    difference *= gain
    history += difference


def _brightness_step(guide: Floats, history: Floats) -> float:
    """Median over blocks of how much brighter the frame is than the history."""
    size = (max(guide.shape[1] // 16, 1), max(guide.shape[0] // 16, 1))
    return float(np.median(cv2.resize(guide - history, size, interpolation=cv2.INTER_AREA)))


def bound_ghosts(out: Floats, frame: Floats, sigma: float) -> None:
    """Draw `out` (H, W[, C]) to the frame wherever their 5x5 means differ by more than noise can, in place.

    The mean of 25 pixels has a fifth of their noise; the bound is `BOUND` times that.
    """
    limit = np.float32(BOUND * sigma / 5)
    difference = cv2.boxFilter(frame - out, -1, (5, 5))
    out += difference
    out -= np.clip(difference, -limit, limit, out=difference)
