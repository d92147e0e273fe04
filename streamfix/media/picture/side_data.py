"""Side data of frames: display matrix, HDR metadata, captions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import av.filter
from av.sidedata.sidedata import SideData, SideDataContainer, Type

# libavutil's types (frame.h) that PyAV does not know. It raises ValueError for a frame that has one, such as a JPEG
# with Exif or spatial video, and so denies us the others as well.
_NAMES = {28: "LCEVC", 29: "VIEW_ID", 30: "3D_REFERENCE_DISPLAYS", 31: "EXIF"}


def _type_without_name(cls: type[Type], value: object) -> Type | None:
    if not isinstance(value, int):
        return None
    member: Any = object.__new__(cls)
    member._name_, member._value_ = _NAMES.get(value, f"TYPE_{value}"), value
    made: Type = member
    return made


Type._missing_ = classmethod(_type_without_name)  # type: ignore[assignment]


def side_data(frame: av.VideoFrame) -> list[SideData]:
    """The frame's side data; each item keeps the frame alive.

    PyAV's `frame.side_data` is not used: it stays in the frame and refers back to it, so that frame and picture are
    freed only by the garbage collector. A live stream grew by hundreds of pictures between two collections.
    """
    container = SideDataContainer(frame)  # type: ignore[call-arg]  # PyAV's stub knows no arguments
    return [container[index] for index in range(len(container))]


def side_data_of_type(frame: av.VideoFrame, name: str) -> bytes | None:
    """The bytes of the frame's side data of a type, such as "DISPLAYMATRIX"; None if it has none."""
    return next((bytes(data) for data in side_data(frame) if data.type.name == name), None)


def with_side_data(origin: av.VideoFrame, width: int, height: int, pix_fmt: str) -> av.VideoFrame:
    """A new frame to be filled, with the properties and side data of `origin`.

    PyAV cannot attach side data to a frame, so libavfilter copies it.
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
