"""How late pictures are: what upstream says of itself, and when a picture came into the pipeline."""

from __future__ import annotations

import time
from typing import Any

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402 - the version comes first


def said_by_upstream(sink: Any) -> tuple[bool, int]:
    """Whether the source is live, and how late its pictures are when they come, in ns."""
    query = Gst.Query.new_latency()
    if not sink.peer_query(query):
        return False, 0
    live, least_ns, _ = query.parse_latency()
    return bool(live), least_ns


def waited_s(element: Any, segment: Any, at_ns: int, upstream_ns: int) -> float | None:
    """How long ago a live picture came into the pipeline, as far as its clock can tell; None if it cannot.

    at_ns: the picture's time in `segment`. upstream_ns: how late it is at the least when it comes here.
    """
    clock = element.get_clock()
    if clock is None:
        return None
    running_ns = segment.to_running_time(Gst.Format.TIME, at_ns)
    if running_ns == Gst.CLOCK_TIME_NONE:
        return None
    waited: float = (clock.get_time() - element.get_base_time() - running_ns - upstream_ns) / Gst.SECOND
    return waited


def arrived_s(waited_s: float | None, least_s: float = 0.0) -> float:
    """When it came, by `time.monotonic()`. least_s: what is known from elsewhere."""
    now_s = time.monotonic()
    return now_s if waited_s is None else now_s - max(waited_s, least_s, 0.0)
