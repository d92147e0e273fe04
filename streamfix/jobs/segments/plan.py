"""Where a video is cut into segments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from ...media.input.keyframes import Pictures

TAIL = 4  # pictures in front of a segment by which it is seen that reading has begun where it was to
_SHORT = Fraction(1, 4)  # a last segment that is shorter than this part of the others belongs to the one before


@dataclass(frozen=True, slots=True)
class Lead:
    """Pictures in front of a segment. from_s: the time of the first. seek_s: when the keyframe it needs is coded."""

    from_s: Fraction
    seek_s: Fraction


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the video that is restored and encoded by itself.

    begin_s: the time of its first picture; None for the first segment, which has all that comes before the second.
    end_s: of the next one's; None for the last, which has all that comes.
    pictures: as many as the input's index says. tail, warm_up: in front of it; None for the first segment.
    """

    index: int
    begin_s: Fraction | None
    end_s: Fraction | None
    pictures: int
    tail: Lead | None = None
    warm_up: Lead | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """segments: in order, at least one. refusal: why there is one only, as half a sentence; None if it could be cut."""

    segments: tuple[Segment, ...]
    refusal: str | None = None

    @property
    def pictures(self) -> int:
        """Of all segments."""
        return sum(segment.pictures for segment in self.segments)

    def as_values(self) -> dict[str, Any]:
        """As plain values, from which `plan_from` makes it again."""
        return {"segments": [_values(segment) for segment in self.segments], "refusal": self.refusal}


def plan_of(pictures: Pictures, every_s: Fraction, *, warm_up: int = 32) -> Plan:
    """Cut a video at the first keyframe after every so many seconds.

    warm_up: pictures in front of each segment that filters are shown if they begin anew there.
    A video that cannot be cut is one segment.
    """
    count = len(pictures.pts)
    if pictures.refusal is not None:
        return Plan((Segment(0, None, None, count),), pictures.refusal)
    base = pictures.time_base
    cuts = [pictures.pts[0]]
    end_s = pictures.pts[-1] * base
    for key in pictures.keyframes:
        enough = (key.pts - cuts[-1]) * base >= every_s and end_s - key.pts * base >= every_s * _SHORT
        if key.starts and key.pts > cuts[-1] and enough:
            cuts.append(key.pts)
    if len(cuts) == 1:
        long = (end_s - cuts[0] * base) > 2 * every_s
        return Plan((Segment(0, None, None, count),), "it has no keyframes to be cut at" if long else None)
    places = [pictures.pts.index(cut) for cut in cuts]
    segments = []
    for i, (begin, end) in enumerate(pairwise([*places, count])):
        cut = cuts[i]
        tail, warm = (_lead(pictures, cut, n) if i else None for n in (TAIL, warm_up))
        until_s = None if i + 1 == len(cuts) else cuts[i + 1] * base
        segments.append(Segment(i, cut * base if i else None, until_s, end - begin, tail, warm))
    return Plan(tuple(segments))


def plan_from(values: Mapping[str, Any]) -> Plan:
    """The plan that gave these values."""
    return Plan(tuple(_segment(segment) for segment in values["segments"]), values["refusal"])


def _lead(pictures: Pictures, cut: int, count: int) -> Lead:
    first = pictures.before(cut, count)
    return Lead(first * pictures.time_base, pictures.keyframe_for(first).dts * pictures.time_base)


def _values(segment: Segment) -> dict[str, Any]:
    leads = {
        name: None if lead is None else [str(lead.from_s), str(lead.seek_s)]
        for name, lead in (("tail", segment.tail), ("warm_up", segment.warm_up))
    }
    times = {name: None if at is None else str(at) for name, at in (("begin", segment.begin_s), ("end", segment.end_s))}
    return {"index": segment.index, "pictures": segment.pictures, **times, **leads}


def _segment(values: Mapping[str, Any]) -> Segment:
    begin_s, end_s = (None if values[k] is None else Fraction(values[k]) for k in ("begin", "end"))
    tail, warm = (None if values[k] is None else Lead(*map(Fraction, values[k])) for k in ("tail", "warm_up"))
    return Segment(values["index"], begin_s, end_s, values["pictures"], tail, warm)
