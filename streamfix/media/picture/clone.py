"""Clones frames and packets for several writers: each gets its own object, and the data is shared."""

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
    """Clones frames. For one thread.

    A writer sets time and type of its own clone, and only reads the data.
    """

    def __init__(self) -> None:
        self._shape: tuple[int, int, str] | None = None
        self._graph: Graph | None = None

    def of(self, frame: Frame, count: int) -> list[Frame]:
        """`count` clones of a frame. A picture that a filter made is converted to libav's form once for all of them."""
        whole = to_av(frame)
        copies = [self._copy(whole) for _ in range(count)]
        # If no filter has made a new picture, it is the decoder's own.
        own = frame.origin is whole
        return [replace(frame, picture=DecodedPicture(c), origin=c if own else frame.origin) for c in copies]

    def _copy(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Pass the frame through libavfilter, which makes a second reference to its data; PyAV cannot."""
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
    """A packet with the same data, times, flags and stream. apart: copy the data instead of sharing it."""
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
