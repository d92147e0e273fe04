"""Pictures as 8-bit R'G'B', as OpenCV and most others hold them: full range, rounded once from the formula's own value.

torch is loaded only for pictures that are tensors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from . import color_cpu
from .frame import Color, Frame, PixelFormat
from .yuv420 import ArrayPicture, components, is_420

Order = Literal["rgb", "bgr"]


def to_rgb8(frame: Frame, order: Order = "rgb") -> NDArray[np.uint8]:
    """The frame's picture as (H, W, 3) uint8 of that order."""
    picture, color = frame.picture, frame.color
    if hasattr(picture, "tensor"):
        from .layout import TensorPicture, tensor_rgb8

        assert isinstance(picture, TensorPicture)
        return tensor_rgb8(picture, color, order)
    depth = picture.format.depth
    if isinstance(picture, ArrayPicture):
        y, uv = picture.components(color)
        if uv is not None and picture.finer is None:
            return converted(y, (uv[0], uv[1]), 1.0, (True, True), color, depth, order)
    else:
        planes = picture.planes(color)
        f = planes.format
        if f.kind == "rgb":
            return _merged(planes.data, f, color, order)
        if f.kind == "gray" or is_420(f) or (f.log2_w, f.log2_h) == (0, 0):
            both = (planes.data[1], planes.data[2]) if f.kind == "yuv" else None
            halved = (bool(f.log2_w), bool(f.log2_h))
            return converted(planes.data[0], both, float(f.max_code), halved, color, f.depth, order)
        y, uv = components(planes, color)
    if uv is None:
        return converted(y, None, 1.0, (False, False), color, depth, order)
    u, v = color_cpu.resized_chroma(uv, y.shape, y.shape)
    return converted(y, (u, v), 1.0, (False, False), color, depth, order)


def converted(
    y: NDArray[Any],
    uv: tuple[NDArray[Any], NDArray[Any]] | None,
    top: float,
    halved: tuple[bool, bool],
    color: Color,
    depth: int,
    order: Order,
) -> NDArray[np.uint8]:
    """See `color_cpu.rgb8`. depth: of the codes that the levels are told of."""
    levels, weights = color_cpu.excursions(color.is_full(), depth), color.kr_kb(y.shape[0])
    return color_cpu.rgb8(y, uv, top=top, levels=levels, kr_kb=weights, halved=halved, order=order)


def _merged(planes: Sequence[NDArray[Any]], format: PixelFormat, color: Color, order: Order) -> NDArray[np.uint8]:
    """G, B and R planes as one array of 8 bits, full range."""
    black, span, _, _ = color_cpu.excursions(color.full_range is not False, format.depth)
    if format.depth > 8 or black:
        gain = 255 / (span * format.max_code)
        planes = [cv2.addWeighted(p, gain, p, 0, -black * 255 / span, dtype=cv2.CV_8U) for p in planes]
    green, blue, red = planes
    return np.asarray(cv2.merge([red, green, blue] if order == "rgb" else [blue, green, red]), np.uint8)
