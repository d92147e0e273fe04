"""The element's properties: what they take, whether a chain can be used, and what `stats` tells."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GObject, Gst  # noqa: E402 - the version comes first

from ..chainspec import parse_chain  # noqa: E402

if TYPE_CHECKING:
    from ..live.health import Report

_FLAGS = GObject.ParamFlags.READWRITE | Gst.PARAM_MUTABLE_READY
PROPERTIES = {
    "filter": (str, "filter", "Filters as after streamfix's -vf", "denoise", _FLAGS),
    "device": (str, "device", "auto, cpu, cuda or cuda:N", "auto", _FLAGS),
    "live": (int, "live", "1: live, 0: a recording, -1: as upstream says", -1, 1, -1, _FLAGS),
    "max-latency": (
        *(float, "max-latency", "Seconds that a live picture may take; 0: never lighter filters"),
        *(0.0, 60.0, 0.2, _FLAGS),
    ),
    "stats": (Gst.Structure, "stats", "Frames, latency, step, what filters measure", GObject.ParamFlags.READABLE),
}
USUAL: dict[str, Any] = {"filter": "denoise", "device": "auto", "live": -1, "max-latency": 0.2}


def checked(chain: str) -> tuple[bool, int | Fraction]:
    """Whether all filters of a chain are ours, and how many times larger they make the picture.

    Raises UsageError, or ImportError where an environment lacks a package.
    """
    from ..filters import FILTERS
    from ..jobs import check_chain, split_osd, split_privacy

    specs = parse_chain(chain) if chain else []
    check_chain(specs)
    only_ours, scale = True, Fraction(1)
    for spec in split_osd(split_privacy(specs)[1])[1]:
        if spec.name in FILTERS:
            made = FILTERS.create(spec.name, spec.options)
            scale *= made.scale
            made.close()
        elif spec.name != "null":
            only_ours = False
    return only_ours, scale


def stats_of(report: Report | None) -> Any:
    """A stream's report as a structure; an empty one without a stream."""
    found = Gst.Structure.new_empty("streamfix")
    if report is None:
        return found
    counts = report.counts
    for name, number in (
        *(("received", counts.received), ("written", counts.written), ("dropped", counts.dropped_total)),
        *(("damaged", counts.damaged), ("step", report.step)),
    ):
        found.set_value(name, number)
    found.set_value("step-name", report.step_name)
    for name, seconds in report.latency_s.items():
        found.set_value(f"latency-{name}", float(seconds))
    for name, value in report.figures.items():
        found.set_value(name.replace("_", "-"), float(value))
    return found
