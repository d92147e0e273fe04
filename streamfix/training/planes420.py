"""Clips as 4:2:0 planes in floating point, and their conversions from and to R'G'B'.

Chroma is sited as MPEG-2, H.264 and HEVC do by default: level with the left luma sample, half-way between two lines
(H.273, chroma sample location type 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..color_cpu import excursions
from ..frame import Color

Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Planes420:
    """A clip in 4:2:0, limited range, as 8-bit code values / 255.

    y: (T, H, W) float32; uv: (T, H/2, W/2, 2) float32, Cb first; H and W even.
    """

    y: Floats
    uv: Floats

    def __post_init__(self) -> None:
        T, H, W = self.y.shape
        if H % 2 or W % 2 or self.uv.shape != (T, H // 2, W // 2, 2):
            raise ValueError(
                f"4:2:0 planes of y {self.y.shape} need uv (T, H/2, W/2, 2), H and W even: {self.uv.shape}"
            )


def _to_ycc(matrix: int) -> NDArray[np.float64]:
    """(3, 4): R'G'B' in [0, 1] to limited-range Y', Cb, Cr in code values / 255, the last column an offset."""
    kr, kb = Color(matrix=matrix).kr_kb(0)
    black, luma, chroma, neutral = excursions(False, 8)
    y = np.array([kr, 1 - kr - kb, kb])
    pb, pr = (np.array([0, 0, 1]) - y) / (2 * (1 - kb)), (np.array([1, 0, 0]) - y) / (2 * (1 - kr))
    rows = np.stack([luma * y, chroma * pb, chroma * pr])
    return np.concatenate([rows, [[black], [neutral], [neutral]]], 1)


def to_planes(rgb: Floats, matrix: int = 6) -> Planes420:
    """R'G'B' (T, H, W, 3) in [0, 1] to 4:2:0, not rounded. Raises ValueError where H or W is odd.

    matrix: code point of H.273, 6 is BT.601, 1 BT.709. Chroma is left-sited: the mean of two lines, then 1-2-1 along
    them. Values out of [0, 1] are taken as they are.
    """
    T, H, W, _ = rgb.shape
    if H % 2 or W % 2:
        raise ValueError(f"4:2:0 needs an even height and width, got {H}x{W}; crop a line or column")
    m = _to_ycc(matrix)
    y = np.asarray(cv2.transform(rgb.reshape(T * H, W, 3), m[:1]), np.float32).reshape(T, H, W)
    lines = cv2.resize(rgb.reshape(T * H, W * 3), (W * 3, T * H // 2), interpolation=cv2.INTER_AREA)
    lines = np.asarray(lines, np.float32).reshape(T * H // 2, W, 3)
    chroma = np.asarray(cv2.transform(lines, m[1:]), np.float32)
    even, odd = chroma[:, ::2], chroma[:, 1::2]
    uv = odd + 2 * even
    uv[:, 1:] += odd[:, :-1]
    uv[:, 0] += even[:, 0]  # mirrored at the left edge, so that what is there keeps its weight
    uv *= np.float32(0.25)
    return Planes420(y, uv.reshape(T, H // 2, W // 2, 2))


def to_rgb(planes: Planes420, matrix: int = 6) -> Floats:
    """4:2:0 to R'G'B' (T, H, W, 3), clipped to [0, 1]; chroma by linear interpolation from where it is sited."""
    T, H, W = planes.y.shape
    ycc = np.empty((T, H, W, 3), np.float32)
    ycc[..., 0] = planes.y
    uv = planes.uv
    above = np.concatenate([uv[:, :1], uv[:, :-1]], 1)
    below = np.concatenate([uv[:, 1:], uv[:, -1:]], 1)
    quarter = np.float32(0.25)
    for line, other in ((0, above), (1, below)):
        mixed = uv + (other - uv) * quarter
        ycc[:, line::2, ::2, 1:] = mixed
        ycc[:, line::2, 1:-1:2, 1:] = (mixed[:, :, :-1] + mixed[:, :, 1:]) / 2
        ycc[:, line::2, -1, 1:] = mixed[:, :, -1]
    m = _to_ycc(matrix)
    inverse = np.linalg.inv(m[:, :3])
    back = np.concatenate([inverse, -inverse @ m[:, 3:]], 1)
    rgb = np.asarray(cv2.transform(ycc.reshape(T * H, W, 3), back), np.float32)
    return np.clip(rgb, 0, 1, out=rgb).reshape(T, H, W, 3)


def quantise(planes: Planes420, bits: int = 8) -> Planes420:
    """Rounded to codes of `bits` and clipped to those there are; still code values of 8 bits / 255."""
    unit = 255 * 2 ** (bits - 8)
    top = np.float32(2**bits - 1)

    def rounded(plane: Floats) -> Floats:
        codes = plane * np.float32(unit)
        np.rint(codes, out=codes)
        np.clip(codes, 0, top, out=codes)
        codes *= np.float32(1 / unit)
        return codes

    return Planes420(rounded(planes.y), rounded(planes.uv))
