"""A small picture of what a camera sees, taken from a frame as it was recorded."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frame import Frame

WIDTH, HEIGHT = 320, 180
Luma = NDArray[np.uint8]
Mask = NDArray[np.bool_]
#: x0, y0, x1, y1, from 0 to 1 of the picture.
Box = tuple[float, float, float, float]

_EVERY_LINES = 4  # every how many lines count for the digest; whatever moves, noise changes everywhere
_GREY_CODES = 2  # of 8 bits that the chroma of an infrared picture may be off: encoders do that
_GREY_SHARE = 0.98
_CHROMA_STEP = 8
_MARGIN = 3  # pixels around what is hidden: its border is an edge of its own


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What is judged of a frame. luma: (180, 320) uint8, code values / 2^(depth - 8).

    grey: it has no colour, as at night under infrared light. digest: of the codes as decoded; equal for equal pictures.
    clock: the luma inside the box of the camera's clock, at its own size; None if no box is given.
    """

    luma: Luma
    grey: bool
    digest: int
    clock: Luma | None = None


def sight_of(frame: Frame, clock: Box | None = None) -> Sight:
    """Take the small picture of a frame. clock: where the camera writes its clock."""
    planes = frame.picture.planes(frame.color)
    full: NDArray[Any] = planes.data[0]
    shift = planes.format.depth - 8
    small = cv2.resize(full, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    luma = np.ascontiguousarray(np.asarray(small) // (1 << shift)).astype(np.uint8, copy=False)
    digest = zlib.crc32(np.ascontiguousarray(full[::_EVERY_LINES]).data)
    crop = None
    if clock is not None:
        rows, columns = _pixels(clock, planes.width, planes.height)
        crop = (full[rows, columns] >> shift).astype(np.uint8)
    return Sight(luma, _is_grey(planes.format.kind, planes.data, shift), digest, crop)


def _is_grey(kind: str, data: Sequence[NDArray[Any]], shift: int) -> bool:
    step = slice(None, None, _CHROMA_STEP)
    parts = [plane[step, step].astype(np.int32) >> shift for plane in data]
    if kind == "rgb":
        green, others = parts[0], parts[1:]
        return all(_near(other - green) for other in others)
    return all(_near(part - 128) for part in parts[1:])


def _near(difference: NDArray[np.int32]) -> bool:
    return float(np.mean(np.abs(difference) <= _GREY_CODES)) >= _GREY_SHARE


def _pixels(box: Box, width: int, height: int) -> tuple[slice, slice]:
    x0, y0, x1, y1 = box
    rows = slice(int(y0 * height), max(int(np.ceil(y1 * height)), int(y0 * height) + 1))
    return rows, slice(int(x0 * width), max(int(np.ceil(x1 * width)), int(x0 * width) + 1))


def hidden_pixels(polygons: Iterable[Sequence[tuple[float, float]]], boxes: Iterable[Box] = ()) -> Mask:
    """The pixels of a small picture that are not judged, (180, 320): under masks, and under what the camera writes.

    polygons, boxes: corners from 0 to 1 of the picture.
    """
    found = np.zeros((HEIGHT, WIDTH), np.uint8)
    corners = [*polygons, *([(x0, y0), (x1, y0), (x1, y1), (x0, y1)] for x0, y0, x1, y1 in boxes)]
    for points in corners:
        scaled = np.array([(x * WIDTH, y * HEIGHT) for x, y in points]).round().astype(np.int32)
        one = np.zeros_like(found)
        cv2.fillPoly(one, [scaled], 1)
        cv2.polylines(one, [scaled], isClosed=True, color=1)
        found |= one
    side = 2 * _MARGIN + 1
    return cv2.dilate(found, np.ones((side, side), np.uint8)).astype(bool)
