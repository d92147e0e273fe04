"""Lines of a TOML document: the line found for a place is the one where its key was written."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.apps.daemon.config.problems import TomlPlace
from streamfix.apps.daemon.config.toml_lines import TomlLines

# What a scanner could trip over, if it took what is inside of strings for the document's own.
_TRICKS = [
    "",
    "a",
    "[x]",
    "[[x]]",
    "# no comment",
    "b = 1",
    "{",
    "}",
    "]",
    ",",
    "'",
    "\\",
    '"',
    '""',
    "é\u2028",
    "=",
    ".",
]
_TEXTS = st.lists(st.sampled_from(_TRICKS), max_size=4).map("".join)
_KEYS = st.one_of(st.from_regex(r"[A-Za-z0-9_-]{1,4}", fullmatch=True), _TEXTS)


@dataclass
class Document:
    """A TOML text as it grows, and the line of each place in it."""

    draw: st.DrawFn
    text: str = ""
    lines: dict[TomlPlace, int] = field(default_factory=dict)

    def put(self, text: str) -> None:
        self.text += text

    def mark(self, place: TomlPlace) -> None:
        for end in range(1, len(place) + 1):
            self.lines.setdefault(place[:end], self.text.count("\n") + 1)

    def one_of(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def key(self, key: str) -> None:
        bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
        style = self.one_of(*(["bare"] if bare else []), "basic", *([] if "'" in key else ["literal"]))
        self.put({"bare": key, "literal": f"'{key}'"}.get(style, _basic(key)))

    def pair(self, table: TomlPlace, key: str, depth: int, *, inline: bool) -> None:
        keys = [key, *self.draw(st.lists(_KEYS, max_size=2 if depth else 0))]
        for i, part in enumerate(keys):
            self.mark((*table, *keys[: i + 1]))
            self.key(part)
            self.put(self.one_of("", " ") + ("." if i + 1 < len(keys) else "="))
            self.put(self.one_of("", " ", "\t"))
        self.value((*table, *keys), depth, inline=inline)

    def value(self, place: TomlPlace, depth: int, *, inline: bool) -> None:
        kind = self.one_of("number", "text", *(("array", "table") if depth else ()))
        if kind == "number":
            self.put(self.one_of("1", "-2.5e3", "true", "2026-01-02T03:04:05Z", "07:30:00", "0xff"))
        elif kind == "text":
            self.string(inline=inline)
        elif kind == "array":
            self.put("[")
            count = self.draw(st.integers(0, 3))
            for i in range(count):
                self.blank(inline=inline)
                self.mark((*place, i))
                self.value((*place, i), depth - 1, inline=inline)
                self.blank(inline=inline)
                self.put("," if i + 1 < count else self.one_of("", ","))
            self.blank(inline=inline)
            self.put("]")
        else:
            self.put("{")
            for i, key in enumerate(sorted(self.draw(st.sets(_KEYS, max_size=3)))):
                self.put(", " if i else "")
                self.pair(place, key, 0, inline=True)
            self.put("}")

    def string(self, *, inline: bool) -> None:
        text = self.draw(_TEXTS)
        styles = ["basic", *([] if "'" in text else ["literal"])]
        if not inline:
            styles += ["long", *([] if "'" in text else ["long literal"])]
        style = self.one_of(*styles)
        broken = text + "\n[x]\nname = 1 # no key"
        self.put(
            {
                "basic": _basic(text),
                "literal": f"'{text}'",
                "long": '"""' + _escaped(broken).replace("\\n", "\n") + '\\"' * 2 + self.one_of("", '"', '""') + '"""',
                "long literal": f"'''{broken}{self.one_of('', chr(39), chr(39) * 2)}'''",
            }[style]
        )

    def blank(self, *, inline: bool) -> None:
        self.put(self.one_of("", " ") if inline else self.one_of("", " ", "\n", " # ] } a = 'b'\n\n"))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _basic(text: str) -> str:
    return f'"{_escaped(text)}"'


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Tables and arrays of tables, one inside the other, with pairs of every form."""
    made = Document(draw)

    def pairs(table: TomlPlace) -> None:
        for key in sorted(draw(st.sets(_KEYS, max_size=3))):
            made.blank(inline=False)
            # A key's first part is its own, so that no two dotted ones meet.
            made.pair(table, f"{key}k", 2, inline=False)
            made.put(made.one_of("\n", " # [c]\n", "\r\n"))

    pairs(())
    for i, name in enumerate(draw(st.lists(st.sampled_from(["plain", "array", "nested"]), max_size=3))):
        head, times = f"t{i}", draw(st.integers(1, 2))
        for n in range(1 if name == "plain" else times):
            place: TomlPlace = (head,) if name == "plain" else (head, n)
            made.mark(place)
            made.put(f"[ {head} ]" if name == "plain" else f"[[{head}]]")
            made.put(" # [[no]]\n")
            pairs(place)
            if name == "nested":
                made.mark((*place, "in", "it"))
                made.put(f"[{head}.in . it]\n")
                pairs((*place, "in", "it"))
                made.mark((*place, "more", 0))
                made.put(f"[[{head}.more]]\n")
                pairs((*place, "more", 0))
    return made


def look_up(document: Any, place: TomlPlace) -> Any:
    for step in place:
        document = document[step]
    return document


def well_formed(made: Document) -> bool:
    """Dotted keys may by chance name a value's inside, or one key twice in an inline table: that is no TOML."""
    try:
        tomllib.loads(made.text)
    except tomllib.TOMLDecodeError:
        return False
    return True


@settings(max_examples=40, deadline=None)
@given(documents().filter(well_formed))
def test_every_place_is_found_where_it_was_written(made: Document) -> None:
    found, lines = tomllib.loads(made.text), TomlLines(made.text)
    for place, line in made.lines.items():
        look_up(found, place)  # the generator tells the truth
        assert lines.line_of(place) == line, f"{place} of\n{made.text}"


@settings(max_examples=20, deadline=None)
@given(documents().filter(well_formed), st.data())
def test_what_is_not_there_is_looked_for_around_it(made: Document, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([(), *made.lines]))
    assert TomlLines(made.text).line_of((*place, "not there", 7)) == made.lines.get(place, 1)


def test_lines_of_a_configuration() -> None:
    text = """\
# streams
[daemon]
port = 8080

[[streams]]
name = "yard"
outputs = [
    "rtsp://a/b",
    {url = "/x", options = {t = 1}},
]
[[streams]]
input_options.rtsp_transport = "tcp"
[streams.video_options]
crf = 20
"""
    lines = TomlLines(text)
    want: dict[TomlPlace, int] = {
        ("daemon", "port"): 3,
        ("streams", 0): 5,
        ("streams", 0, "outputs"): 7,
        ("streams", 0, "outputs", 1, "options", "t"): 9,
        ("streams", 1, "input_options", "rtsp_transport"): 12,
        ("streams", 1, "video_options", "crf"): 14,
        ("streams", 1, "outputs"): 11,
        (): 1,
    }
    assert {place: lines.line_of(place) for place in want} == want


@pytest.mark.parametrize("text", ["", "\n", "# only this", "a = 1", "a = [[], [[]]]\r\n", 'a = """"""""'])
def test_small_documents(text: str) -> None:
    assert (tomllib.loads(text) == {}) or TomlLines(text).line_of(("a",)) == 1
