"""What the element takes and gives on: formats, sizes, colour. Without numpy: GStreamer's scanner reads this."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstVideo  # noqa: E402 - the versions come first

if TYPE_CHECKING:
    from ..frame import Color

if not Gst.is_initialized():
    Gst.init(None)

# As in `buffers`, which is too heavy to import here; a test compares them.
FORMATS = (
    *("I420", "NV12", "YV12", "NV21", "Y42B", "Y444", "I420_10LE", "P010_10LE", "I422_10LE", "Y444_10LE"),
    *("I420_12LE", "I422_12LE", "Y444_12LE", "GRAY8", "GRAY16_LE"),
)
CAPS = Gst.Caps.from_string(
    f"video/x-raw,format={{{','.join(FORMATS)}}},width=[1,32767],height=[1,32767],framerate=[0/1,2147483647/1]"
)


def answer_caps(query: Any, other: Any, only_ours: bool, scale: int | Fraction) -> bool:
    """Answer a CAPS query: what one pad takes is what goes on at the other one, as far as the filters leave it alone.

    only_ours: no libavfilter's filter is among them. scale: of all of them together.
    """
    limits = query.parse_caps()
    caps = CAPS
    if other.is_linked():
        caps = other.peer_query_caps(CAPS)
        if not only_ours:
            caps = CAPS if not caps.is_empty() else caps
        elif scale != 1:
            caps = _without_size(caps).intersect(CAPS)
    query.set_caps_result(caps if limits is None else limits.intersect_full(caps, Gst.CapsIntersectMode.FIRST))
    return True


def color_of(info: Any) -> Color:
    """The colour tags of a GstVideo.VideoInfo."""
    from ..frame import Color

    tags = info.colorimetry
    return Color(
        GstVideo.video_color_primaries_to_iso(tags.primaries) or 2,
        GstVideo.video_transfer_function_to_iso(tags.transfer) or 2,
        _matrix(tags.matrix),
        {1: True, 2: False}.get(int(tags.range)),  # 0..255, 16..235: Python cannot spell these names
    )


def _matrix(matrix: Any) -> int:
    """The code point; GStreamer's RGB and UNKNOWN both give 0 there, and such video has no R'G'B'."""
    return int(GstVideo.video_color_matrix_to_iso(matrix)) or 2


def _without_size(caps: Any) -> Any:
    caps = caps.copy()
    for index in range(caps.get_size()):
        caps.get_structure(index).remove_fields(["width", "height"])
    return caps
