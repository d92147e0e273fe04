"""Everything that is wrong with a configuration, collected at once, each problem with its place."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ....errors import UsageError
from ....media.redact import redact_options

TomlPlace = tuple[str | int, ...]  # ("streams", 2, "max_latency"): keys of tables and indices of arrays

_SHOWN = 80  # characters of a value that are shown


def place_text(place: TomlPlace) -> str:
    """streams[2].max_latency, as it would be written in Python; empty for the whole document."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    value: what stands there, as text, secrets hidden; empty where something is missing.
    text: what is wrong with it and what to give instead.
    """

    place: TomlPlace
    value: str
    text: str

    def __str__(self) -> str:
        given = f" = {self.value}" if self.value else ""
        where = place_text(self.place)
        return f"{where}{given}: {self.text}" if where or given else self.text


class ConfigError(UsageError):
    """A configuration that cannot be used. problems: everything that is wrong; the message has a line for each.

    source: the file's name, empty for what came over HTTP. line_of: returns the line of a place in the file.
    """

    def __init__(
        self, problems: Sequence[Problem], source: str = "", line_of: Callable[[TomlPlace], int] | None = None
    ) -> None:
        self.problems = tuple(problems)
        starts = [f"{source}:{line_of(p.place)}: " if line_of else f"{source}: " if source else "" for p in problems]
        super().__init__("\n".join(f"{start}{problem}" for start, problem in zip(starts, problems, strict=True)))


class Problems:
    """Collects problems while a configuration is read. found: the problems so far."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def wrong(self, place: TomlPlace, value: Any, text: str) -> None:
        """Note what is wrong with a value."""
        self.found.append(Problem(place, shown(value, str(place[-1]) if place else ""), text))

    def unknown(self, place: TomlPlace, value: Any, known: Collection[str]) -> None:
        """Note a key that does not exist, with the one that was probably meant. known: the keys there are."""
        near = difflib.get_close_matches(str(place[-1]), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        self.wrong(place, value, f"there is no such key{hint}; there are {', '.join(known)}")

    def missing(self, place: TomlPlace, text: str) -> None:
        """Note that something is missing."""
        self.found.append(Problem(place, "", text))


def shown(value: Any, name: str = "") -> str:
    """A value for a message: on one line, not too long, its secrets hidden. name: the key it belongs to."""
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
