"""Where a configuration was read from: finds the line of whatever is wrong with it later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from .problems import ConfigError, Problem, TomlPlace
from .toml_lines import TomlLines


class Origin:
    """A file's text. source: its name. found: what TOML makes of the text."""

    def __init__(self, source: str, text: str, found: Mapping[str, Any]) -> None:
        self._source, self._text, self._found = source, text, found

    def of_stream(self, index: int, problems: Sequence[Problem]) -> list[Problem]:
        """A stream's problems with their places in the whole file: in [defaults], if the stream has them from there."""
        return [replace(problem, place=in_file(self._found, index, problem.place)) for problem in problems]

    def error(self, problems: Sequence[Problem]) -> ConfigError:
        """The error for these problems, in the order of their lines."""
        lines = TomlLines(self._text)
        return ConfigError(sorted(problems, key=lambda p: lines.line_of(p.place)), self._source, lines.line_of)


def in_file(found: Mapping[str, Any], index: int, place: TomlPlace) -> TomlPlace:
    """The place in the file of a place in a stream. found: the file; index: of the stream."""
    defaults, stream = found.get("defaults", {}), found["streams"][index]
    for depth in (1, 2):  # tables, such as input_options, are merged key by key
        own, inherited = _holds(stream, place[:depth]), _holds(defaults, place[:depth])
        if inherited and not own:
            return ("defaults", *place)
        if not own or depth == len(place):
            break
    return ("streams", index, *place)


def _holds(table: Any, place: TomlPlace) -> bool:
    for step in place:
        if not isinstance(table, Mapping) or step not in table:
            return False
        table = table[step]
    return bool(place)
