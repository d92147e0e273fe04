"""GStreamer's raw video as planes of code values, and planes as its raw video.

Nothing here needs GStreamer: memory goes in and comes out, with the offsets and strides that a VideoMeta or the caps
say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..frame import PixelFormat, Planes

Order = Literal["planar", "v first", "uv", "vu"]


@dataclass(frozen=True, slots=True)
class RawFormat:
    """How GStreamer stores a picture. name: GStreamer's.

    order: planes as FFmpeg has them; V before U; U and V in turn in one plane; V and U. shift: code values stand so
    many bits higher than they are (P010).
    """

    name: str
    pixels: PixelFormat
    order: Order = "planar"
    shift: int = 0

    @property
    def planes(self) -> int:
        """How many there are in memory."""
        if self.pixels.kind == "gray":
            return 1
        return 2 if self.order in ("uv", "vu") else 3


@dataclass(frozen=True, slots=True)
class PlaneLayout:
    """Where a plane begins in memory, and from one of its rows to the next, in bytes."""

    offset: int
    stride: int


def _yuv(depth: int, log2_w: int, log2_h: int) -> PixelFormat:
    subsampling = {(1, 1): "420", (1, 0): "422", (0, 0): "444"}[log2_w, log2_h]
    return PixelFormat(f"yuv{subsampling}p" + (f"{depth}le" if depth > 8 else ""), "yuv", depth, log2_w, log2_h)


_FORMATS = (
    RawFormat("I420", _yuv(8, 1, 1)),
    RawFormat("NV12", _yuv(8, 1, 1), "uv"),
    RawFormat("YV12", _yuv(8, 1, 1), "v first"),
    RawFormat("NV21", _yuv(8, 1, 1), "vu"),
    RawFormat("Y42B", _yuv(8, 1, 0)),
    RawFormat("Y444", _yuv(8, 0, 0)),
    RawFormat("I420_10LE", _yuv(10, 1, 1)),
    RawFormat("P010_10LE", _yuv(10, 1, 1), "uv", shift=6),
    RawFormat("I422_10LE", _yuv(10, 1, 0)),
    RawFormat("Y444_10LE", _yuv(10, 0, 0)),
    RawFormat("I420_12LE", _yuv(12, 1, 1)),
    RawFormat("I422_12LE", _yuv(12, 1, 0)),
    RawFormat("Y444_12LE", _yuv(12, 0, 0)),
    RawFormat("GRAY8", PixelFormat("gray", "gray", 8)),
    RawFormat("GRAY16_LE", PixelFormat("gray16le", "gray", 16)),
)
FORMATS = {format.name: format for format in _FORMATS}


def format_of(pixels: PixelFormat, wanted: RawFormat) -> RawFormat:
    """How a picture of that pixel format goes out: as `wanted`, if that holds the same values.

    Raises UsageError for one that GStreamer gets in no way.
    """
    if wanted.pixels.name == pixels.name:
        return wanted
    for format in _FORMATS:
        if format.pixels.name == pixels.name:
            return format
    raise UsageError(f"the filters give {pixels.name}, which the element does not pass on; add ,format=yuv420p")


def planes_of(memory: Any, format: RawFormat, width: int, height: int, layout: Sequence[PlaneLayout]) -> Planes:
    """The picture in memory, copied. layout: of each of its `format.planes`."""
    code = _code(format)
    shapes = format.pixels.plane_shapes(width, height)
    if format.order in ("uv", "vu"):
        (_, (rows, columns), _) = shapes
        pairs = _view(memory, layout[1], (rows, columns * 2), code)
        views = [_view(memory, layout[0], shapes[0], code), pairs[:, 0::2], pairs[:, 1::2]]
    else:
        views = [_view(memory, at, shape, code) for at, shape in zip(layout, shapes, strict=True)]
    if format.order in ("v first", "vu"):
        views[1], views[2] = views[2], views[1]
    copied = [view >> format.shift if format.shift else view.copy() for view in views]
    return Planes(format.pixels, width, height, tuple(copied))


def write_planes(planes: Planes, memory: Any, format: RawFormat, layout: Sequence[PlaneLayout]) -> None:
    """Put a picture of that format's values into memory."""
    code = _code(format)
    values = list(planes.data)
    if format.shift:
        values = [value << format.shift for value in values]
    if format.order in ("v first", "vu"):
        values[1], values[2] = values[2], values[1]
    if format.order in ("uv", "vu"):
        rows, columns = values[1].shape
        _view(memory, layout[0], values[0].shape, code)[:] = values[0]
        pairs = _view(memory, layout[1], (rows, columns * 2), code)
        pairs[:, 0::2], pairs[:, 1::2] = values[1:]
        return
    for value, at in zip(values, layout, strict=True):
        _view(memory, at, value.shape, code)[:] = value


def _code(format: RawFormat) -> np.dtype[Any]:
    return np.dtype(np.uint8 if format.pixels.depth == 8 else "<u2")


def _view(memory: Any, at: PlaneLayout, shape: tuple[int, ...], code: np.dtype[Any]) -> NDArray[Any]:
    return np.ndarray(shape, code, memory, at.offset, (at.stride, code.itemsize))
