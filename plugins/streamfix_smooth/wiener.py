"""Edge-preserving smoothing by a known amount of noise, which may differ from pixel to pixel."""

from __future__ import annotations

import numpy as np

from streamfix.fusion import Floats, box


class Wiener:
    """Adaptive Wiener filter whose windows vote together: a guided filter that guides itself.

    Each window splits its pixels into mean and rest, and keeps of the rest the share that is not noise,
    max(v - noise, 0) / v with v its variance. Each pixel takes the mean over the windows it lies in
    (Lee, "Digital image enhancement and noise filtering by use of local statistics", 1980;
    He et al., "Guided Image Filtering", ECCV 2010). Where there is no noise nothing changes.
    Holds its buffers: fresh arrays cost more than the arithmetic. Not for two threads at once.
    """

    def __init__(self, shape: tuple[int, ...], window: int) -> None:
        self._window = window
        self._mean, self._variance, self._share, self._out = (np.empty(shape, np.float32) for _ in range(4))

    def __call__(self, picture: Floats, noise: Floats) -> Floats:
        """Smooth picture (H, W[, C]). noise: its variance, the same shape. The result lives until the next call."""
        mean, variance, share, out = self._mean, self._variance, self._share, self._out
        box(picture, self._window, mean)
        np.multiply(picture, picture, out=out)
        box(out, self._window, variance)
        np.multiply(mean, mean, out=out)
        variance -= out
        np.maximum(variance, noise, out=variance)
        variance += np.float32(1e-12)  # a flat, noiseless window would be 0 / 0
        np.divide(noise, variance, out=share)  # of noise, 0 to 1
        mean *= share
        box(share, self._window, variance)
        box(mean, self._window, out)
        variance *= picture
        out -= variance
        out += picture
        return out


class WienerCascade:
    """Wiener filters one after the other, for pictures of one shape. passes: (window, share of the noise) of each."""

    def __init__(self, shape: tuple[int, ...], passes: tuple[tuple[int, float], ...]) -> None:
        self.shape = shape
        self._passes = [(Wiener(shape, window), share) for window, share in passes]
        self._noise = np.empty(shape, np.float32)

    def __call__(self, picture: Floats, variance: Floats, sigma: float) -> Floats:
        """variance: of the noise in the picture, relative to sigma squared, of the picture's shape."""
        for wiener, share in self._passes:
            picture = wiener(picture, np.multiply(variance, np.float32(share * sigma**2), out=self._noise))
        return picture
