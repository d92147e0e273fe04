"""Edge-preserving smoothing of a known amount of noise, which may vary from pixel to pixel."""

from __future__ import annotations

import cv2
import numpy as np

from streamfix.fusion import Floats, box

LEAST = 1e-12  # variance that avoids 0 / 0 in a flat, noiseless window


def wiener(picture: Floats, noise: Floats, window: int) -> Floats:
    """Adaptive Wiener filter that averages overlapping windows: a guided filter guided by its own input.

    Each window splits its pixels into their mean and the rest, and keeps that share of the rest which is not noise,
    max(v - noise, 0) / v, where v is its variance. Each pixel takes the mean over the windows that contain it
    (Lee, "Digital image enhancement and noise filtering by use of local statistics", 1980;
    He et al., "Guided Image Filtering", ECCV 2010). Where there is no noise, nothing changes.

    picture: (H, W[, C]). noise: its variance, same shape. Pixels further away than window - 1 do not count.
    """
    mean = box(picture, window)
    square = np.asarray(cv2.multiply(picture, picture), np.float32)
    variance = box(square, window)
    variance -= cv2.multiply(mean, mean, dst=square)
    np.maximum(variance, noise, out=variance)
    variance += np.float32(LEAST)
    share = np.divide(noise, variance, out=variance)  # share of noise, 0 to 1
    mean *= share
    out = box(mean, window)
    removed = box(share, window, square)
    removed *= picture
    out -= removed
    out += picture
    return out


def reach(passes: tuple[tuple[int, float], ...]) -> int:
    """How far away a pixel may be that counts in `smoothed`, along each axis."""
    return sum(window - 1 for window, _ in passes)


def smoothed(picture: Floats, variance: Floats, sigma: float, passes: tuple[tuple[int, float], ...]) -> Floats:
    """Wiener filters in series. passes: (window, share of the noise) for each.

    variance: of the noise in the picture, relative to sigma squared, in the picture's shape.
    """
    for window, share in passes:
        picture = wiener(picture, np.multiply(variance, np.float32(share * sigma**2)), window)
    return picture
