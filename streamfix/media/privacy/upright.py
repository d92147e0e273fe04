"""Where points of the upright picture lie in a picture as it is stored."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..picture.autorotate import Matrix, rotation_filters

Point = tuple[float, float]


def stored_points(points: Sequence[Point], width: int, height: int, matrix: Matrix | None) -> list[Point]:
    """Points in pixels of a stored picture of that size. points: shares of the upright picture, 0 to 1.

    matrix: as the picture has it; None if it is stored upright.
    """
    turns = [] if matrix is None else rotation_filters(matrix)
    for name, argument in reversed(turns):
        points = [_before(name, argument, point, width, height) for point in points]
    return [(x * width, y * height) for x, y in points]


def _before(name: str, argument: str, point: Point, width: int, height: int) -> Point:
    """Where a point was before one of libavfilter's filters had turned the picture."""
    x, y = point
    if name == "hflip":
        return 1 - x, y
    if name == "vflip":
        return x, 1 - y
    if name == "transpose":
        return {
            "clock": (y, 1 - x),
            "cclock": (1 - y, x),
            "cclock_flip": (y, x),
            "clock_flip": (1 - y, 1 - x),
        }[argument]
    assert name == "rotate"  # clockwise about the centre, in a picture of the same size
    angle = float(argument)
    across, down = (x - 0.5) * width, (y - 0.5) * height
    before_x = across * math.cos(angle) + down * math.sin(angle)
    before_y = -across * math.sin(angle) + down * math.cos(angle)
    return before_x / width + 0.5, before_y / height + 0.5
