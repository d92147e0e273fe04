"""What a frame carries beside its picture: display matrix, HDR metadata, captions."""

from __future__ import annotations

from fractions import Fraction

import av
import av.filter
from av.sidedata.sidedata import SideData, SideDataContainer


def side_data(frame: av.VideoFrame) -> list[SideData]:
    """The frame's side data; each holds the frame.

    Not PyAV's `frame.side_data`: that stays with the frame and holds it in turn, so that the frame and its picture's
    memory are freed only when the garbage collector comes by. A live stream grew by hundreds of pictures between.
    """
    container = SideDataContainer(frame)  # type: ignore[call-arg]  # PyAV's stub knows no arguments
    return [container[index] for index in range(len(container))]


def side_data_of_type(frame: av.VideoFrame, name: str) -> bytes | None:
    """The bytes of the frame's side data of that type, such as "DISPLAYMATRIX"; None if it has none."""
    return next((bytes(data) for data in side_data(frame) if data.type.name == name), None)


def with_side_data(origin: av.VideoFrame, width: int, height: int, pix_fmt: str) -> av.VideoFrame:
    """A frame of its own memory, whose values are of no use, with the properties and side data of `origin`.

    PyAV cannot attach side data to a frame; libavfilter copies it.
    """
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=origin.width,
        height=origin.height,
        format=origin.format,
        time_base=origin.time_base or Fraction(1, 1_000_000),
    )
    chain = [source]
    if (origin.width, origin.height, origin.format.name) != (width, height, pix_fmt):
        chain += [graph.add("scale", f"{width}:{height}:flags=neighbor"), graph.add("format", pix_fmt)]
    chain.append(graph.add("buffersink"))
    graph.link_nodes(*chain).configure()
    chain[0].push(origin)
    out = chain[-1].pull()
    assert isinstance(out, av.VideoFrame)
    out.make_writable()
    return out
