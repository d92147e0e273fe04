"""The place between two segments of a video, on its way through the stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any


@dataclass(slots=True, eq=False)
class Boundary:
    """Stands in a stream of frames before the first frame of a segment, and keeps that place in every stage.

    A stage that remembers frames adds to `states` what it knows when it has dealt with all frames before the boundary
    and with none behind it; so that a stage which is given this back goes on as if it had seen them.

    index: of the segment that begins here, from 0. at_s: the time of its first frame, seconds.
    states: of the stages in their order: mappings of arrays and plain values, see `Filter.save_state`.
    report: what the stages have measured so far, by name.
    tail: marks of the last frames before it, by which another run knows that it has found the place.
    """

    index: int
    at_s: Fraction
    states: list[Mapping[str, Any]] = field(default_factory=list)
    report: dict[str, float] = field(default_factory=dict)
    tail: list[str] = field(default_factory=list)
