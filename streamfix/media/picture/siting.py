"""Where chroma samples lie between luma samples (H.273, chroma sample location)."""

from __future__ import annotations

import re
from fractions import Fraction

import av
import av.filter

from ..libav_errors import libav_answers

#: The locations as libav names them, for its option `chroma_sample_location`.
LOCATIONS = {"left", "center", "topleft", "top", "bottomleft", "bottom"}

_SAID = re.compile(r"\bcl:(\w+)")


def chroma_location(frame: av.VideoFrame) -> str | None:
    """The location that a decoded frame states, None if it states none.

    PyAV does not show it; libavfilter's showinfo says it to the log.
    """
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 1_000_000)
    )
    chain = [source, graph.add("showinfo", "checksum=0"), graph.add("buffersink")]
    graph.link_nodes(*chain).configure()
    with libav_answers() as lines:
        source.push(frame)
        chain[-1].pull()
    found = next((match[1] for _, _, line in lines if (match := _SAID.search(line))), "")
    return found if found in LOCATIONS else None
