"""Reads tables by what their fields take, and gathers all that is wrong with them."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from typing import Any

from ....media.redact import redact_options
from .problems import Place, Problem

Read = Callable[["Reading", Place, Any], Any]
_SHOWN = 80  # characters of a value that are shown

WRONG: Any = object()  # stands for a value that could not be read: its problem has been noted


class Reading:
    """Values read so far and what was wrong with them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, place: Place, value: Any, text: str) -> Any:
        """Note a problem. Returns WRONG."""
        self.problems.append(Problem(place, shown(value, str(place[-1]) if place else ""), text))
        return WRONG

    def missing(self, place: Place, text: str) -> None:
        """Note that something is not there."""
        self.problems.append(Problem(place, "", text))

    def table(self, place: Place, value: Any, fields: Mapping[str, tuple[str, Read]]) -> dict[str, Any]:
        """A table's values by the names that they have in their dataclass.

        fields: by key, the dataclass's name and how it is read. Null, which JSON has, leaves a field out.
        """
        if not isinstance(value, Mapping):
            self.wrong(place, value, "it takes a table")
            return {}
        found = {}
        for key, given in value.items():
            if key not in fields:
                near = difflib.get_close_matches(str(key), fields, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                self.wrong((*place, key), given, f"there is no such key{hint}; there are {', '.join(fields)}")
            elif given is not None:
                name, read = fields[key]
                if (result := read(self, (*place, key), given)) is not WRONG:
                    found[name] = result
        return found


def plain(check: Callable[[Any], Any]) -> Read:
    """A single value. check: gives the value, or raises ValueError saying what is taken instead."""

    def read(reading: Reading, place: Place, value: Any) -> Any:
        try:
            return check(value)
        except ValueError as error:
            return reading.wrong(place, value, str(error))

    return read


def items(item: Read, least: int = 0) -> Read:
    """An array, as a tuple. least: how many there must be."""

    def read(reading: Reading, place: Place, value: Any) -> Any:
        if not isinstance(value, list | tuple) or len(value) < least:
            count = " of one entry or more" if least else ""
            return reading.wrong(place, value, f"it takes a list{count}, in brackets")
        found = [item(reading, (*place, i), v) for i, v in enumerate(value)]
        return WRONG if any(v is WRONG for v in found) else tuple(found)

    return read


def mapping(value_of: Callable[[Any], Any]) -> Read:
    """A table of names and values, none of the names known here. What is wrong is left out."""

    def read(reading: Reading, place: Place, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return reading.wrong(place, value, "it takes a table of names and values")
        one = plain(value_of)
        found = {k: one(reading, (*place, k), v) for k, v in value.items()}
        return {k: v for k, v in found.items() if v is not WRONG}

    return read


def shown(value: Any, name: str = "") -> str:
    """A value for a message: in one line, not too long, its secrets hidden. name: the key it is for."""
    try:
        text = json.dumps(_hidden(value, name), ensure_ascii=False, default=str)
    except (RecursionError, ValueError):  # too deep, or an integer of thousands of digits
        text = "..."
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _hidden(value: Any, name: str) -> Any:
    if redact_options({name: ""})[name] or isinstance(value, str):
        return redact_options({name: value if isinstance(value, str) else ""})[name]
    if isinstance(value, Mapping):
        return {str(k): _hidden(v, str(k)) for k, v in value.items()}
    return [_hidden(v, "") for v in value] if isinstance(value, list | tuple) else value
