"""What is written down of each frame, before the filters and behind them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from ...errors import FilterError
from ...frame import Frame, Planes
from ...pipeline import Stage
from .digests import figure, planes_of, planes_sha256


@dataclass(frozen=True, slots=True, eq=False)
class Testimony:
    """One frame: as it was read, as it goes to the encoder, and what is written down of it.

    row: its part of the record. before: the picture as it was read, at the size of `frame`'s.
    """

    number: int
    row: Mapping[str, Any]
    before: Planes
    frame: Frame
    after: Planes


@dataclass(frozen=True, slots=True)
class _Seen:
    pts: int
    time_base: Fraction
    planes: Planes
    sha256: str
    damaged: bool


class Ledger:
    """Joins what was seen before the filters with what they made of it: one frame for each, in the same order."""

    def __init__(self, tell: Callable[[Testimony], None]) -> None:
        self._tell = tell
        self._open: deque[_Seen] = deque()
        self.count = 0

    def seen(self, frame: Frame) -> None:
        planes = planes_of(frame)
        kept = Planes(planes.format, planes.width, planes.height, tuple(p.copy() for p in planes.data))
        self._open.append(_Seen(frame.pts, frame.time_base, kept, planes_sha256(kept), frame.damaged))

    def made(self, frame: Frame) -> None:
        """Raises FilterError if it is not what became of the oldest frame that is missing."""
        if not self._open or frame.pts * frame.time_base != self._open[0].pts * self._open[0].time_base:
            raise FilterError(
                f"-evidence: the filters gave a picture at {float(frame.pts * frame.time_base):.3f} s that belongs to "
                "no frame of the recording; leave out the filter that repeats, drops or moves frames"
            )
        seen, after = self._open.popleft(), planes_of(frame)
        before = resized(seen.planes, after)
        row = {
            "number": self.count,
            "pts": seen.pts,
            "time_base": str(seen.time_base),
            "damaged": seen.damaged,
            "input_sha256": seen.sha256,
            "output_sha256": planes_sha256(after),
            **changes(before, after),
            "measured": [{"filter": one.filter, **_figures(one.measured)} for one in frame.provenance if one.measured],
        }
        self._tell(Testimony(self.count, row, before, frame, after))
        self.count += 1

    def settle(self) -> None:
        """At the end. Raises FilterError if a frame is missing."""
        if self._open:
            raise FilterError(
                f"-evidence: the filters gave nothing for {len(self._open)} frames, the first at "
                f"{float(self._open[0].pts * self._open[0].time_base):.3f} s; leave out the filter that drops frames"
            )


class Before(Stage):
    """In front of the filters."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def push(self, item: Any) -> Iterable[Any]:
        if isinstance(item, Frame):
            self._ledger.seen(item)
        return (item,)


class Behind(Stage):
    """Behind the filters, in front of the encoders."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def push(self, item: Any) -> Iterator[Any]:
        if isinstance(item, Frame):
            self._ledger.made(item)
        yield item

    def flush(self) -> Iterable[Any]:
        self._ledger.settle()
        return ()

    def reset(self) -> None:
        raise NotImplementedError("evidence is of one run")


def resized(planes: Planes, like: Planes) -> Planes:
    """The planes at the size of others, by OpenCV's bicubic interpolation, rounded; as they are where it is theirs.

    Where the pixel formats differ, nothing can be compared, and `like` is given back.
    """
    if planes.format != like.format:
        return like
    if (planes.width, planes.height) == (like.width, like.height):
        return planes
    data = tuple(
        np.asarray(cv2.resize(mine, theirs.shape[::-1], interpolation=cv2.INTER_CUBIC)).astype(theirs.dtype)
        for mine, theirs in zip(planes.data, like.data, strict=True)
    )
    return Planes(like.format, like.width, like.height, data)


def changes(before: Planes, after: Planes) -> dict[str, Any]:
    """Of each plane, in its own codes: the mean and the largest change; and the share of samples at either end of the
    scale, before and after: what is there may have been cut off.
    """
    moved = [np.asarray(cv2.absdiff(one, other)) for one, other in zip(before.data, after.data, strict=True)]
    return {
        "mean_change": [figure(plane.mean(dtype=np.float64)) for plane in moved],
        "max_change": [int(plane.max()) for plane in moved],
        "clipped_before": [_clipped(plane, before.format.max_code) for plane in before.data],
        "clipped": [_clipped(plane, after.format.max_code) for plane in after.data],
    }


def _clipped(plane: Any, most: int) -> float:
    return figure((np.count_nonzero(plane == 0) + np.count_nonzero(plane == most)) / plane.size)


def _figures(values: Mapping[str, float]) -> dict[str, float]:
    return {name: figure(value) for name, value in values.items()}
