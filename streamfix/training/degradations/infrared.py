"""Night vision: one colour, the illuminator's spot and its fall-off, and the glow around bright things.

Clips are linear light (T, H, W, 3) float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Infrared:
    """What an infrared camera makes of a scene.

    weights: of red, green and blue in the one colour; they add up to 1. centre: of the spot, in parts of the width and
    height. radius: where the light has fallen to a quarter, in parts of the larger side. floor: what light is left far
    away. threshold, strength, spread: see `bloom`; spread in parts of the larger side.
    """

    weights: tuple[float, float, float]
    centre: tuple[float, float]
    radius: float
    floor: float
    threshold: float
    strength: float
    spread: float

    @staticmethod
    def draw(rng: np.random.Generator) -> Infrared:
        """A random camera; red weighs most, since it is nearest to infrared."""
        red, green, blue = rng.dirichlet((4, 2, 1))
        x, y = rng.normal(0.5, 0.15, 2)
        return Infrared(
            (float(red), float(green), float(blue)),
            (float(x), float(y)),
            float(rng.uniform(0.45, 1.2)),
            float(rng.uniform(0.02, 0.3)),
            float(rng.uniform(0.5, 0.9)),
            float(rng.uniform(0, 0.6)),
            float(rng.uniform(0.02, 0.08)),
        )

    def __call__(self, linear: Floats) -> Floats:
        """The scene (T, H, W, 3) by infrared light, linear, the same in all three channels."""
        height, width = linear.shape[1:3]
        side = max(height, width)
        centre = (self.centre[0] * width, self.centre[1] * height)
        lit = mono(linear, self.weights)
        lit *= spot((height, width), centre, self.radius * side, self.floor)[..., None]
        return bloom(lit, self.threshold, self.strength, self.spread * side)


def mono(linear: Floats, weights: tuple[float, float, float]) -> Floats:
    """The weighted sum of the channels, in each of the three."""
    T, H, W, _ = linear.shape
    rows = np.tile(np.asarray(weights, np.float64), (3, 1))
    return np.asarray(cv2.transform(linear.reshape(T * H, W, 3), rows), np.float32).reshape(T, H, W, 3)


def spot(size: tuple[int, int], centre: tuple[float, float], radius: float, floor: float) -> Floats:
    """A lamp's light (H, W), from 1 at `centre` (x, y) to `floor` far away.

    floor + (1 - floor) / (1 + (r / radius)^2)^2: the cosine to the fourth power of a flat scene before the lamp.
    """
    ys, xs = np.mgrid[: size[0], : size[1]].astype(np.float32)
    square = ((xs - centre[0]) ** 2 + (ys - centre[1]) ** 2) / np.float32(radius) ** 2
    return np.asarray(floor + (1 - floor) / (1 + square) ** 2, np.float32)


def bloom(linear: Floats, threshold: float, strength: float, spread: float) -> Floats:
    """Light over `threshold` scattered around it: `strength` times its Gaussian blur of `spread` pixels is added."""
    if strength == 0:
        return linear
    out = np.empty_like(linear)
    for frame, to in zip(linear, out, strict=True):
        bright = np.maximum(frame - np.float32(threshold), 0)
        glow = cv2.resize(bright, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        glow = cv2.GaussianBlur(glow, (0, 0), max(spread / 2, 0.5))
        cv2.scaleAdd(cv2.resize(glow, frame.shape[1::-1]), strength, frame, dst=to)
    return out
