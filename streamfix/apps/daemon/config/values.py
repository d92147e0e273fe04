"""The types of options, whether their values come from TOML or from JSON.

Each type is checked by a function that raises ValueError, which says what the option takes.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator, TypeAdapter

from ....media.privacy.zones import checked_points
from ..access.secrets import references

_TIME = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*(us|ms|s|min|h)?", re.ASCII)
_UNIT_S = {None: 1.0, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_LONGEST_S = 7 * 24 * 3600.0
_SIZE = re.compile(r"(\d+\.?\d*|\.\d+)\s*(kB|MB|GB|KiB|MiB|GiB)?", re.ASCII)
_UNIT_BYTES = {None: 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_LARGEST_BYTES = 2**34
_LONGEST_TEXT = 4096
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def text(value: Any) -> str:
    """Any text of one line."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
        raise ValueError(f"it takes a text of one line, of {_LONGEST_TEXT} characters at most")
    return value


def filled_text(value: Any) -> str:
    """A text that is not empty."""
    if not text(value):
        raise ValueError("it must not be empty")
    return str(value)


def secret(value: Any) -> str:
    """A text that may refer to a secret."""
    references(text(value))
    return str(value)


def reference(value: Any) -> str:
    """A reference to a secret without ${ and }, such as env:CAM_PASSWORD."""
    references(f"${{{text(value)}}}")
    return str(value)


def stream_name(value: Any) -> str:
    """A stream's name, which also appears in URLs and metrics."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("a name has 1 to 63 of a-z, 0-9, _ and -, the first a letter or digit, as in yard-2")
    return value


def boolean(value: Any) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ValueError("it takes true or false")
    return value


def seconds(value: Any) -> float:
    """A time above 0, as "200ms", "20s", "2min", or a number of seconds."""
    found = _TIME.fullmatch(value) if isinstance(value, str) and len(value) <= 40 else None
    time_s = math.nan
    if found:
        time_s = float(found[1] + (found[2] or "")) * _UNIT_S[found[3]]
    elif _is_number(value):
        time_s = float(value)
    if not 0 < time_s <= _LONGEST_S:
        raise ValueError('it takes a time above 0 and up to 7 days, as in "200ms", "20s" or "2min"')
    return time_s


def size(value: Any) -> int:
    """A size in bytes, as "64MiB", "500MB", or a number of bytes."""
    found = _SIZE.fullmatch(value) if isinstance(value, str) and len(value) <= 40 else None
    bytes_ = -1
    if found:
        bytes_ = round(float(found[1]) * _UNIT_BYTES[found[2]])
    elif isinstance(value, int) and not isinstance(value, bool):
        bytes_ = value
    if not 0 <= bytes_ <= _LARGEST_BYTES:
        raise ValueError('it takes a size of up to 16 GiB, as in "64MiB", "500MB" or a number of bytes')
    return bytes_


def number(least: float, most: float) -> PlainValidator:
    """A number in a range."""

    def read(value: Any) -> float:
        if not _is_number(value) or not least <= value <= most:
            raise ValueError(f"it takes a number from {least:g} to {most:g}")
        return float(value)

    return PlainValidator(read, json_schema_input_type=float)


def port(value: Any) -> int:
    """A TCP port; 0 takes any that is free."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
        raise ValueError("it takes a port, a whole number from 1 to 65535, or 0 for any that is free")
    return value


def choice(*known: str) -> BeforeValidator:
    """One of these words."""

    def read(value: Any) -> str:
        if value not in known:
            near = difflib.get_close_matches(value, known, n=1) if isinstance(value, str) else []
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"it takes {', '.join(known[:-1])} or {known[-1]}{hint}")
        return str(value)

    return BeforeValidator(read)


def folder(value: Any) -> Path:
    """The absolute path of a folder."""
    if not text(value).startswith("/") or ".." in value.split("/"):
        raise ValueError("it takes a folder's absolute path without .., as in /var/lib/streamfix")
    return Path(value)


def network(value: Any) -> IPv4Network | IPv6Network:
    """A network, or one address."""
    try:
        return ip_network(text(value))
    except ValueError as error:
        raise ValueError(f"{error}; it takes a network, as in 10.0.0.0/24, or an address") from None


