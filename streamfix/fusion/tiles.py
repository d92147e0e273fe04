"""Parts of a picture that fit a core's cache: worked on one after the other, by as many cores as are free.

How a picture is divided follows from its size alone, so results do not depend on how many threads there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from .. import cores

Slices = tuple[slice, slice]

_WIDE = 320  # half-size pixels: widest tile
_MOST = 32768  # half-size pixels in a tile: smaller ones would spend too much on their margins


@dataclass(frozen=True, slots=True)
class Area:
    """Rows top to bottom and columns left to right of a half-size picture, and the same part of the full-size one."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def half(self) -> Slices:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def full(self) -> Slices:
        return slice(2 * self.top, 2 * self.bottom), slice(2 * self.left, 2 * self.right)

    def inside(self, outer: Area) -> Area:
        """This area as seen from another one that contains it."""
        return Area(self.top - outer.top, self.bottom - outer.top, self.left - outer.left, self.right - outer.left)

    def common(self, others: Iterable[Area]) -> Iterator[Area]:
        """What this area has in common with each of the others that it overlaps."""
        for other in others:
            if other.top >= self.bottom or other.bottom <= self.top:
                continue  # so do nearly all, in a large picture
            if other.left < self.right and other.right > self.left:
                yield Area(
                    max(self.top, other.top),
                    min(self.bottom, other.bottom),
                    max(self.left, other.left),
                    min(self.right, other.right),
                )


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of a half-size picture of the given size."""

    core: Area
    height: int
    width: int

    def around(self, margin: int) -> Area:
        """The tile with up to so many half-size pixels more on each side, as far as the picture reaches."""
        core = self.core
        return Area(
            max(core.top - margin, 0),
            min(core.bottom + margin, self.height),
            max(core.left - margin, 0),
            min(core.right + margin, self.width),
        )


@lru_cache(maxsize=64)
def tiles(height: int, width: int, wide: int = _WIDE, most: int = _MOST) -> tuple[Tile, ...]:
    """Divide a half-size picture into tiles of about equal size.

    wide: half-size pixels across that a tile has at most; most: in all.
    """
    columns = max(-(-width // wide), 1)
    rows = max(-(-height // max(most // max(-(-width // columns), 1), 1)), 1)
    tops = [height * i // rows for i in range(rows + 1)]
    lefts = [width * i // columns for i in range(columns + 1)]
    return tuple(
        Tile(Area(tops[y], tops[y + 1], lefts[x], lefts[x + 1]), height, width)
        for y in range(rows)
        for x in range(columns)
    )


def each_tile(work: Callable[[Tile], object], height: int, width: int) -> None:
    """Call `work` for every tile of a half-size picture, in as many threads as there are cores."""
    cores.each(work, tiles(height, width))
