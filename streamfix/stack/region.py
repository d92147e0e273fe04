"""Which part of the picture is stacked, and where each point of the finer grid lies in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import BadOption
from ..frame import PixelFormat

Floats: TypeAlias = NDArray[np.float32]
#: 3x3, from homogeneous (x, y, 1); the centre of a plane's first pixel is (0, 0).
Matrix: TypeAlias = NDArray[np.float64]

LEAST_SIDE = 12  # pixels: with fewer there is too little in the region to register it by
MOST_SCALE = 8
_MOST_PIXELS = 64_000_000  # of the result: 16 frames of it take about 1.5 GB
MARGIN = 4  # recorded pixels around the region that are computed too, and cut off; even, for 4:2:0


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the reference frame, and how much finer its grid becomes.

    roi: (x, y, width, height) in pixels of the reference frame; of `corners` their bounding box.
    corners: of something flat that is seen from the side, such as a plate, from its top left clockwise; the result
    shows it from the front. None for the region as it is.
    size: (width, height) of the result, in pixels.
    scale: pixels of the result for each recorded one, on a side.
    """

    roi: tuple[int, int, int, int]
    corners: tuple[tuple[float, float], ...] | None
    size: tuple[int, int]
    scale: int

    @property
    def grid(self) -> tuple[int, int]:
        """(width, height) of the finer grid with its margin."""
        return self.size[0] + 2 * MARGIN * self.scale, self.size[1] + 2 * MARGIN * self.scale

    def to_reference(self) -> Matrix:
        """From a pixel of the finer grid, margin included, to luma of the reference frame."""
        s = self.scale
        # The centre of fine pixel f is (f + 1/2) / s - 1/2 recorded pixels from the centre of the first one.
        fine = np.array([[1 / s, 0, 0.5 / s - 0.5 - MARGIN], [0, 1 / s, 0.5 / s - 0.5 - MARGIN], [0, 0, 1.0]])
        if self.corners is None:
            return np.asarray(_shift(self.roi[0], self.roi[1]) @ fine, np.float64)
        w, h = self.size[0] / s, self.size[1] / s
        front = np.array([[-0.5, -0.5], [w - 0.5, -0.5], [w - 0.5, h - 0.5], [-0.5, h - 0.5]], np.float32)
        seen = cv2.getPerspectiveTransform(front, np.array(self.corners, np.float32))
        return np.asarray(seen @ fine, np.float64)


def region(frame: tuple[int, int], roi: Sequence[int] | None, corners: Sequence[float] | None, scale: int) -> Region:
    """The region of frames of (width, height). Raises BadOption, with what it may be."""
    if scale != int(scale) or not 1 <= scale <= MOST_SCALE:
        raise BadOption(f"scale={scale}: it takes a whole number from 1 to {MOST_SCALE}")
    scale, (width, height) = int(scale), frame
    if corners is not None:
        if roi is not None:
            raise BadOption("roi and corners: give one of them; the corners say where the region is")
        points = _points(corners, frame)
        sides = [float(np.hypot(*(np.subtract(points[i], points[(i + 1) % 4])))) for i in range(4)]
        inner = round((sides[0] + sides[2]) / 2), round((sides[1] + sides[3]) / 2)
        low, high = np.floor(np.min(points, 0)).astype(int), np.ceil(np.max(points, 0)).astype(int)
        low, high = np.maximum(low, 0), np.minimum(high, np.subtract(frame, 1))
        box = int(low[0]), int(low[1]), int(high[0] - low[0] + 1), int(high[1] - low[1] + 1)
    else:
        points = None
        box = (0, 0, width, height) if roi is None else _box(roi, frame)
        inner = box[2], box[3]
    if min(inner) < LEAST_SIDE or min(box[2:]) < LEAST_SIDE:
        raise BadOption(
            f"the region is {inner[0]}x{inner[1]} pixels; {LEAST_SIDE}x{LEAST_SIDE} are the least to register it by"
        )
    size = inner[0] * scale, inner[1] * scale
    if size[0] * size[1] > _MOST_PIXELS:
        raise BadOption(
            f"the result would be {size[0]}x{size[1]}; {_MOST_PIXELS // 1_000_000} million pixels are the most: "
            "take a smaller region or scale"
        )
    return Region(box, points, size, scale)


def _box(roi: Sequence[int], frame: tuple[int, int]) -> tuple[int, int, int, int]:
    shown = ",".join(map(str, roi))
    if len(roi) != 4 or any(value != int(value) for value in roi):
        raise BadOption(f"roi={shown}: it takes x,y,width,height in whole pixels")
    x, y, w, h = (int(value) for value in roi)
    if x < 0 or y < 0 or w < 1 or h < 1 or x + w > frame[0] or y + h > frame[1]:
        raise BadOption(f"roi={shown}: it does not lie in the picture of {frame[0]}x{frame[1]}")
    return x, y, w, h


def _points(corners: Sequence[float], frame: tuple[int, int]) -> tuple[tuple[float, float], ...]:
    shown = ",".join(f"{value:g}" for value in corners)
    if len(corners) != 8:
        raise BadOption(f"corners={shown}: it takes x1,y1,...,x4,y4, from the top left clockwise")
    points = tuple((float(corners[i]), float(corners[i + 1])) for i in range(0, 8, 2))
    if any(not (-0.5 <= x <= frame[0] - 0.5 and -0.5 <= y <= frame[1] - 0.5) for x, y in points):
        raise BadOption(f"corners={shown}: they do not all lie in the picture of {frame[0]}x{frame[1]}")
    turns = [_turn(points[i], points[(i + 1) % 4], points[(i + 2) % 4]) for i in range(4)]
    if min(turns) <= 0:
        raise BadOption(f"corners={shown}: name the top left, top right, bottom right and bottom left, in this order")
    return points


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Above 0 where the way a, b, c turns clockwise, y down."""
    return (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])


def _shift(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def luma_to_plane(format: PixelFormat, plane: int) -> Matrix:
    """From luma to a plane's own pixels: chroma is level with the left luma sample, half-way between two lines.

    Source: ITU-T H.273, chroma sample location type 0.
    """
    if plane == 0 or format.kind != "yuv":
        return np.eye(3)
    w, h = 1 << format.log2_w, 1 << format.log2_h
    return np.array([[1 / w, 0, 0], [0, 1 / h, (1 / h - 1) / 2], [0, 0, 1.0]])
