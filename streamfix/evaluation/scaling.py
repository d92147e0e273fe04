"""Clips of another size: reduced as a suite does it, enlarged as a scaler without a network does it.

Chroma stays where video has it: level with the left luma sample, half-way between two lines.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .bicubic import mixed, weights
from .clip import Bytes, Clip, to_codes

Weights = Callable[[int, int, float], NDArray[np.float64]]


def cropped(clip: Clip, multiple: int) -> Clip:
    """The middle of the clip whose sides are multiples of `multiple` (even); the clip itself where nothing is to go."""
    width, height = (n // multiple * multiple for n in clip.size)
    return clip if (width, height) == clip.size else clip.part(0, len(clip), (width, height))


def reduced(clip: Clip, scale: int, kernel: Weights = weights) -> Clip:
    """`scale` times as small. Raises ValueError where a side is no multiple of 2 * scale."""
    width, height = clip.size
    if width % (2 * scale) or height % (2 * scale):
        raise ValueError(f"a clip of {width}x{height} has no whole 4:2:0 picture {scale} times as small; crop it first")
    return _resampled(clip, (width // scale, height // scale), -(scale - 1) / 4, kernel)


def enlarged(clip: Clip, scale: int) -> Clip:
    """`scale` times as large by MATLAB's bicubic, of even size then."""
    width, height = clip.size
    return _resampled(clip, (width * scale, height * scale), (1 - 1 / scale) / 4, weights)


def area(have: int, want: int, offset: float = 0.0) -> NDArray[np.float64]:
    """(want, have): means over the area of each sample, as a sensor with fewer pixels takes them; see `weights`."""
    step = have / want
    centre = (np.arange(want) + 0.5) * step - 0.5 + offset
    at = np.arange(have)
    covered = np.minimum(centre[:, None] + step / 2, at + 0.5) - np.maximum(centre[:, None] - step / 2, at - 0.5)
    table = np.clip(covered, 0, 1)
    return np.asarray(table / table.sum(1, keepdims=True), np.float64)


def _resampled(clip: Clip, size: tuple[int, int], offset: float, kernel: Weights) -> Clip:
    """offset: how far to the right of a plain resampling the samples of chroma lie, in samples of `clip`."""

    def plane(codes: Bytes, shape: tuple[int, int], offset: float) -> Bytes:
        lines = mixed(codes.astype(np.float32), kernel(codes.shape[1], shape[0], 0.0), 1)
        return to_codes(mixed(lines, kernel(codes.shape[2], shape[1], offset), 2))

    width, height = size
    factor = width / clip.size[0]
    # An odd picture has half a chroma sample beyond its side, which is enlarged with the others and then left out.
    whole = (round(clip.u.shape[1] * factor), round(clip.u.shape[2] * factor))
    u, v = (plane(p, whole, offset)[:, : (height + 1) // 2, : (width + 1) // 2] for p in (clip.u, clip.v))
    return Clip(*map(np.ascontiguousarray, (plane(clip.y, (height, width), 0.0), u, v)))
