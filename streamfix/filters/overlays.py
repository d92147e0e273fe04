"""Keeps what a camera writes into its pictures: a chain's result gets it back, bit for bit, from what went in.

Filters take strokes of two pixels for noise or for motion; a clock has to stay legible, and evidence as it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FilterError
from ..frame import Frame, Picture, PixelFormat, Planes
from ..pipeline import Stage

#: Left, top, right, bottom, from 0 to 1 of the picture.
Box = tuple[float, float, float, float]

_MOST = 1024  # pictures that are remembered: no chain looks so far ahead
_MARGIN = 4  # samples around a box that bicubic interpolation looks at


@dataclass(frozen=True, slots=True)
class _Seen:
    at_s: Fraction
    picture: Picture


class Remembering(Stage):
    """In front of the filters: remembers each picture until `Keeping` has it. boxes: what there is to keep now."""

    name = "osd"

    def __init__(self, boxes: Callable[[Frame], Sequence[Box]]) -> None:
        self._boxes = boxes
        self.seen: deque[tuple[_Seen, Sequence[Box]]] = deque(maxlen=_MOST)

    def push(self, item: Any) -> Iterable[Any]:
        if isinstance(item, Frame):
            self.seen.append((_Seen(item.pts * item.time_base, item.picture), self._boxes(item)))
        return (item,)

    def reset(self) -> None:
        self.seen.clear()


class Keeping(Stage):
    """Behind the filters: puts the boxes of the picture of the same moment back.

    Where the picture was made larger, they are interpolated (bicubic), and nothing is made up in them. Raises
    FilterError where the filters gave another pixel format or shape.
    """

    name = "osd"

    def __init__(self, before: Remembering) -> None:
        self._before = before

    def push(self, item: Any) -> Iterable[Any]:
        return (self._kept(item) if isinstance(item, Frame) else item,)

    def _kept(self, frame: Frame) -> Frame:
        seen, at_s = self._before.seen, frame.pts * frame.time_base
        while len(seen) > 1 and seen[1][0].at_s <= at_s:
            seen.popleft()
        if not seen or seen[0][0].picture is frame.picture or not seen[0][1]:
            return frame
        original, boxes = seen[0]
        given = frame.picture.planes(frame.color)
        source = original.picture.planes(frame.color)
        check_shapes(source, given)
        data = tuple(plane.copy() for plane in given.data)  # the filters may remember their own
        for box in boxes:
            put_back(box, source, data, given)
        return frame.with_picture(Planes(given.format, given.width, given.height, data))


def check_shapes(before: Planes, after: Planes) -> None:
    """Raise FilterError where boxes of one picture are none of the other's."""
    if before.format.name != after.format.name:
        raise FilterError(
            f"osd: the filters make {after.format.name} of {before.format.name}; convert in front of osd, or behind "
            "the job"
        )
    wide, high = after.width / before.width, after.height / before.height
    if abs(wide - high) > 0.02 * high:
        raise FilterError(
            f"osd: the filters make {after.width}x{after.height} of {before.width}x{before.height}, so nobody knows "
            "where its boxes lie; cut and turn pictures in front of it"
        )


def put_back(box: Box, source: Planes, data: Sequence[NDArray[Any]], given: Planes) -> None:
    """Write a box of one picture into the planes of another one, in place."""
    rows, columns = pixels(box, source)
    for i, plane in enumerate(data):
        chroma = source.format.kind == "yuv" and i > 0
        high, wide = (source.format.log2_h, source.format.log2_w) if chroma else (0, 0)
        part = _shrunk(rows, high, source.data[i].shape[0]), _shrunk(columns, wide, source.data[i].shape[1])
        if plane.shape == source.data[i].shape:
            plane[part] = source.data[i][part]
        else:
            _put_scaled(part, source.data[i], plane)


def pixels(box: Box, picture: Planes) -> tuple[slice, slice]:
    """The rows and columns of a box: whole pixels, and whole samples of chroma, that it touches."""
    left, top, right, bottom = box
    format: PixelFormat = picture.format
    high, wide = (1 << format.log2_h, 1 << format.log2_w) if format.kind == "yuv" else (1, 1)
    return _whole(top, bottom, picture.height, high), _whole(left, right, picture.width, wide)


def _whole(begin: float, end: float, length: int, unit: int) -> slice:
    first = int(np.floor(begin * length / unit)) * unit
    return slice(first, min(length, max(first + unit, int(np.ceil(end * length / unit)) * unit)))


def _shrunk(span: slice, shift: int, length: int) -> slice:
    return slice(span.start >> shift, min(length, -(-span.stop >> shift)))


def _put_scaled(part: tuple[slice, slice], source: NDArray[Any], plane: NDArray[Any]) -> None:
    """Interpolate a part of a plane into a plane of another size, samples' centres where they were."""
    import cv2

    places, maps, crop = [], [], []
    for span, old, new in zip(part, source.shape, plane.shape, strict=True):
        first, past = span.start * new // old, -(-span.stop * new // old)
        begin, end = max(0, span.start - _MARGIN), min(old, span.stop + _MARGIN)
        places.append(slice(first, past))
        crop.append(slice(begin, end))
        maps.append(((np.arange(first, past) + 0.5) * (old / new) - 0.5 - begin).astype(np.float32))
    down, across = np.meshgrid(*maps, indexing="ij")
    given = np.ascontiguousarray(source[crop[0], crop[1]])
    made = cv2.remap(given, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    plane[places[0], places[1]] = made
