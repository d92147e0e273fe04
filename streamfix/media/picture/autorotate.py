"""Turns pictures as their display matrix says (ffmpeg's -autorotate)."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import av
import av.filter

from .. import pyav
from .places import Places, only_move, places
from .side_data import side_data_of_type

Matrix = tuple[int, ...]
"""The nine numbers of a display matrix in libav's order: 16.16 fixed point, the last column 2.30."""


def display_matrix(frame: av.VideoFrame) -> Matrix | None:
    """The frame's display matrix, None if there is none or it changes nothing."""
    data = side_data_of_type(frame, "DISPLAYMATRIX")
    if data is None:
        return None
    matrix = struct.unpack("=9i", data[:36])
    return None if _is_identity(matrix) else matrix


def _is_identity(m: Sequence[int]) -> bool:
    return m[0] > 0 and m[4] > 0 and m[1] == m[3] == 0


def rotation_filters(matrix: Matrix) -> list[tuple[str, str]]:
    """The libavfilter filters, as (name, arguments), that turn a picture as `matrix` says; the same as ffmpeg's."""
    a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
    # av_display_rotation_get: counter-clockwise degrees; ffmpeg turns by its negative.
    scale = (math.hypot(a, c) or 1.0, math.hypot(b, d) or 1.0)
    theta = math.degrees(math.atan2(b / scale[1], a / scale[0])) % 360
    if abs(theta - 90) < 1:
        return [("transpose", "cclock_flip" if c > 0 else "clock")]
    if abs(theta - 180) < 1:
        return [*([("hflip", "")] if a < 0 else []), *([("vflip", "")] if d < 0 else [])]
    if abs(theta - 270) < 1:
        return [("transpose", "clock_flip" if c < 0 else "cclock")]
    if theta > 1 and abs(theta - 360) > 1:
        return [("rotate", f"{math.radians(theta):.6f}")]
    return [("vflip", "")] if d < 0 else []


def places_turned(frame: av.VideoFrame, matrix: Matrix) -> Places | None:
    """Where the macroblocks of frames like this one are once they are turned; None if they are no longer squares."""
    if not only_move(rotation_filters(matrix)):
        return None
    return places(lambda one: AutorotateGraph(one, matrix).turn(one), frame.width, frame.height, frame.format.name)


class AutorotateGraph:
    """A filter graph that turns frames of one size and pixel format."""

    def __init__(self, frame: av.VideoFrame, matrix: Matrix) -> None:
        self._graph = av.filter.Graph()
        time_base = frame.time_base or av.time_base
        source = self._graph.add(
            "buffer",
            f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base={time_base}"
            f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
        )
        turn = [
            self._graph.add(name, args) if args else self._graph.add(name) for name, args in rotation_filters(matrix)
        ]
        # The matrix is removed, so that nothing downstream turns the frame again.
        clean = self._graph.add("sidedata", "mode=delete:type=DISPLAYMATRIX")
        self._graph.link_nodes(source, *turn, clean, self._graph.add("buffersink")).configure()

    def turn(self, frame: av.VideoFrame) -> av.VideoFrame:
        """The turned frame, with its time and tags."""
        self._graph.push(frame)
        out = self._graph.pull()
        assert isinstance(out, av.VideoFrame)
        out.pts = frame.pts
        pyav.set_duration(out, pyav.duration_of(frame))
        return out
