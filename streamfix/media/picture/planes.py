"""Decoded pictures as planes of code values, and planes as frames that an encoder takes."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import av
from av.video.format import VideoFormat

from ...frame import UNSPECIFIED, Color, Frame, PixelFormat, Planes
from .. import pyav
from . import convert
from .side_data import side_data, with_side_data

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SUBSAMPLING = {(1, 1): "420", (1, 0): "422", (0, 0): "444", (0, 1): "440", (2, 0): "411", (2, 2): "410"}
_DEPTHS = (8, 9, 10, 12, 14, 16)


class DecodedPicture:
    """A decoder's frame as a `Picture`; its planes are made when they are asked for.

    Planar formats are not copied: the arrays lie in the decoder's memory and
    must not be written to. Others (NV12, packed, big-endian, palette) are converted
    to the planar format that holds the same values, see `planar_format`.
    """

    __slots__ = ("av_frame", "format")

    def __init__(self, av_frame: av.VideoFrame) -> None:
        self.av_frame = av_frame
        self.format = planar_format(av_frame.format.name)

    @property
    def width(self) -> int:
        return self.av_frame.width

    @property
    def height(self) -> int:
        return self.av_frame.height

    def planes(self, color: Color) -> Planes:
        """Code values: an array a plane, (H, W), uint8 or uint16."""
        frame = self.av_frame
        if not _same_planes(frame.format.name):
            frame = convert.reformat(frame, self.format.name, color=color)
        shapes = self.format.plane_shapes(self.width, self.height)
        data = tuple(_plane_array(frame, i, *shape, self.format.depth) for i, shape in enumerate(shapes))
        return Planes(self.format, self.width, self.height, data)


@lru_cache(maxsize=256)
def planar_format(name: str) -> PixelFormat:
    """The planar, little-endian format without alpha that holds a format's values without loss.

    Where there is none (12-bit RGB in float, Bayer patterns), the nearest one of at most 16 bits.
    """
    format = VideoFormat(name, 16, 16)
    colours = [c for c in format.components if not c.is_alpha]
    bits = max(c.bits for c in colours)
    if format.has_palette or format.is_rgb or format.is_bayer or name.startswith("xyz"):
        return _nearest_depth("gbrp", "rgb", bits, (0, 0))
    if len(colours) == 1:
        return _nearest_depth("gray", "gray", bits, (0, 0))
    log2 = ((16 // format.chroma_width(16)).bit_length() - 1, (16 // format.chroma_height(16)).bit_length() - 1)
    return _nearest_depth(f"yuv{_SUBSAMPLING[log2]}p", "yuv", bits, log2)


def _nearest_depth(stem: str, kind: Any, bits: int, log2: tuple[int, int]) -> PixelFormat:
    bits = min(bits, 16)
    for depth in _DEPTHS:
        name = stem if depth == 8 else f"{stem}{depth}le"
        if depth >= bits and _exists(name):
            return PixelFormat(name, kind, depth, *log2)
    raise ValueError(f"no planar pixel format {stem} of {bits} bits")


def _exists(name: str) -> bool:
    try:
        VideoFormat(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=256)
def _same_planes(name: str) -> bool:
    """True if the first planes of `name` are those of its `planar_format`: itself, its yuvj twin, or with alpha."""
    planar = planar_format(name).name
    return name == planar or name.replace("yuvj", "yuv") == planar or _without_alpha(name) == planar


def is_planar(name: str) -> bool:
    """True if the first plane of that format holds luma, or all there is, in the codes of its `planar_format`."""
    return _same_planes(name) and planar_format(name).kind != "rgb"


def _without_alpha(name: str) -> str:
    return name.replace("yuva", "yuv").replace("gbrap", "gbrp")


def _plane_array(frame: av.VideoFrame, index: int, height: int, width: int, depth: int) -> NDArray[Any]:
    import numpy as np

    plane = frame.planes[index]
    item = 1 if depth == 8 else 2
    rows = np.frombuffer(pyav.memory_of(plane), np.uint8).reshape(height, abs(plane.line_size))[:, : width * item]
    if plane.line_size < 0:  # rows are stored from the bottom up, and the buffer begins at the lowest address
        rows = rows[::-1].copy()
    return rows if item == 1 else rows.view("<u2")


def color_of(frame: av.VideoFrame, otherwise: tuple[int, int] = (UNSPECIFIED, UNSPECIFIED)) -> Color:
    """The colour tags of a decoded frame. otherwise: primaries and transfer of a frame of a PyAV that hides them."""
    full = {1: False, 2: True}.get(int(frame.color_range))
    if frame.format.name.startswith("yuvj"):
        full = True
    return Color(*pyav.primaries_and_transfer(frame, otherwise), int(frame.colorspace), full)


def set_color(frame: av.VideoFrame, color: Color) -> None:
    """Set the colour tags of a frame."""
    pyav.set_primaries_and_transfer(frame, color.primaries, color.transfer)
    frame.colorspace = color.matrix
    frame.color_range = {None: 0, False: 1, True: 2}[color.full_range]


def frame_from_av(
    av_frame: av.VideoFrame, time_base: Fraction, otherwise: tuple[int, int] = (UNSPECIFIED, UNSPECIFIED)
) -> Frame:
    """A frame of libav as a Frame. time_base: used if the frame has none of its own. otherwise: see `color_of`.

    The caller sets `cut` and the sample aspect ratio, which PyAV does not show. Raises ValueError without a pts.
    """
    if av_frame.pts is None:
        raise ValueError("a frame needs a pts")
    return Frame(
        DecodedPicture(av_frame),
        av_frame.pts,
        av_frame.time_base or time_base,
        duration=pyav.duration_of(av_frame),
        color=color_of(av_frame, otherwise),
        damaged=av_frame.is_corrupt,
        origin=av_frame,
    )


def to_av(frame: Frame) -> av.VideoFrame:
    """The frame as an object of libav: the decoder's own one unless a filter made a new picture, with our time."""
    if isinstance(frame.picture, DecodedPicture):
        out = frame.picture.av_frame
    else:
        planes = frame.picture.planes(frame.color)
        out = _blank(planes, frame.origin)
        for i, values in enumerate(planes.data):
            _fill(out, i, values)
        set_color(out, frame.color)
    out.pts, out.time_base = frame.pts, frame.time_base
    pyav.set_duration(out, frame.duration)
    return out


def _blank(planes: Planes, origin: Any) -> av.VideoFrame:
    """An empty frame, with the side data (captions, timecodes, HDR) and fields of the one that it replaces, if any."""
    if isinstance(origin, av.VideoFrame) and (side_data(origin) or origin.interlaced_frame):
        return with_side_data(origin, planes.width, planes.height, planes.format.name)
    return av.VideoFrame(planes.width, planes.height, planes.format.name)


def _fill(frame: av.VideoFrame, index: int, values: NDArray[Any]) -> None:
    import numpy as np

    plane = frame.planes[index]
    values = np.ascontiguousarray(values).view(np.uint8).reshape(values.shape[0], -1)
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(values.shape[0], plane.line_size)
    rows[:, : values.shape[1]] = values
