"""Tone and colour carried from one picture to another's: one curve for the luma, one linear map for the chroma.

The curve brings the quantiles of the luma to the reference's. The chroma's map is the linear one that brings mean and
covariance to the reference's and moves colours least: F. Pitié, A. Kokaram: The linear Monge-Kantorovitch
mapping for example-based colour transfer. CVMP (2007). Both are bounded, so that neither noise nor a step grows without
limit, and can be undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KNOTS = 33  # of the curve, evenly spaced over the luma
_SMOOTH = 2  # knots on either side over which its slope is averaged
STEEPEST, FLATTEST = 4.0, 0.25  # slopes of the curve, and stretching of the chroma
_EVEN = 0.02  # of the samples: spread evenly over all levels, so that the curve is defined where there are none
_LEAST = 1e-6  # variance of the chroma: half a code's square is 4e-6

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Transport:
    """levels, values: knots of the luma's curve. mean, matrix, to: chroma c becomes matrix (c - mean) + to."""

    levels: NDArray[np.float64]
    values: NDArray[np.float64]
    mean: NDArray[np.float64]
    matrix: NDArray[np.float64]
    to: NDArray[np.float64]

    def luma(self, level: Any) -> Any:
        """Any shape, 0 for black and 1 for white; beyond both the curve goes straight on."""
        first, last = (self._slope(at) for at in (0, -1))
        level = np.asarray(level)
        inside = np.interp(level, self.levels, self.values)
        beyond = np.minimum(level - self.levels[0], 0) * first + np.maximum(level - self.levels[-1], 0) * last
        return np.asarray(inside + beyond, level.dtype)

    def undone(self, value: Any) -> Any:
        """The luma that became `value`."""
        first, last = (self._slope(at) for at in (0, -1))
        value = np.asarray(value)
        inside = np.interp(value, self.values, self.levels)
        beyond = np.minimum(value - self.values[0], 0) / first + np.maximum(value - self.values[-1], 0) / last
        return np.asarray(inside + beyond, value.dtype)

    def slope(self, level: Any) -> Any:
        """The curve's slope there."""
        steps = np.diff(self.values) / np.diff(self.levels)
        return steps[np.clip(np.searchsorted(self.levels, level) - 1, 0, len(steps) - 1)]

    def chroma(self, chroma: Any) -> Any:
        """(..., 2), 0 for grey."""
        return np.asarray((chroma - self.mean) @ self.matrix.T + self.to, chroma.dtype)

    def _slope(self, at: int) -> float:
        steps = np.diff(self.values) / np.diff(self.levels)
        return float(steps[at])


def transport(luma: Any, chroma: Any, to_luma: Any, to_chroma: Any) -> Transport:
    """The one that brings a picture to another's tone and colour. luma: 0 to 1; chroma: (..., 2), 0 for grey."""
    levels, values = _curve(np.asarray(luma).ravel(), np.asarray(to_luma).ravel())
    own, theirs = (np.asarray(c, np.float64).reshape(-1, 2) for c in (chroma, to_chroma))
    matrix = _linear(np.cov(own.T, bias=True), np.cov(theirs.T, bias=True))
    return Transport(levels, values, own.mean(0), matrix, theirs.mean(0))


def _curve(own: Any, theirs: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    levels = np.linspace(0, 1, _KNOTS)
    ranks = (1 - _EVEN) * np.searchsorted(np.sort(own), levels) / own.size + _EVEN * levels
    grid = np.linspace(0, 1, 1025)
    of_theirs = (1 - _EVEN) * np.searchsorted(np.sort(theirs), grid, side="right") / theirs.size + _EVEN * grid
    values = np.interp(ranks, of_theirs, grid)
    slopes = np.clip(np.diff(values) * (_KNOTS - 1), FLATTEST, STEEPEST)
    window = np.ones(2 * _SMOOTH + 1) / (2 * _SMOOTH + 1)
    slopes = np.clip(np.convolve(np.pad(slopes, _SMOOTH, "edge"), window, "valid"), FLATTEST, STEEPEST)
    curve = np.concatenate(([0.0], np.cumsum(slopes) / (_KNOTS - 1)))
    # Bounding has moved it: of the levels that the picture has, the middle comes where the reference's is.
    shift = float(np.median(theirs) - np.interp(np.median(own), levels, curve))
    return levels, curve + shift


def _linear(own: Any, theirs: Any) -> NDArray[np.float64]:
    """Symmetric, with its stretching bounded."""
    own, theirs = own + _LEAST * np.eye(2), theirs + _LEAST * np.eye(2)
    root, inverse = _power(own, 0.5), _power(own, -0.5)
    matrix = inverse @ _power(root @ theirs @ root, 0.5) @ inverse
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.clip(values, FLATTEST, STEEPEST)) @ vectors.T)


def _power(matrix: Any, exponent: float) -> Any:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 1e-12) ** exponent) @ vectors.T
