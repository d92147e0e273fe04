"""The -vf string, read as ffmpeg reads it."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.chainspec import FilterSpec, filter_text, parse_chain
from streamfix.errors import UsageError
from tests.media.make import needs_ffmpeg


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("smooth", ["smooth"]),
        ("bwdif,smooth,scale=1280:-2", ["bwdif", "smooth", "scale"]),
        (" bwdif , smooth ", ["bwdif", "smooth"]),
        ("scale@second=640:-2", ["scale"]),
        ("drawtext=text='a,b',smooth", ["drawtext", "smooth"]),
        (r"drawtext=text=a\,b,smooth", ["drawtext", "smooth"]),
    ],
)
def test_names_of_a_chain(text: str, names: list[str]) -> None:
    assert [spec.name for spec in parse_chain(text)] == names


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ("", {}),
        ("strength=0.4:radius=2", {"strength": "0.4", "radius": "2"}),
        ("1280:-2", {"0": "1280", "1": "-2"}),
        ("net.pth:tile=512", {"0": "net.pth", "tile": "512"}),
        ("path='a:b'", {"path": "a:b"}),
        (r"path=a\:b", {"path": "a:b"}),
        (r"path='it'\''s'", {"path": "it's"}),
        ("strength= 0.4 : radius=2", {"strength": "0.4", "radius": "2"}),
        ("expr=a=b", {"expr": "a=b"}),
        ("/nets/x=y.pth", {"0": "/nets/x=y.pth"}),
        ("path=", {"path": ""}),
    ],
)
def test_options_lose_the_second_level_of_quoting(arguments: str, options: dict[str, str]) -> None:
    assert FilterSpec("x", arguments).options == options


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x=path=a b", "a b"),
        (r"x=path=a\\:b", "a:b"),
        (r"x=path='a\:b'", "a:b"),
        (r"x=path=C\\\\dir", r"C\dir"),
        (r"x=path='a\,b'", "a,b"),
    ],
)
def test_a_value_passes_two_levels(text: str, value: str) -> None:
    assert parse_chain(text)[0].options == {"path": value}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "name is missing"),
        ("smooth,", "name is missing"),
        (",smooth", "name is missing"),
        ("=3", "name is missing"),
        ("[in]smooth[out]", "no labels"),
        ("split;smooth", "no ';'"),
        ("model='a", "not closed"),
    ],
)
def test_a_broken_chain_says_where(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_chain(text)


def test_an_option_twice_is_an_error() -> None:
    with pytest.raises(UsageError, match="'a' is given twice"):
        _ = FilterSpec("x", "a=1:a=2").options


def escaped(text: str, special: str) -> str:
    return "".join(f"\\{c}" if c in special + "\\' " else c for c in text)


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1))
def test_text_escaped_for_both_levels_comes_back(text: str) -> None:
    chain = "x=path=" + escaped(escaped(text, ":"), ",;[]")
    assert [spec.options for spec in parse_chain(chain)] == [{"path": text}]


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"))))
def test_a_filter_is_written_as_it_is_read(text: str) -> None:
    written = filter_text("x", {"path": text, "sigma": 12.5})
    assert [(spec.name, spec.options) for spec in parse_chain(f"{written},y")] == [
        ("x", {"path": text, "sigma": "12.5"}),
        ("y", {}),
    ]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "denoise"),
        ({"strength": 0.5, "lookahead": 0, "tier": "xs"}, "denoise=strength=0.5:lookahead=0:tier=xs"),
        ({"sigma": 15 / 255 * 255, "detail": -1 / 3}, "denoise=sigma=15:detail=-0.333333"),
    ],
)
def test_numbers_are_written_short(options: dict[str, float | str], text: str) -> None:
    assert filter_text("denoise", options) == text


@pytest.mark.ffmpeg
@needs_ffmpeg
@pytest.mark.parametrize("quoted", [r"a\\:b", r"'a\:b'", r"'a\,b'", r"a\,b", r"it\\\'s", "a b ", r"x\\\\y"])
def test_ffmpeg_reads_the_same_value(quoted: str) -> None:
    chain = f"metadata=mode=add:key=k:value={quoted},metadata=mode=print:file=-"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=s=16x16:d=0.04", "-vf", chain, "-f", "null", "-"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
    assert printed.splitlines()[-1] == "k=" + parse_chain(chain)[0].options["value"]
