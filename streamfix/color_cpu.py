"""The formulas of `color` on the CPU: by OpenCV, in one thread, a few rows at a time so that they stay in the cache.

Every function takes and gives float32 arrays and means what the function of its name in `color` means. OpenCV's
weighted sums round once at the end; PyTorch's operators, one after the other over the whole picture, take three to
twenty times as long, and wake threads that then spin.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[Any]
Floats = NDArray[np.float32]

_PIXELS = 40_000  # of a block, or a little more


def rgb8(
    y: Plane,
    uv: tuple[Plane, Plane] | None,
    *,
    top: float,
    levels: tuple[float, float, float, float],
    kr_kb: tuple[float, float],
    halved: tuple[bool, bool],
    order: str,
) -> NDArray[np.uint8]:
    """8-bit R'G'B', (H, W, 3), rounded once, from the formula's own value.

    y: (H, W) of integer codes or floats, `top` stands for 1. uv: the two chroma planes, None for grey.
    levels: black, luma span, chroma span and neutral chroma as parts of `top`, see `color.excursions`.
    halved: whether chroma is half as wide, and half as high; sited as `color` says. order: "rgb" or "bgr".
    """
    (height, width), (kr, kb), (black, luma, chroma, neutral) = y.shape, kr_kb, levels
    out = np.empty((height, width, 3), np.uint8)
    kg, gain = 1 - kr - kb, 255 / (luma * top)
    dark, grey = -black * 255 / luma, neutral * top
    cr, cb = (510 * (1 - k) / (chroma * top) for k in (kr, kb))
    gr, gb = -kr * cr / kg, -kb * cb / kg
    for rows in _blocks(height, width):
        light = y[rows]
        if uv is None:
            one = cv2.addWeighted(light, gain, light, 0, dark, dtype=cv2.CV_8U)
            red = green = blue = one
        else:
            u, v = (enlarged(plane, rows, height, width, halved) for plane in uv)
            red = cv2.addWeighted(light, gain, v, cr, dark - grey * cr, dtype=cv2.CV_8U)
            blue = cv2.addWeighted(light, gain, u, cb, dark - grey * cb, dtype=cv2.CV_8U)
            both = cv2.addWeighted(u, gb, v, gr, dark - grey * (gb + gr), dtype=cv2.CV_32F)
            green = cv2.addWeighted(light, gain, both, 1, 0, dtype=cv2.CV_8U)
        cv2.merge([red, green, blue] if order == "rgb" else [blue, green, red], dst=out[rows])
    return out


def rgb_of_codes(
    y: Plane,
    uv: tuple[Plane, Plane],
    *,
    top: float,
    levels: tuple[float, float, float, float],
    kr_kb: tuple[float, float],
    halved: tuple[bool, bool],
) -> Floats:
    """R'G'B' (3, H, W) in [0, 1], clipped, in one pass over the codes. See `rgb8` for what it takes."""
    (height, width), (kr, kb), (black, luma, chroma, neutral) = y.shape, kr_kb, levels
    out = np.empty((3, height, width), np.float32)
    kg, gain, dark, grey = 1 - kr - kb, 1 / (luma * top), -black / luma, neutral * top
    cr, cb = (2 * (1 - k) / (chroma * top) for k in (kr, kb))
    gr, gb = -kr * cr / kg, -kb * cb / kg
    for rows in _blocks(height, width):
        light = np.asarray(y[rows], np.float32)
        u, v = (enlarged(plane, rows, height, width, halved) for plane in uv)
        cv2.addWeighted(light, gain, v, cr, dark - grey * cr, dst=out[0, rows])
        cv2.addWeighted(light, gain, u, cb, dark - grey * cb, dst=out[2, rows])
        both = cv2.addWeighted(u, gb, v, gr, dark - grey * (gb + gr))
        cv2.addWeighted(light, gain, both, 1, 0, dst=out[1, rows])
        np.clip(out[:, rows], 0, 1, out=out[:, rows])
    return out


