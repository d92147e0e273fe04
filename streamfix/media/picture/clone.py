"""The same picture or packet for several writers: each gets an object of its own to set times on, over shared data."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import av.filter
from av.filter import Graph

from ...frame import Frame
from .planes import DecodedPicture, to_av


class FrameCloner:
    """Makes frames that show the same. For one thread.

    Writers set a frame's time in their encoder's units and its type; the data is only read.
    """

    def __init__(self) -> None:
        self._shape: tuple[int, int, str] | None = None
        self._graph: Graph | None = None

    def of(self, frame: Frame, count: int) -> list[Frame]:
        """`count` frames like this one; a picture that a filter made is brought into libav's form once for all."""
        whole = to_av(frame)
        copies = [self._copy(whole) for _ in range(count)]
        # Where no filter has made the picture, it is still the decoder's own.
        own = frame.origin is whole
        return [replace(frame, picture=DecodedPicture(c), origin=c if own else frame.origin) for c in copies]

    def _copy(self, frame: av.VideoFrame) -> av.VideoFrame:
        """PyAV cannot make a second reference; libavfilter does it when a frame passes."""
        shape = (frame.width, frame.height, frame.format.name)
        if self._graph is None or shape != self._shape:
            graph = Graph()
            width, height, pix_fmt = shape
            source = graph.add(
                "buffer",
                f"video_size={width}x{height}:pix_fmt={pix_fmt}:time_base=1/1000000"
                f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}",
            )
            graph.link_nodes(source, graph.add("buffersink")).configure()
            self._graph, self._shape = graph, shape
        self._graph.push(frame)
        copy = self._graph.pull()
        assert isinstance(copy, av.VideoFrame)
        copy.colorspace, copy.color_range = frame.colorspace, frame.color_range
        copy.time_base = frame.time_base or Fraction(1, 1_000_000)
        return copy


def clone_packet(packet: av.Packet[Any], *, apart: bool = False) -> av.Packet[Any]:
    """A packet with the same data, times, marks and stream. apart: the data is copied too, not shared."""
    if apart:
        copy: Any = av.Packet(packet.size)  # with the padding that decoders read into
        copy.update(packet)
    else:
        shared: Any = packet  # any buffer is taken, and kept
        copy = av.Packet(shared) if packet.size else av.Packet()
    copy.stream, copy.time_base = packet.stream, packet.time_base
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.is_keyframe, copy.is_corrupt = packet.is_keyframe, packet.is_corrupt
    for side_data in packet.iter_sidedata():
        copy.set_sidedata(side_data)
    made: av.Packet[Any] = copy
    return made
