"""The layout `yuv420` in NumPy: for filters that compute there, without waiting for torch to load.

What it does to video that is not 4:2:0 is what `layout` does in PyTorch, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from . import color_cpu
from .frame import Color, Picture, PixelFormat, Planes

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class FinerArray:
    """See `streamfix.layout.FinerChroma`. packed: (2, h, w)."""

    recorded: Picture
    packed: Floats


@dataclass(frozen=True, slots=True, eq=False)
class ArrayPicture:
    """A picture as a filter made it that computes in NumPy.

    array: (6, ceil H/2, ceil W/2) float32, see `streamfix.layout`; not to be changed.
    format: the pixel format to convert back to. finer: if the recorded chroma was finer than 4:2:0.
    """

    array: Floats
    format: PixelFormat
    width: int
    height: int
    finer: FinerArray | None = None

    def planes(self, color: Color) -> Planes:
        """Code values, rounded and clipped."""
        f, size = self.format, (self.width, self.height)
        if is_420(f):
            return Planes(f, *size, unpacked(quantised(self.array, f), *size))
        y, uv = self.components(color)
        if f.kind == "gray" or uv is None:
            return Planes(f, *size, (quantised(y, f),))
        if f.kind == "yuv":
            uv = color_cpu.resized_chroma(uv, y.shape, f.plane_shapes(*size)[1])
            return Planes(f, *size, (quantised(y, f), quantised(uv[0], f), quantised(uv[1], f)))
        uv = color_cpu.resized_chroma(uv, y.shape, y.shape)
        levels = color_cpu.excursions(color.is_full(), f.depth)
        rgb = color_cpu.ycbcr_to_rgb(y, uv, levels, color.kr_kb(self.height))
        if color.full_range is False:
            black, span, _, _ = color_cpu.excursions(False, f.depth)
            rgb = rgb * np.float32(span) + np.float32(black)
        return Planes(f, *size, tuple(quantised(rgb[i], f) for i in (1, 2, 0)))

    def components(self, color: Color) -> tuple[Floats, Floats | None]:
        """Luma (H, W) and chroma (2, h, w) of its own size: as fine as it was recorded; None for grey."""
        y = joined_luma(self.array)[: self.height, : self.width]
        if self.format.kind == "gray":
            return y, None
        uv = self.array[4:]
        if self.finer is None:
            return y, uv
        recorded = components(self.finer.recorded.planes(color), color)[1]
        assert recorded is not None
        change = color_cpu.resized_chroma(uv - self.finer.packed, y.shape, recorded.shape[1:])
        return y, change + recorded


def seen(picture: Picture, color: Color) -> ArrayPicture:
    """A picture of any planar format as this layout."""
    if isinstance(picture, ArrayPicture):
        return picture
    planes = picture.planes(color)
    if is_420(planes.format):
        return ArrayPicture(packed(planes), planes.format, planes.width, planes.height)
    y, uv = components(planes, color)
    half = -(-planes.height // 2), -(-planes.width // 2)
    if uv is None:
        small = color_cpu.neutral_chroma(half, planes.format.depth)
    else:
        small = color_cpu.resized_chroma(uv, y.shape, half)
    array = np.empty((6, *half), np.float32)
    split_luma(np.pad(y, ((0, 2 * half[0] - y.shape[0]), (0, 2 * half[1] - y.shape[1])), "edge"), array)
    array[4:] = small
    finer = None if uv is None else FinerArray(picture, array[4:])
    return ArrayPicture(array, planes.format, planes.width, planes.height, finer)


def components(planes: Planes, color: Color) -> tuple[Floats, Floats | None]:
    """Luma (H, W) and chroma (2, h, w) of its own size, None for grey, in [0, 1]. R'G'B' is converted."""
    f = planes.format
    scale = np.float32(1.0 / f.max_code)
    values = [np.multiply(plane, scale, dtype=np.float32) for plane in planes.data]
    if f.kind == "gray":
        return values[0], None
    if f.kind == "yuv":
        return values[0], np.stack(values[1:])
    green, blue, red = values
    rgb = np.stack((red, green, blue))
    if color.full_range is False:
        black, span, _, _ = color_cpu.excursions(False, f.depth)
        rgb = (rgb - np.float32(black)) / np.float32(span)
    levels = color_cpu.excursions(color.is_full(), f.depth)
    return color_cpu.rgb_to_ycbcr(rgb, levels, color.kr_kb(planes.height))


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