def ycbcr_to_rgb(
    y: Floats, uv: Floats, levels: tuple[float, float, float, float], kr_kb: tuple[float, float]
) -> Floats:
    """y: (H, W), uv: (2, H, W). Returns (3, H, W) in [0, 1], clipped."""
    (kr, kb), (black, luma, chroma, neutral) = kr_kb, levels
    out = np.empty((3, *y.shape), np.float32)
    kg, gain, dark = 1 - kr - kb, 1 / luma, -black / luma
    cr, cb = (2 * (1 - k) / chroma for k in (kr, kb))
    gr, gb = -kr * cr / kg, -kb * cb / kg
    for rows in _blocks(y.shape[0], y.shape[1]):
        light, u, v = y[rows], uv[0, rows], uv[1, rows]
        cv2.addWeighted(light, gain, v, cr, dark - neutral * cr, dst=out[0, rows])
        cv2.addWeighted(light, gain, u, cb, dark - neutral * cb, dst=out[2, rows])
        both = cv2.addWeighted(u, gb, v, gr, dark - neutral * (gb + gr))
        cv2.addWeighted(light, gain, both, 1, 0, dst=out[1, rows])
        np.clip(out[:, rows], 0, 1, out=out[:, rows])
    return out


def rgb_to_ycbcr(
    rgb: Floats, levels: tuple[float, float, float, float], kr_kb: tuple[float, float]
) -> tuple[Floats, Floats]:
    """rgb: (3, H, W). Returns luma (H, W) and chroma (2, H, W)."""
    (kr, kb), (black, luma, chroma, neutral) = kr_kb, levels
    y, uv = np.empty(rgb.shape[1:], np.float32), np.empty((2, *rgb.shape[1:]), np.float32)
    for rows in _blocks(rgb.shape[1], rgb.shape[2]):
        r, g, b = rgb[:, rows]
        some = cv2.addWeighted(r, kr * luma, g, (1 - kr - kb) * luma, black)
        light = cv2.addWeighted(some, 1, b, kb * luma, 0, dst=y[rows])
        for i, (one, k) in enumerate(((b, kb), (r, kr))):
            gain = chroma / (2 * (1 - k))
            cv2.addWeighted(one, gain, light, -gain / luma, neutral + gain * black / luma, dst=uv[i, rows])
    return y, uv