def networks(value: Any) -> bool | tuple[IPv4Network | IPv6Network, ...]:
    """true, false, or a list of networks."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, list):
        raise ValueError('it takes true, false, or a list of networks, as in ["10.0.0.0/24"]')
    return _NETWORKS.validate_python(value)  # its errors have the places of the wrong entries


def option_text(value: Any) -> str:
    """The value of one of libav's options: a text, a number, true or false."""
    if isinstance(value, bool):
        return str(int(value))
    if _is_number(value):
        return f"{value:.17g}" if isinstance(value, float) else str(value)
    return text(value)


_AGE = re.compile(r"(\d+\.?\d*|\.\d+)\s*(s|min|h|d|days?|w|weeks?)", re.ASCII)
_AGE_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "day": 86400.0, "days": 86400.0}
_AGE_S |= dict.fromkeys(("w", "week", "weeks"), 7 * 86400.0)
_SIZE = re.compile(r"(\d+\.?\d*|\.\d+)\s*([kMGT]?)(i?)B?", re.ASCII)
_LEAST_AGE_S = 60.0


def age_s(value: Any) -> float:
    """An age of a minute or more, as "14d", "36h" or "2 weeks"."""
    found = _AGE.fullmatch(value) if isinstance(value, str) and len(value) <= 40 else None
    age = float(found[1]) * _AGE_S[found[2]] if found else math.nan
    if not _LEAST_AGE_S <= age <= 1e11:
        raise ValueError('max_age takes an age of a minute or more, as in "14d", "36h" or "2 weeks"')
    return age


def size_bytes(value: Any) -> int:
    """A size of a megabyte or more, as "500GB", "2TiB" or a number of bytes."""
    found = _SIZE.fullmatch(value) if isinstance(value, str) and len(value) <= 40 else None
    size = math.nan
    if found:
        size = float(found[1]) * (1024 if found[3] else 1000) ** ("", "k", "M", "G", "T").index(found[2])
    elif _is_number(value):
        size = float(value)
    if not 1e6 <= size <= 1e18:
        raise ValueError('max_size takes a size of 1 MB or more, as in "500GB" or "2TiB"')
    return int(size)


_KEEPS: Mapping[str, Callable[[Any], float]] = {"max_age": age_s, "max_size": size_bytes}


def retention(value: Any) -> Mapping[str, str]:
    """How long recordings are kept, as it was written: max_age, max_size, or both."""
    if not isinstance(value, Mapping):
        raise ValueError('it takes a table, as in {max_age = "14d", max_size = "500GB"}')
    for key, limit in value.items():
        if key not in _KEEPS:
            near = difflib.get_close_matches(str(key), _KEEPS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"there is no limit {key!r}{hint}; there are max_age and max_size")
        _KEEPS[key](limit)
    return {key: limit if isinstance(limit, str) else f"{limit:.15g}" for key, limit in value.items()}


_ZONE = 'it takes three points or more, as in [[0.1, 0.2], [0.4, 0.2], [0.4, 0.6]] or "0.1 0.2, 0.4 0.2, 0.4 0.6"'


def zone(value: Any) -> str:
    """A zone's corners, from 0 to 1: a list of [x, y], or such pairs as text, which is how they are kept."""
    points = value
    if isinstance(value, str):
        try:
            points = [[float(number) for number in pair.split()] for pair in text(value).split(",")]
        except ValueError:
            raise ValueError(_ZONE) from None
    try:
        found = checked_points(points)
    except ValueError as error:
        raise ValueError(f"{error}; {_ZONE}") from None
    return ", ".join(f"{x:.15g} {y:.15g}" for x, y in found)


def zones(value: Any) -> Mapping[str, str]:
    """Zones by their names."""
    if not isinstance(value, Mapping):
        raise ValueError('it takes a table of zones by name, as in {door = "0.1 0.2, 0.4 0.2, 0.4 0.6"}')
    found = {}
    for name, points in value.items():
        if not str(name).isprintable():
            raise ValueError(f"zone {name!r}: its name takes a text of one line")
        try:
            found[str(name)] = zone(points)
        except ValueError as error:
            raise ValueError(f"zone {name!r}: {error}") from None
    return found


