"""How blurred a picture is, measured from its edges."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Bools: TypeAlias = NDArray[np.bool_]

_SCALES = (1.0, 1.6, 2.4)  # standard deviations of the smoothing before each gradient, pixels
_DIFFERENCE = 1 / 3  # variance that a central difference adds to each of them
_BLOCK = 16  # side of the blocks whose quietest ones tell the noise
_QUIETEST, _ABOVE_NOISE, _FAINT = 0.2, 5.0, 3 / 255  # an edge's gradient is above these, per pixel
_ALONG = 7  # side of the window over which edges are averaged
_SHARPEST = 0.4  # quantile of the edges' variances: under it lie lines and points, which look sharper than they are
_LEAST_EDGES = 24  # pixels of edges that make a measurement
_LEVELS, _REACH = 3, 1.5  # sizes that are tried, and the most that one of them measures well, pixels of its own
_LEAST_SIDE = 32
_GRID = 8  # codecs' blocks
_MARGIN = 4  # pixels at the picture's border that its mirror spoils


def blur_radius(luma: Floats) -> float | None:
    """Standard deviation in pixels of the Gaussian that blurs the picture's sharper edges as much as they are blurred.

    luma: (H, W) float32 in [0, 1]. Returns 0 for edges that need a pixel or less, about 0.5 for an ordinary camera, and
    None where there are too few edges to tell: flat pictures, noise, very small ones. Noise makes it a little too low.
    Motion is not seen: edges along it stay sharp.
    A gradient falls with smoothing the faster the sharper the edge was: Zhuo & Sim, "Defocus map estimation from a
    single image" (2011). Three scales have to agree that it is an edge, not a line or texture; what lies on the grid of
    a codec's blocks does not count.
    """
    found, size = None, 1
    for _ in range(_LEVELS):
        if min(luma.shape) < _LEAST_SIDE:
            break
        variances = _edge_variances(luma)
        if len(variances) >= _LEAST_EDGES:
            radius = max(float(np.quantile(variances, _SHARPEST)), 0.0) ** 0.5
            averaged = (size * size - 1) / 12  # by halving the picture
            found = max((radius * size) ** 2 - averaged, 0.0) ** 0.5
            if radius < _REACH:
                break
        luma = _halved(luma)
        size *= 2
    return found


def _edge_variances(luma: Floats) -> Floats:
    """Variance of the blur of each pixel of an edge, in square pixels; below 0 where it is sharper than any edge."""
    fine, middle, coarse = (_gradient(luma, scale) for scale in _SCALES)
    height = np.hypot(*fine)
    unit = fine / (height + np.float32(1e-9))
    edge = _ridges(height, unit) & (height > _threshold(height)) & ~_on_grid(unit)
    edge[:_MARGIN] = edge[-_MARGIN:] = edge[:, :_MARGIN] = edge[:, -_MARGIN:] = False
    heights = [_mean_on(edge, along) for along in (height, (middle * unit).sum(0), (coarse * unit).sum(0))]
    first, second = (_variance(heights[i], heights[i + 1], _SCALES[i], _SCALES[i + 1]) for i in (0, 1))
    agree = np.abs(second - first) < 0.5 + np.abs(first)
    return np.asarray(first[agree] - _DIFFERENCE, np.float32)


def _gradient(luma: Floats, scale: float) -> Floats:
    """(2, H, W): along x and along y, per pixel."""
    smooth = cv2.GaussianBlur(luma, (0, 0), scale, borderType=cv2.BORDER_REFLECT_101)
    two = [cv2.Sobel(smooth, cv2.CV_32F, dx, dy, ksize=1, scale=0.5) for dx, dy in ((1, 0), (0, 1))]
    return np.asarray(np.stack(two), np.float32)


def _threshold(height: Floats) -> float:
    """What a gradient has to exceed to be an edge's: well above those of the picture's quietest blocks."""
    rows, columns = (max(side // _BLOCK, 1) for side in height.shape)
    blocks = cv2.resize(height, (columns, rows), interpolation=cv2.INTER_AREA)
    return max(_ABOVE_NOISE * float(np.quantile(blocks, _QUIETEST)), _FAINT)


def _ridges(height: Floats, unit: Floats) -> Bools:
    """Where the gradient's height is a maximum across the edge (Canny, 1986)."""
    rows, columns = height.shape
    way = np.round(np.arctan2(unit[1], unit[0]) / (np.pi / 4)).astype(np.int8) % 4
    padded = np.pad(height, 1, mode="edge")
    ridges = np.zeros(height.shape, np.bool_)
    for number, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        before = padded[1 - dy : 1 - dy + rows, 1 - dx : 1 - dx + columns]
        after = padded[1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + columns]
        ridges |= (way == number) & (height >= after) & (height > before)
    return ridges


def _on_grid(unit: Floats) -> Bools:
    """Where an edge may be a codec's: on the border of a block and along it, or at the corner of four."""
    y, x = (np.arange(side) % _GRID for side in unit.shape[1:])
    border_y, border_x = ((of == 0) | (of == _GRID - 1) for of in (y, x))
    corner_y, corner_x = ((of < 3) | (of > 4) for of in (y, x))
    along = np.abs(unit) > np.sin(np.pi / 8)
    return np.asarray((along[0] & border_x) | (along[1] & border_y[:, None]) | (corner_x & corner_y[:, None]), np.bool_)


def _mean_on(edge: Bools, values: Floats) -> Floats:
    """`values` summed along the edges, at their pixels: noise averages out."""
    return np.asarray(cv2.boxFilter(values * edge, -1, (_ALONG, _ALONG), normalize=False)[edge], np.float32)


def _variance(fine: Floats, coarse: Floats, fine_scale: float, coarse_scale: float) -> Floats:
    """Of the edge's own blur, given its gradients behind two more."""
    ratio = np.square(fine / np.maximum(coarse, np.float32(1e-9)))
    variance = (coarse_scale**2 - ratio * fine_scale**2) / np.maximum(ratio - 1, np.float32(1e-3))
    return np.asarray(variance, np.float32)


def _halved(luma: Floats) -> Floats:
    rows, columns = luma.shape
    return np.asarray(cv2.resize(luma, (columns // 2, rows // 2), interpolation=cv2.INTER_AREA), np.float32)
