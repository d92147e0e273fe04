"""What is in GStreamer's buffers: the picture, and all that goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstVideo  # noqa: E402 - the versions come first

if TYPE_CHECKING:
    from ..frame import Frame, Planes
    from .buffers import PlaneLayout, RawFormat

_ABOUT = Gst.BufferCopyFlags.FLAGS | Gst.BufferCopyFlags.TIMESTAMPS | Gst.BufferCopyFlags.META


def picture_in(buffer: Any, raw: RawFormat, info: Any) -> Planes:
    """A buffer's picture, copied. info: of the caps; a VideoMeta of the buffer itself says more."""
    from .buffers import planes_of

    meta = GstVideo.buffer_get_video_meta(buffer)
    with buffer.map(Gst.MapFlags.READ) as mapped:
        return planes_of(mapped.data, raw, info.width, info.height, _layout(meta or info, raw))


def buffer_of(planes: Planes, raw: RawFormat, info: Any) -> Any:
    """A new buffer with that picture. info: of the caps."""
    from .buffers import write_planes

    buffer = Gst.Buffer.new_allocate(None, info.size, None)
    with buffer.map(Gst.MapFlags.WRITE) as mapped:
        write_planes(planes, mapped.data, raw, _layout(info, raw))
    return buffer


def copy_about(frame: Frame, buffer: Any, same_size: bool) -> None:
    """Times, flags, captions, time codes: all that the frame's buffer had besides the picture."""
    came = frame.origin if isinstance(frame.origin, Gst.Buffer) else None
    if came is not None:
        buffer.copy_into(came, _ABOUT, 0, 0)
    buffer.pts, buffer.duration = frame.pts, frame.duration or Gst.CLOCK_TIME_NONE
    buffer.unset_flags(Gst.BufferFlags.TAG_MEMORY)
    places = [GstVideo.video_meta_api_get_type()]  # how it lay in memory
    if not same_size:
        places.append(GstVideo.video_region_of_interest_meta_api_get_type())
    for place in places:
        while (meta := buffer.get_meta(place)) is not None:
            buffer.remove_meta(meta)


def _layout(about: Any, raw: RawFormat) -> list[PlaneLayout]:
    """about: a VideoMeta or VideoInfo."""
    from .buffers import PlaneLayout

    return [PlaneLayout(about.offset[i], about.stride[i]) for i in range(raw.planes)]


def without_picture(buffer: Any) -> Any:
    """All that a buffer has besides its memory, which may be one of a few that the decoder or the camera waits for."""
    about = Gst.Buffer.new()
    about.copy_into(buffer, _ABOUT, 0, 0)
    return about