def points_of(text: str) -> list[list[float]]:
    """The corners of a zone as it is kept."""
    return [[float(number) for number in pair.split()] for pair in text.split(",")]


_BOX = 'it takes left, top, right and bottom, from 0 to 1, as in [0.02, 0.02, 0.4, 0.08] or "0.02 0.02 0.4 0.08"'


def box(value: Any) -> str:
    """A box in the picture: left, top, right, bottom, from 0 to 1, as a list, or as text, which is how it is kept."""
    numbers = value
    if isinstance(value, str):
        try:
            numbers = [float(number) for number in text(value).replace(",", " ").split()]
        except ValueError:
            raise ValueError(_BOX) from None
    right = isinstance(numbers, list | tuple) and len(numbers) == 4 and all(_is_number(number) for number in numbers)
    if not right or not (0 <= numbers[0] < numbers[2] <= 1 and 0 <= numbers[1] < numbers[3] <= 1):
        raise ValueError(_BOX)
    return " ".join(f"{number:.15g}" for number in numbers)


def boxes(value: Any) -> Mapping[str, str]:
    """Boxes by their names."""
    if not isinstance(value, Mapping):
        raise ValueError('it takes a table of boxes by name, as in {clock = "0.02 0.02 0.4 0.08"}')
    found = {}
    for name, corners in value.items():
        if not str(name).isprintable():
            raise ValueError(f"box {name!r}: its name takes a text of one line")
        try:
            found[str(name)] = box(corners)
        except ValueError as error:
            raise ValueError(f"box {name!r}: {error}") from None
    return found


def box_of(text: str) -> tuple[float, float, float, float]:
    """A box as it is kept."""
    left, top, right, bottom = (float(number) for number in text.split())
    return left, top, right, bottom


def _is_number(value: Any) -> bool:
    """True for a number that is finite as a float, which an integer of JSON need not be."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e300


# -- types


@dataclass(frozen=True, slots=True)
class Refers:
    """Marks what may refer to secrets, see `access.secrets`."""


Text = Annotated[str, PlainValidator(text, json_schema_input_type=str)]
FilledText = Annotated[str, PlainValidator(filled_text, json_schema_input_type=str)]
Boolean = Annotated[bool, PlainValidator(boolean, json_schema_input_type=bool)]
Seconds = Annotated[
    float,
    PlainValidator(seconds, json_schema_input_type=str | float),
    PlainSerializer(lambda time_s: f"{time_s!r}s", return_type=str),
]
Bytes = Annotated[int, PlainValidator(size, json_schema_input_type=str | int)]
Secret = Annotated[str, PlainValidator(secret, json_schema_input_type=str)]
Reference = Annotated[str, PlainValidator(reference, json_schema_input_type=str)]
_Name = Annotated[str, Field(pattern=f"^{_NAME.pattern}$")]
StreamName = Annotated[str, PlainValidator(stream_name, json_schema_input_type=_Name)]
Port = Annotated[int, PlainValidator(port, json_schema_input_type=int)]
Folder = Annotated[Path, PlainValidator(folder, json_schema_input_type=str)]
Network = IPv4Network | IPv6Network
Networks = Annotated[bool | tuple[Network, ...], PlainValidator(networks, json_schema_input_type=bool | list[str])]
_NETWORKS = TypeAdapter(tuple[Annotated[Network, PlainValidator(network, json_schema_input_type=str)], ...])
_Url = Annotated[str, Field(json_schema_extra={"format": "uri-reference"})]
Address = Annotated[str, PlainValidator(filled_text, json_schema_input_type=_Url), Refers()]
Retention = Annotated[Mapping[str, str], PlainValidator(retention, json_schema_input_type=Mapping[str, str | float])]
_Points = str | list[tuple[float, float]]
Zones = Annotated[Mapping[str, str], PlainValidator(zones, json_schema_input_type=Mapping[str, _Points])]
_Box = str | tuple[float, float, float, float]
Boxes = Annotated[Mapping[str, str], PlainValidator(boxes, json_schema_input_type=Mapping[str, _Box])]
_OptionText = Annotated[str, PlainValidator(option_text, json_schema_input_type=str | float | bool)]
Options = Annotated[Mapping[str, _OptionText], Refers()]
