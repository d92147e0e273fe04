"""What a frame carries beside its picture: display matrix, HDR metadata, captions."""

from __future__ import annotations

import av
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
