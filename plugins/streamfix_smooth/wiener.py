"""Edge-preserving smoothing of a known amount of noise, which may vary from pixel to pixel."""

from __future__ import annotations

import numpy as np

from streamfix.fusion import Floats, box


class Wiener:
    """Adaptive Wiener filter that averages overlapping windows: a guided filter guided by its own input.

    Each window splits its pixels into their mean and the rest, and keeps that share of the rest which is not noise,
    max(v - noise, 0) / v, where v is its variance. Each pixel takes the mean over the windows that contain it
    (Lee, "Digital image enhancement and noise filtering by use of local statistics", 1980;
    He et al., "Guided Image Filtering", ECCV 2010). Where there is no noise, nothing changes.
    Reuses its buffers: allocating costs more than the arithmetic. Not thread-safe.
    """

    def __init__(self, shape: tuple[int, ...], window: int) -> None:
        self._window = window
        self._mean, self._variance, self._share, self._out = (np.empty(shape, np.float32) for _ in range(4))

    def __call__(self, picture: Floats, noise: Floats) -> Floats:
        """Smooth picture (H, W[, C]). noise: its variance, same shape. The result is valid until the next call."""
        mean, variance, share, out = self._mean, self._variance, self._share, self._out
        box(picture, self._window, mean)
        np.multiply(picture, picture, out=out)
        box(out, self._window, variance)
        np.multiply(mean, mean, out=out)
        variance -= out
        np.maximum(variance, noise, out=variance)
        variance += np.float32(1e-12)  # avoids 0 / 0 in a flat, noiseless window
        np.divide(noise, variance, out=share)  # share of noise, 0 to 1
        mean *= share
        box(share, self._window, variance)
        box(mean, self._window, out)
        variance *= picture
        out -= variance
        out += picture
        return out


class WienerCascade:
    """Wiener filters in series, for pictures of one shape. passes: (window, share of the noise) for each."""

    def __init__(self, shape: tuple[int, ...], passes: tuple[tuple[int, float], ...]) -> None:
        self.shape = shape
        self._passes = [(Wiener(shape, window), share) for window, share in passes]
        self._noise = np.empty(shape, np.float32)

    def __call__(self, picture: Floats, variance: Floats, sigma: float) -> Floats:
        """variance: of the noise in the picture, relative to sigma squared, in the picture's shape."""
        for wiener, share in self._passes:
            picture = wiener(picture, np.multiply(variance, np.float32(share * sigma**2), out=self._noise))
        return picture
