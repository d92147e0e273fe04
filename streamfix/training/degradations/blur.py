"""Blur of exposure and optics: means of frames, a shutter that rolls, kernels, glare.

Clips are linear light (T, H, W, 3) float32: light adds up, coded values do not.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]


def mean_frames(linear: Floats, per_frame: int, exposed: int) -> Floats:
    """What a shutter sees: of each `per_frame` moments (T * per_frame, ...), the mean of the middle `exposed`.

    Returns (T, ...). Nah et al., "Deep Multi-scale CNN for Dynamic Scene Deblurring" (2017), in linear light.
    Raises ValueError where the moments do not divide, or more are exposed than there are.
    """
    _check(linear, per_frame, exposed)
    moments = linear.reshape(-1, per_frame, *linear.shape[1:])
    first = (per_frame - exposed) // 2
    return np.asarray(moments[:, first : first + exposed].mean(1, dtype=np.float32), np.float32)


def rolling_shutter(linear: Floats, per_frame: int, exposed: int, readout: float) -> Floats:
    """As `mean_frames`, but each line is exposed later than the one above.

    readout: from the first line to the last, in frames; up to 1. The middle line is exposed as by `mean_frames`. The
    scene stands still beyond the clip's first and last moments. A line whose exposure begins within a moment takes
    that moment by the part of it that it sees.
    """
    _check(linear, per_frame, exposed)
    moments, H = linear.shape[:2]
    T = moments // per_frame
    late = (np.arange(H) / max(H - 1, 1) - 0.5) * readout * per_frame
    out = np.zeros((T, *linear.shape[1:]), np.float32)
    for t in range(T):
        begin = t * per_frame + (per_frame - exposed) // 2 + late
        for k in range(int(np.floor(begin[0])), int(np.ceil(begin[-1])) + exposed):
            share = np.clip(np.minimum(begin + exposed, k + 1) - np.maximum(begin, k), 0, 1) / exposed
            rows = np.flatnonzero(share)
            if len(rows):
                lines = slice(int(rows[0]), int(rows[-1]) + 1)
                weight = share[lines, None, None].astype(np.float32)
                out[t, lines] += weight * linear[np.clip(k, 0, moments - 1), lines]
    return out


def defocus_kernel(radius: float) -> Floats:
    """A disc of `radius` pixels with soft edges, (k, k) with k odd, which sums to 1."""
    reach = int(np.ceil(radius + 0.5))
    ys, xs = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return _normal(np.clip(radius + 0.5 - np.hypot(xs, ys), 0, 1))


def motion_kernel(length: float, angle: float, width: float = 0.5) -> Floats:
    """A line of `length` pixels at `angle` radians (0 is along x, down is positive), (k, k), which sums to 1.

    width: of the spot that draws the line, a standard deviation in pixels.
    """
    reach = int(np.ceil(length / 2 + 3 * width))
    ys, xs = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along, across = xs * np.cos(angle) + ys * np.sin(angle), ys * np.cos(angle) - xs * np.sin(angle)
    reached = np.vectorize(math.erf)
    unit, half = width * 2**0.5, max(length, 1e-3) / 2
    drawn = reached((along + half) / unit) - reached((along - half) / unit)  # a Gaussian dragged along the line
    return _normal(drawn * np.exp(-((across / unit) ** 2)))


def shake_kernel(reach: int, rng: np.random.Generator) -> Floats:
    """The path of a shaken camera: a smooth random walk within `reach` pixels, (2 reach + 1)^2, which sums to 1."""
    t = np.linspace(0, 1, 64 * (reach + 1))
    path = np.zeros((2, len(t)))
    for n in (1, 2, 3):
        path += rng.normal(0, 1 / n, (2, 1)) * np.sin(np.pi * n * t + rng.uniform(0, 2 * np.pi, (2, 1)))
    path -= path.mean(1, keepdims=True)
    path *= rng.uniform(0.4, 1) * reach / max(np.abs(path).max(), 1e-6)
    kernel, _, _ = np.histogram2d(path[1], path[0], 2 * reach + 1, ((-reach - 0.5, reach + 0.5),) * 2)
    return _normal(np.asarray(cv2.GaussianBlur(kernel, (3, 3), 0.5, borderType=cv2.BORDER_CONSTANT), np.float64))


def convolve(linear: Floats, kernel: Floats) -> Floats:
    """Each frame of a clip convolved with an odd-sized kernel, mirrored at the edges."""
    out = np.empty_like(linear)
    flipped = np.ascontiguousarray(kernel[::-1, ::-1])  # OpenCV correlates
    for frame, to in zip(linear, out, strict=True):
        cv2.filter2D(frame, -1, flipped, dst=to)
    return out


def glare(linear: Floats, centres: Floats, colour: Floats, radius: float) -> Floats:
    """Light scattered in the optics around a lamp: colour / (1 + (r / radius)^2) is added, and a faint streak.

    centres: (T, 2) in pixels, x first. colour: (3,), linear light in the middle.
    """
    H, W = linear.shape[1:3]
    xs, ys = np.arange(W, dtype=np.float32), np.arange(H, dtype=np.float32)[:, None]
    out = np.empty_like(linear)
    for frame, (x, y), to in zip(linear, centres, out, strict=True):
        square = ((xs - x) ** 2 + (ys - y) ** 2) / np.float32(radius) ** 2
        streak = np.exp(-np.abs(ys - y) / np.float32(0.15 * radius)) / (1 + np.abs(xs - x) / np.float32(3 * radius))
        np.add(frame, (1 / (1 + square) + np.float32(0.2) * streak)[..., None] * colour, out=to)
    return out


def _check(linear: Floats, per_frame: int, exposed: int) -> None:
    if len(linear) % per_frame or not 1 <= exposed <= per_frame:
        raise ValueError(
            f"{len(linear)} moments are no frames of {per_frame}, or {exposed} exposed are not within them"
        )


def _normal(kernel: NDArray[np.float64]) -> Floats:
    return np.asarray(kernel / kernel.sum(), np.float32)
