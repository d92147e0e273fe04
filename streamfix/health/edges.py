"""The edges of a reference picture, and how much of each a later picture still shows.

A gradient is projected on the reference's own direction at the reference's edges and summed over a block: noise has no
direction and averages out, other objects' edges lie elsewhere. What is left is divided by the contrast of the coarse
picture, so that light, fog and exposure do not count as blur: they change both alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .sight import HEIGHT, WIDTH, Mask

COLUMNS, ROWS = 16, 9
Floats = NDArray[np.float32]
Blocks = NDArray[np.float32]  # (9, 16)

_COARSE = 4  # the coarse picture is so many times smaller
_COARSE_SIGMA = 1.5  # and is blurred by that, in its own pixels: no defocus of interest takes its edges away
_LEAST_EDGE = 3.0  # codes a pixel
_EDGE_OF_CONTRAST = 0.08  # of the coarse picture's standard deviation
_LEAST_PIXELS = 12  # of a block's 400: fewer say nothing of it
_LEAST_COARSE = 0.25  # mean square of the coarse gradient, codes squared
SAME = 0.5  # a match of coarse structure from which on it is the same; below, its contrast says nothing
_LEAST_GAIN = 0.1  # fog may take nine tenths of the contrast away


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """How much of a reference a picture shows.

    ratios: what is left of each block's edges, over what is left of the contrast: 1 is all, 0 nothing, (9, 16).
    gain: the contrast over the reference's. matches: how well each block's coarse structure agrees, -1 to 1: an
    unsharp picture keeps it, a cover does not.
    """

    ratios: Blocks
    gain: float
    matches: Blocks


class Edges:
    """The edges of a reference. picture: (180, 320), code values. hidden: pixels that are not judged.

    judged: blocks that have enough of them. strength: sum of the gradients at each block's edges.
    across, down: the edges' directions, of length 1; 0 where there is no edge, (180, 320).
    """

    def __init__(self, picture: NDArray[Any], hidden: Mask | None = None) -> None:
        across, down = gradients(picture)
        size = np.hypot(across, down)
        coarse = _coarse(picture)
        edge = size > max(_LEAST_EDGE, _EDGE_OF_CONTRAST * float(coarse.std()))
        if hidden is not None:
            edge &= ~hidden
        self.across = np.where(edge, across / np.maximum(size, 1e-6), 0).astype(np.float32)
        self.down = np.where(edge, down / np.maximum(size, 1e-6), 0).astype(np.float32)
        self.strength = in_blocks(np.where(edge, size, np.float32(0)))
        self._power = in_blocks(np.where(edge, size * size, np.float32(0)))
        self.judged: Mask = in_blocks(edge.astype(np.float32)) >= _LEAST_PIXELS
        small = (WIDTH // _COARSE, HEIGHT // _COARSE)
        shown = np.ones((HEIGHT, WIDTH), np.float32) if hidden is None else (~hidden).astype(np.float32)
        self._shown = (cv2.resize(shown, small, interpolation=cv2.INTER_AREA) > 0.99).astype(np.float32)
        across, down = gradients(coarse)
        self._coarse_across, self._coarse_down = across * self._shown, down * self._shown
        self._coarse_power = in_blocks(self._coarse_across**2 + self._coarse_down**2)
        pixels = HEIGHT * WIDTH / _COARSE**2 / (ROWS * COLUMNS)
        self.coarse_judged: Mask = self.judged & (self._coarse_power >= _LEAST_COARSE * pixels)

    def likeness(self, picture: NDArray[Any]) -> Likeness:
        """Compare a picture of the same size."""
        across, down = gradients(picture)
        left = in_blocks(across * self.across + down * self.down) / np.maximum(self.strength, 1e-6)
        across, down = gradients(_coarse(picture))
        product = in_blocks(across * self._coarse_across + down * self._coarse_down)
        power = in_blocks((across**2 + down**2) * self._shown)
        gains = product / np.maximum(self._coarse_power, 1e-6)
        matches = product / np.sqrt(np.maximum(self._coarse_power * power, 1e-6))
        there = self.coarse_judged
        gain, match = (float(np.median(each[there])) if there.any() else 0.0 for each in (gains, matches))
        contrast = max(gain, _LEAST_GAIN if match >= SAME else 1.0)
        return Likeness(_floats(left / contrast), gain, _floats(matches))

    def own_strength(self, picture: NDArray[Any]) -> Blocks:
        """How sharp any edges of a picture without noise are, over the reference's, (9, 16): an object has its own."""
        across, down = gradients(picture)
        power = across * across + down * down
        own = in_blocks(np.where(power > _LEAST_EDGE**2, power, np.float32(0)))
        return _floats(np.sqrt(own / np.maximum(self._power, 1e-6)))


def gradients(picture: NDArray[Any]) -> tuple[Floats, Floats]:
    """Differences a pixel across and down (Sobel's, 3 x 3)."""
    given = picture.astype(np.float32, copy=False)
    across = cv2.Sobel(given, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    down = cv2.Sobel(given, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return np.asarray(across, np.float32), np.asarray(down, np.float32)


def in_blocks(values: Floats) -> Blocks:
    """The sum over each of 16 x 9 blocks."""
    height, width = values.shape
    means = cv2.resize(values, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return np.asarray(means, np.float32) * np.float32(height * width / (ROWS * COLUMNS))


def _floats(values: NDArray[Any]) -> Blocks:
    return np.asarray(values, np.float32)


def _coarse(picture: NDArray[Any]) -> Floats:
    small = cv2.resize(
        picture.astype(np.float32, copy=False), (WIDTH // _COARSE, HEIGHT // _COARSE), interpolation=cv2.INTER_AREA
    )
    return np.asarray(cv2.GaussianBlur(small, (0, 0), _COARSE_SIGMA), np.float32)
