"""Zones: polygons of the displayed picture, and the TOML file that lists them."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ...errors import BadOption

Mode = Literal["solid", "mosaic", "blur"]
Point = tuple[float, float]

BLACK = "000000"
_KEYS = ("points", "name")
_LEAST_POINTS = 3
_MOST_POINTS = 1000
_HEX = re.compile(r"[0-9a-fA-F]{6}")
_EXAMPLE = "points = [[0.1, 0.2], [0.4, 0.2], [0.4, 0.6]]"


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon that is covered in every picture.

    points: (x, y) from 0 to 1 of the displayed, upright picture's width and height. Its outline may cross itself: all
    that it goes round is inside, a pentagram's middle too.
    mode: "solid" paints `color`; "mosaic" shows the mean colour of at most 8 cells across the zone's box; "blur" joins
    these cells smoothly. color: RRGGBB, R'G'B' of full range.
    """

    points: tuple[Point, ...]
    name: str
    mode: Mode = "solid"
    color: str = BLACK


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is burnt in. audit: path of the JSON Lines that say what was covered, None for none."""

    zones: tuple[Zone, ...]
    audit: str | None = None

    def and_also(self, other: Privacy | None) -> Privacy:
        """The zones of both; of two audits this one's."""
        if other is None:
            return self
        return replace(self, zones=(*self.zones, *other.zones), audit=self.audit or other.audit)


class Masks:
    """What is burnt into a stream's pictures from now on. It may be set from any thread while they are read."""

    __slots__ = ("privacy",)

    def __init__(self, privacy: Privacy | None) -> None:
        self.privacy = privacy


def checked_points(points: Any) -> tuple[Point, ...]:
    """The corners of a zone. Raises ValueError that says what is wrong, without the place."""
    if not isinstance(points, list | tuple):
        raise ValueError(f"points is {points!r}: it takes a list of [x, y], as in {_EXAMPLE}")
    if not _LEAST_POINTS <= len(points) <= _MOST_POINTS:
        raise ValueError(
            f"a zone has {_LEAST_POINTS} to {_MOST_POINTS} points, this one has {len(points)}; as in {_EXAMPLE}"
        )
    return tuple(_point(i, point) for i, point in enumerate(points, 1))


def checked_color(color: str) -> str:
    """The colour. Raises BadOption for what is no RRGGBB."""
    if not _HEX.fullmatch(color):
        raise BadOption(f"privacy=color: {color!r} is no colour; it takes RRGGBB, as in 808080 for grey")
    return color.lower()


def zones_in_file(path: str, mode: Mode = "solid", color: str = BLACK) -> tuple[Zone, ...]:
    """The zones that a TOML file lists in [[zone]] tables. Raises BadOption: file, place, value, remedy."""
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise BadOption(f"{path}: no TOML: {error}; it takes [[zone]] tables, as in {_EXAMPLE}") from error
    except UnicodeDecodeError as error:
        raise BadOption(f"{path}: no TOML: it is not text in UTF-8; save it as such") from error
    except OSError as error:
        raise BadOption(f"{path}: the zones cannot be read: {error.strerror}; nothing runs without them") from error
    _check_keys(path, table, ("zone",))
    given = table.get("zone")
    if not isinstance(given, list) or not given:
        raise BadOption(f"{path}: it has no zone; it takes [[zone]] tables, each with {_EXAMPLE}")
    return tuple(_zone(f"{path}: zone {i}", i, entry, mode, color) for i, entry in enumerate(given, 1))


def _zone(place: str, number: int, entry: Any, mode: Mode, color: str) -> Zone:
    if not isinstance(entry, Mapping):
        raise BadOption(f"{place} is {entry!r}: it takes a [[zone]] table with {_EXAMPLE}")
    _check_keys(place, entry, _KEYS)
    if "points" not in entry:
        raise BadOption(f"{place} has no points; give it {_EXAMPLE}")
    name = entry.get("name", f"zone {number}")
    if not isinstance(name, str) or not name.isprintable():
        raise BadOption(f'{place}: name is {name!r}: it takes a text of one line, as in name = "door"')
    try:
        return Zone(checked_points(entry["points"]), name, mode, color)
    except ValueError as error:
        raise BadOption(f"{place}: {error}") from None


def _check_keys(place: str, table: Mapping[str, Any], known: Iterable[str]) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, list(known), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(known)}"
            raise BadOption(f"{place}: there is no {key!r}; {hint}")


def _point(number: int, point: Any) -> Point:
    if not isinstance(point, list | tuple) or len(point) != 2 or not all(_is_number(value) for value in point):
        raise ValueError(f"point {number} is {point!r}: it takes two numbers, [x, y]")
    for axis, value in zip("xy", point, strict=True):
        if not 0 <= value <= 1:
            raise ValueError(
                f"point {number}: {axis} is {value}: it goes from 0 to 1, a share of the picture's "
                f"{'width' if axis == 'x' else 'height'}; divide pixels by that"
            )
    return float(point[0]), float(point[1])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
