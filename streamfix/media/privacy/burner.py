"""Burns masks into one stream's pictures: into a copy of each, since the decoder still looks at its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from ...errors import FilterError
from ...frame import Color, Frame, PixelFormat, Planes
from .. import pyav
from ..picture.autorotate import Matrix, display_matrix
from ..picture.planes import DecodedPicture, color_of, planar_format
from .audit import Audit
from .coat import Coat
from .coverage import covered
from .upright import stored_points
from .zones import Privacy

_COATS = 8  # sets of masks that are kept: of sizes and formats that come again
# libavutil's side data that has a picture of its own: LCEVC's residuals, Exif's thumbnail (frame.h).
_SHOWING = (28, 31)
_Key = tuple[int, int, str, Color, Matrix | None]


class Burner:
    """Covers the zones in one stream's pictures. For one thread.

    A picture of another form than planes (NV12, packed R'G'B' ...) becomes one of planes with the same values.

    `_coats_for` is the one place that says what is covered. A second source of masks, such as objects that were found,
    adds its coats there, frame by frame.
    """

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy
        self._coats: dict[_Key, tuple[list[Coat], float]] = {}
        self._copier = _Copier()
        self._audit = None if privacy.audit is None else Audit(privacy.audit)

    def burn(self, frame: av.VideoFrame, *, upright: bool = False, record: bool = True) -> av.VideoFrame:
        """A copy of a decoded frame, with its time, tags and side data, and with what is to be hidden covered.

        Zones lie as the frame's display matrix says the picture is to be shown; upright: that does not count any more.
        record: note it in the audit.
        Raises FilterError for a pixel format that cannot be covered, OutputError for an audit that cannot be written.
        """
        copy = self._copier.copy(frame)
        coats, area = self._coats_for(copy, color_of(frame), None if upright else display_matrix(frame))
        planes = _writable(copy)
        for coat in coats:
            coat.paint(planes)
        if record and self._audit is not None:
            self._audit.write(copy.pts, copy.time_base, area, coats)
        return copy

    def burn_frame(self, frame: Frame) -> Frame:
        """The same for a Frame, whoever made it; also what it was made from is covered."""
        if isinstance(frame.picture, DecodedPicture):
            made = self.burn(frame.picture.av_frame)
            return replace(frame, picture=DecodedPicture(made), origin=made)
        given = frame.picture.planes(frame.color)
        data = tuple(plane.copy() for plane in given.data)
        coats, area = self._made(given.width, given.height, given.format, frame.color, None)
        for coat in coats:
            coat.paint(data)
        if self._audit is not None:
            self._audit.write(frame.pts, frame.time_base, area, coats)
        origin = self.burn(frame.origin, record=False) if isinstance(frame.origin, av.VideoFrame) else None
        return replace(frame, picture=Planes(given.format, given.width, given.height, data), origin=origin)

    def close(self) -> None:
        """Close the audit."""
        if self._audit is not None:
            self._audit.close()

    def _coats_for(self, frame: av.VideoFrame, color: Color, matrix: Matrix | None) -> tuple[Sequence[Coat], float]:
        """What is painted over a frame, in order, and the share of the picture that it covers in all."""
        return self._made(frame.width, frame.height, planar_format(frame.format.name), color, matrix)

    def _made(
        self, width: int, height: int, format: PixelFormat, color: Color, matrix: Matrix | None
    ) -> tuple[Sequence[Coat], float]:
        key = (width, height, format.name, color, matrix)
        if key not in self._coats:
            while len(self._coats) >= _COATS:
                del self._coats[next(iter(self._coats))]
            coats, whole = [], np.zeros((height, width), bool)
            for zone in self._privacy.zones:
                mask = covered(stored_points(zone.points, width, height, matrix), width, height)
                coats.append(Coat(zone, mask, format, color))
                whole |= mask
            self._coats[key] = coats, float(whole.mean())
        return self._coats[key]


class _Copier:
    """Copies frames into memory of their own, planar, with all that they carry."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._shape: tuple[Any, ...] | None = None

    def copy(self, frame: av.VideoFrame) -> av.VideoFrame:
        if frame.format.is_bayer:
            raise FilterError(
                f"privacy cannot cover {frame.format.name}: its colours are mixed from neighbours later; convert the "
                "video first, with ffmpeg"
            )
        shape = (frame.width, frame.height, frame.format.name, int(frame.colorspace), int(frame.color_range))
        if self._graph is None or shape != self._shape:
            self._graph, self._shape = _graph(frame), shape
        self._graph.push(frame)
        copy = self._graph.pull()
        assert isinstance(copy, av.VideoFrame)
        copy.make_writable()
        assert copy.planes[0].buffer_ptr != frame.planes[0].buffer_ptr  # the decoder still looks at its own
        copy.pts, copy.time_base = frame.pts, frame.time_base or Fraction(1, 1_000_000)
        pyav.set_duration(copy, pyav.duration_of(frame))
        copy.colorspace, copy.color_range = frame.colorspace, frame.color_range
        return copy


def _graph(frame: av.VideoFrame) -> Graph:
    graph = Graph()
    name = frame.format.name
    nodes = [
        graph.add(
            "buffer",
            f"video_size={frame.width}x{frame.height}:pix_fmt={name}:time_base=1/1000000"
            f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
        )
    ]
    planar = planar_format(name).name
    if name.replace("yuvj", "yuv") != planar:  # alpha goes too: its outlines would show what is covered
        nodes.append(graph.add("format", planar))
    nodes += [graph.add("sidedata", f"mode=delete:type={kind}") for kind in _SHOWING]
    graph.link_nodes(*nodes, graph.add("buffersink")).configure()
    return graph


def _writable(frame: av.VideoFrame) -> list[NDArray[Any]]:
    """The colour planes of a frame that is nobody else's, to be written to."""
    format = planar_format(frame.format.name)
    item = 1 if format.depth == 8 else 2
    found: list[NDArray[Any]] = []
    for plane, (height, width) in zip(frame.planes, format.plane_shapes(frame.width, frame.height), strict=False):
        assert plane.line_size > 0  # as av_frame_get_buffer gives it
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)[:, : width * item]
        found.append(rows if item == 1 else rows.view("<u2"))
    return found
