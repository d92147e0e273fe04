"""Additive white Gaussian noise, the literature's yardstick."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..planes420 import Planes420

Floats: TypeAlias = NDArray[np.float32]


def add_gaussian(planes: Planes420, luma: float, chroma: float, rng: np.random.Generator) -> Planes420:
    """The planes with noise of standard deviation `luma` on Y' and `chroma` on Cb and Cr, in units of [0, 1].

    Neither rounded nor clipped.
    """
    return Planes420(_noisy(planes.y, luma, rng), _noisy(planes.uv, chroma, rng))


def add_gaussian_rgb(rgb: Floats, sigma: float, rng: np.random.Generator) -> Floats:
    """R'G'B' (T, H, W, 3) with noise of standard deviation `sigma` in units of [0, 1], neither rounded nor clipped."""
    return _noisy(rgb, sigma, rng)


def _noisy(picture: Floats, sigma: float, rng: np.random.Generator) -> Floats:
    noise = rng.standard_normal(picture.shape, np.float32)
    noise *= np.float32(sigma)
    noise += picture
    return noise
