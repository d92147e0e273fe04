"""The layout `yuv420` of 4:2:0 video in NumPy: for filters that compute there, without waiting for torch to load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .frame import Color, PixelFormat, Planes


@dataclass(frozen=True, slots=True, eq=False)
class ArrayPicture:
    """A 4:2:0 picture as a filter made it that computes in NumPy.

    array: (6, ceil H/2, ceil W/2) float32, see `streamfix.layout`; not to be changed.
    format: the 4:2:0 pixel format to convert back to.
    """

    array: NDArray[np.float32]
    format: PixelFormat
    width: int
    height: int

    def planes(self, color: Color) -> Planes:
        """Code values, rounded and clipped."""
        codes = quantised(self.array, self.format)
        return Planes(self.format, self.width, self.height, unpacked(codes, self.width, self.height))


def is_420(format: PixelFormat) -> bool:
    """True if its chroma is half as wide and half as high as its luma."""
    return format.kind == "yuv" and (format.log2_w, format.log2_h) == (1, 1)


def packed(planes: Planes) -> NDArray[np.float32]:
    """The planes of a 4:2:0 picture as `yuv420`, (6, ceil H/2, ceil W/2) in [0, 1].

    Odd sizes repeat the last row and column.
    """
    y, u, v = planes.data
    h, w = u.shape
    if y.shape != (2 * h, 2 * w):
        y = np.pad(y, ((0, 2 * h - y.shape[0]), (0, 2 * w - y.shape[1])), "edge")
    codes = np.empty((6, h, w), y.dtype)  # packed as codes, then converted to float in one pass
    split_luma(y, codes)
    codes[4], codes[5] = u, v
    out = np.empty(codes.shape, np.float32)
    return np.multiply(codes, np.float32(1 / planes.format.max_code), out=out)


def unpacked(codes: NDArray[Any], width: int, height: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Y, U and V of packed codes (6, h, w): the luma (height, width)."""
    return joined_luma(codes)[:height, :width], codes[4], codes[5]


def split_luma(y: NDArray[Any], parts: NDArray[Any]) -> None:
    """Write the sub-pixels of luma (2h, 2w) into the first four of `parts` (n, h, w): uint8, uint16 or float32."""
    h, w = parts.shape[1:]
    lines = y.reshape(h, 2, w, 2)
    for row in range(2):
        cv2.split(lines[:, row], [parts[2 * row], parts[2 * row + 1]])


def joined_luma(parts: NDArray[Any]) -> NDArray[Any]:
    """The opposite: luma (2h, 2w), a new array."""
    h, w = parts.shape[1:]
    y = np.empty((2 * h, 2 * w), parts.dtype)
    lines = y.reshape(h, 2, w, 2)
    for row in range(2):
        cv2.merge([parts[2 * row], parts[2 * row + 1]], dst=lines[:, row])
    return y


def quantised(values: NDArray[np.float32], format: PixelFormat) -> NDArray[Any]:
    """Values in [0, 1] as codes of that depth: clipped, rounded to the nearest."""
    if format.depth == 8:  # OpenCV's passes: six times as fast, and the same
        rows = np.ascontiguousarray(values).reshape(-1, values.shape[-1])
        eights = cv2.convertScaleAbs(cv2.threshold(rows, 0, 0, cv2.THRESH_TOZERO)[1], alpha=format.max_code)
        return np.asarray(eights).reshape(values.shape)
    codes = np.clip(values, 0, 1)
    codes *= np.float32(format.max_code)
    return np.rint(codes, out=codes).astype(np.uint16)
