"""Edge-preserving smoothing by a known amount of noise, which may differ from pixel to pixel."""

from __future__ import annotations

import cv2
import numpy as np
from streamfix.motion import Floats


class Wiener:
    """Adaptive Wiener filter whose windows vote together: a guided filter that guides itself.

    Each 3x3 window (or larger) splits its pixels into mean and rest, and keeps of the rest the share that is not
    noise: max(v - noise, 0) / v, with v its variance. Each pixel takes the mean over the windows it lies in
    (Lee, "Digital image enhancement and noise filtering by use of local statistics", 1980;
    He et al., "Guided Image Filtering", ECCV 2010). Where there is no noise nothing changes.
    Holds its buffers: fresh arrays cost more than the arithmetic. Not for two threads at once.
    """

    def __init__(self, shape: tuple[int, ...], window: int = 3) -> None:
        self._window = (window, window)
        self._mean, self._variance, self._share, self._out = (np.empty(shape, np.float32) for _ in range(4))

    def __call__(self, picture: Floats, noise: Floats) -> Floats:
        """Smooth picture (H, W[, C]). noise: its variance, the same shape. The result lives until the next call."""
        mean, variance, share, out = self._mean, self._variance, self._share, self._out
        self._box(picture, mean)
        np.multiply(picture, picture, out=out)
        self._box(out, variance)
        np.multiply(mean, mean, out=out)
        variance -= out
        np.maximum(variance, noise, out=variance)
        variance += np.float32(1e-12)  # 0 / 0 in a flat, noiseless window
        np.divide(noise, variance, out=share)  # of noise, 0 to 1
        mean *= share
        self._box(share, variance)
        self._box(mean, out)
        np.multiply(variance, picture, out=variance)
        out -= variance
        out += picture
        return out

    def _box(self, picture: Floats, out: Floats) -> None:
        cv2.boxFilter(picture, -1, self._window, dst=out)
