"""Finds the line of a key, a table or an array's entry in a TOML document, which `tomllib` does not tell."""

from __future__ import annotations

import bisect
import re
import tomllib

from .problems import TomlPlace

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRING = re.compile(  # the long ones first; up to two quotes may stand before the three that close
    r'"""(?:\\.|[^\\])*?"""(?!""")"{0,2}' r"|'''.*?'''(?!''')'{0,2}" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'", re.DOTALL
)
_OTHER_VALUE = re.compile(r"[^,\]}#\n]+")


class TomlLines:
    """The lines of a valid TOML 1.0 document: `tomllib` must have read it."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text.replace("\r\n", "\n"), 0
        self._starts = [0, *(m.end() for m in re.finditer("\n", self._text))]
        self._lines: dict[TomlPlace, int] = {}
        self._counts: dict[TomlPlace, int] = {}  # tables of each array so far
        self._headers: list[tuple[TomlPlace, int]] = []
        self._document()

    def line_of(self, place: TomlPlace) -> int:
        """The line, from 1, of a place; if the document lacks it, that of the nearest place around it."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def span_of(self, place: TomlPlace) -> tuple[int, int]:
        """Lines of a table of an array, from 0: that of its header, and that of the next header outside it, or the end.

        Comments before the next header are inside.
        """
        first = self._lines[place]
        later = [line for table, line in self._headers if line > first and table[: len(place)] != place]
        return first - 1, min(later, default=self._text.count("\n") + 2) - 1

    def _document(self) -> None:
        table: TomlPlace = ()
        while self._skip():
            line = self._line()
            if self._takes("[["):
                table = self._resolve(self._keys())
                self._takes("]]")
                count = self._counts[table] = self._counts.get(table, 0) + 1
                self._mark(table, line)
                table = (*table, count - 1)
                self._mark(table, line)
                self._headers.append((table, line))
            elif self._takes("["):
                table = self._inside(self._resolve(self._keys()))
                self._takes("]")
                self._mark(table, line)
                self._headers.append((table, line))
            else:
                self._pair(table)

    def _pair(self, table: TomlPlace) -> None:
        """key = value; the key may be dotted."""
        line = self._line()
        place: TomlPlace = table
        for key in self._keys():
            place = (*place, key)
            self._mark(place, line)
        self._takes("=")
        self._skip()
        self._value(place)

    def _value(self, place: TomlPlace) -> None:
        if self._takes("["):
            index = 0
            while self._skip() and not self._takes("]"):
                self._mark((*place, index), self._line())
                self._value((*place, index))
                self._takes(",")
                index += 1
        elif self._takes("{"):
            while self._skip() and not self._takes("}"):
                self._pair(place)
                self._takes(",")
        else:
            found = _STRING.match(self._text, self._at) or _OTHER_VALUE.match(self._text, self._at)
            assert found is not None, f"line {self._line()}: no value, in a document that tomllib has read"
            self._at = found.end()

    def _keys(self) -> list[str]:
        keys = [self._key()]
        while self._takes("."):
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        self._skip()
        if found := _BARE_KEY.match(self._text, self._at):
            self._at = found.end()
            return found[0]
        quoted = _STRING.match(self._text, self._at)
        assert quoted is not None, f"line {self._line()}: no key, in a document that tomllib has read"
        self._at = quoted.end()
        return str(tomllib.loads(f"key = {quoted[0]}")["key"])

    def _resolve(self, keys: list[str]) -> TomlPlace:
        """The place that a header names; inside an array of tables that is its last table."""
        place: TomlPlace = ()
        for key in keys:
            place = (*self._inside(place), key)
        return place

    def _inside(self, place: TomlPlace) -> TomlPlace:
        return (*place, self._counts[place] - 1) if place in self._counts else place

    def _mark(self, place: TomlPlace, line: int) -> None:
        for end in range(1, len(place) + 1):
            self._lines.setdefault(place[:end], line)

    def _line(self) -> int:
        return bisect.bisect_right(self._starts, self._at)

    def _skip(self) -> bool:
        """Skip white space and comments; False at the end of the document."""
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at < len(self._text)

    def _takes(self, mark: str) -> bool:
        self._skip()
        if not self._text.startswith(mark, self._at):
            return False
        self._at += len(mark)
        return True