def enlarged(plane: Plane, rows: slice, height: int, width: int, halved: tuple[bool, bool]) -> Floats:
    """Those rows of chroma at luma's size, as float32. plane: (h, w), all of it; rows: of the result."""
    narrow, low = halved
    if not (narrow or low):
        return np.asarray(plane[rows], np.float32)
    first, last = rows.start, min(rows.stop, height)
    if low:
        first, last = max(first // 2 - 1, 0), min(-(-last // 2) + 1, len(plane))
    part = np.asarray(plane[first:last], np.float32)
    if low:
        part = np.asarray(doubled_down(part)[rows.start - 2 * first : min(rows.stop, height) - 2 * first])
    return doubled_across(part)[:, :width] if narrow else part


def doubled_across(x: Floats) -> Floats:
    """(h, w) to (h, 2 w): samples level with the even ones."""
    after = np.concatenate((x[:, 1:], x[:, -1:]), 1)
    odd = cv2.addWeighted(x, 0.5, after, 0.5, 0)
    return np.asarray(cv2.merge([x, odd]), np.float32).reshape(len(x), -1)


def doubled_down(x: Floats) -> Floats:
    """(h, w) to (2 h, w): samples half-way between two lines."""
    wide = np.concatenate((x[:1], x, x[-1:]))
    out = np.empty((len(x), 2, x.shape[1]), np.float32)
    cv2.addWeighted(x, 0.75, wide[:-2], 0.25, 0, dst=out[:, 0])
    cv2.addWeighted(x, 0.75, wide[2:], 0.25, 0, dst=out[:, 1])
    return out.reshape(-1, x.shape[1])


def halved(x: Floats, axis: int, taps: tuple[float, ...], offset: int, kernel: Floats) -> Floats:
    """Every other sample of x (h, w) filtered by `taps`, the first of which is at `offset`, then by `kernel`.

    Samples beyond the ends repeat the last one. axis: -1 across, -2 down.
    """
    reach, size = len(kernel) // 2, x.shape[axis]
    before, behind = 2 * reach - offset, 2 * reach + len(taps)
    behind += (before + size + behind) % 2  # two phases of the same length
    width = ((0, 0), (before, behind)) if axis == -1 else ((before, behind), (0, 0))
    wide = np.pad(x, width, "edge")
    if axis == -1:
        phases = cv2.split(wide.reshape(len(wide), -1, 2))
    else:
        phases = (wide[0::2], wide[1::2])
    half = -(-size // 2)
    long, begin = half + 2 * reach, before - 2 * reach
    total: Any = None
    for k, tap in enumerate(taps):
        at = begin + offset + k
        phase, start = phases[at % 2], at // 2
        samples = phase[:, start : start + long] if axis == -1 else phase[start : start + long]
        total = cv2.addWeighted(samples, tap, samples if total is None else total, 0 if total is None else 1, 0)
    one = np.ones((1, 1), np.float32)
    row = kernel[None] if axis == -1 else one
    column = one if axis == -1 else kernel[:, None]
    found = np.asarray(cv2.sepFilter2D(total, -1, row, column), np.float32)
    return found[:, reach : reach + half] if axis == -1 else found[reach : reach + half]


# The least-squares inverse of doubling along one axis is its adjoint followed by the inverse of the tridiagonal
# (a, b, a) = U'U. That inverse is a two-sided exponential, gain * ratio**|n|, where ratio solves a r^2 + b r + a = 0
# and gain = 1 / sqrt(b^2 - 4 a^2).
# axis: adjoint taps, offset of the first, gain, ratio, reach (where ratio**reach is under a 12-bit code)
INVERSE = {
    -1: ((0.5, 1.0, 0.5), -1, 1 / 2**0.5, 8**0.5 - 3, 5),
    -2: ((0.25, 0.75, 0.75, 0.25), -1, 1.0, -1 / 3, 8),
}


def resized_chroma(uv: Floats, full: tuple[int, int], shape: tuple[int, int]) -> Floats:
    """Chroma (2, h, w) of luma of size `full` at another subsampling: (2, *shape)."""
    for axis in (-2, -1):
        want = shape[axis]
        if uv.shape[axis] == want:
            continue
        while uv.shape[axis] < want:  # one octave at a time; 4:1:1 needs two
            uv = doubled(uv, axis, size_above(full[axis], uv.shape[axis]))
        while uv.shape[axis] > want:
            uv = halved_chroma(uv, axis)
    return uv


def size_above(full: int, size: int) -> int:
    """The chroma size one octave above `size` on the way to `full`."""
    while -(-full // 2) > size:
        full = -(-full // 2)
    return full


def doubled(x: Floats, axis: int, size: int) -> Floats:
    """x (2, h, w) with double the length along `axis`, cut to `size`, by linear interpolation."""
    double = doubled_across if axis == -1 else doubled_down
    whole = np.stack([double(plane) for plane in x])
    return whole[..., :size] if axis == -1 else whole[..., :size, :]


def halved_chroma(x: Floats, axis: int) -> Floats:
    """x (2, h, w) at half the length along `axis`: the samples that `doubled` brings closest to it."""
    adjoint, offset, gain, ratio, reach = INVERSE[axis]
    size = x.shape[axis]
    if axis == -2 and size % 2 and size > 1:
        # Add the line that an even height would have, so that the last chroma line is recovered exactly.
        last = np.float32(1.5) * x[:, -1:] - np.float32(0.5) * x[:, -2:-1]
        x = np.concatenate((x, last), -2)
    weights = [gain * ratio ** abs(k) for k in range(-reach, reach + 1)]
    taps = tuple(a / sum(adjoint) for a in adjoint)
    kernel = np.asarray([w / sum(weights) for w in weights], np.float32)
    return np.stack([halved(plane, axis, taps, offset, kernel) for plane in x])


def neutral_chroma(shape: tuple[int, int], depth: int) -> Floats:
    """Chroma of grey, (2, *shape)."""
    return np.full((2, *shape), (1 << (depth - 1)) / ((1 << depth) - 1), np.float32)


def excursions(full: bool, depth: int) -> tuple[float, float, float, float]:
    """Black level, luma span, chroma span and neutral chroma, as fractions of the largest code."""
    top = (1 << depth) - 1
    neutral = (1 << (depth - 1)) / top
    if full:
        return 0.0, 1.0, 1.0, neutral
    unit = (1 << (depth - 8)) / top
    return 16 * unit, 219 * unit, 224 * unit, neutral


def _blocks(height: int, width: int) -> Iterator[slice]:
    """Rows of a picture of that size, some at a time; an even number, so that blocks begin with a line of chroma."""
    some = max(_PIXELS // width, 1) // 2 * 2 + 2
    return (slice(top, min(top + some, height)) for top in range(0, height, some))
