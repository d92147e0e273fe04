"""`osd` in a filter chain: what a camera writes into its pictures goes around the filters behind it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..chainspec import FilterSpec
from ..errors import BadOption
from ..registry import Registry

if TYPE_CHECKING:
    from ..filters.overlays import Box
    from ..frame import Frame

NAME = "osd"
#: Reads the options of `osd`, as the filters' registry does theirs.
OPTIONS: Registry[OsdOptions] = Registry("filter")

_EXAMPLE = "box = [0.02, 0.02, 0.4, 0.08]"
# libavfilter's that put a place of the picture elsewhere.
_MOVING = {"crop", "pad", "fillborders", "hflip", "vflip", "transpose", "rotate", "lenscorrection", "perspective"}
_MOVING |= {"v360", "shear", "zoompan", "scroll", "deshake", "tile"}


@OPTIONS.register(NAME)
@dataclass(frozen=True, slots=True)
class OsdOptions:
    """Keeps what the camera writes into its pictures, such as the time, bit for bit; it stands before all filters.

    boxes: a TOML file of [[osd]] tables, each with box = [left, top, right, bottom] from 0 to 1 and, if you like, a
    name. at: the same as text, "left top right bottom", several joined by +. Either, or both.
    """

    boxes: str | None = None
    at: str | None = None


def split_osd(chain: Iterable[FilterSpec]) -> tuple[tuple[FilterSpec, ...], tuple[FilterSpec, ...]]:
    """The orders of `osd` that a chain begins with, and the filters behind them.

    Raises BadOption for `osd` behind a filter, and in front of one that puts the picture elsewhere.
    """
    chain = tuple(chain)
    count = next((i for i, spec in enumerate(chain) if spec.name != NAME), len(chain))
    for i, spec in enumerate(chain[count:], count):
        if spec.name == NAME:
            raise BadOption(
                f"osd must stand before all filters: {chain[i - 1].name} in front of it has changed what it keeps; "
                f"begin with {NAME}={spec.arguments}"
            )
        if count and spec.name in _MOVING:
            raise BadOption(f"{spec.name} moves what osd keeps; do it in a job of its own, before this one")
    return chain[:count], chain[count:]


def boxes_of(orders: Sequence[FilterSpec]) -> tuple[Box, ...]:
    """The boxes that they name; files are read now. Raises BadOption."""
    found: list[Box] = []
    for spec in orders:
        options = OPTIONS.create(NAME, spec.options)
        if options.boxes is None and options.at is None:
            raise BadOption(f"osd needs boxes=FILE, or at=left top right bottom, as in {NAME}=at=0.02 0.02 0.4 0.08")
        if options.boxes is not None:
            found += boxes_in_file(options.boxes)
        if options.at is not None:
            found += (_box(f"osd=at={text}", text.split()) for text in options.at.split("+"))
    return tuple(found)


def boxes_in_file(path: str) -> tuple[Box, ...]:
    """The boxes that a TOML file lists in [[osd]] tables. Raises BadOption: file, place, value, remedy."""
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadOption(f"{path}: no TOML: {error}; it takes [[osd]] tables, as in {_EXAMPLE}") from error
    except OSError as error:
        raise BadOption(f"{path}: the boxes cannot be read: {error.strerror}") from error
    given = table.get("osd")
    if set(table) != {"osd"} or not isinstance(given, list) or not given:
        raise BadOption(f"{path}: it takes [[osd]] tables and nothing else, each with {_EXAMPLE}")
    return tuple(_entry(f"{path}: osd {i}", entry) for i, entry in enumerate(given, 1))


def guarded(orders: Sequence[FilterSpec]) -> Callable[[Frame], Sequence[Box]]:
    """What there is to keep in a frame."""
    boxes = boxes_of(orders)
    return lambda frame: boxes


def _entry(place: str, entry: Any) -> Box:
    if not isinstance(entry, dict) or not set(entry) <= {"box", "name"} or "box" not in entry:
        raise BadOption(f"{place} is {entry!r}: it takes {_EXAMPLE}, and a name if you like")
    return _box(place, entry["box"])


def _box(place: str, given: Any) -> Box:
    try:
        left, top, right, bottom = (float(value) for value in given)
    except (TypeError, ValueError):
        raise BadOption(f"{place}: it takes four numbers, left top right bottom, as in {_EXAMPLE}") from None
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise BadOption(
            f"{place}: left, top, right, bottom are {left:g} {top:g} {right:g} {bottom:g}: they go from 0 to 1, left "
            "before right, top before bottom; divide pixels by the picture's size"
        )
    return left, top, right, bottom
