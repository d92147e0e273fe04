"""Help, versions, filters: what is printed because it was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

import streamfix
from streamfix.apps.cli.options import REFUSED, table
from streamfix.filters import FILTERS
from tests.apps.conftest import Run


def test_help_lists_every_option(run: Run) -> None:
    said = run("-h", "full")
    assert (said.code, said.err) == (0, "")
    for option in table():
        assert f"  -{option.name}" in said.out, option.name
        assert option.help in said.out
    assert all(f"-{name} " in said.out for name in REFUSED)


@pytest.mark.parametrize("word", ["-h", "-help", "--help", "-?"])
def test_help_is_short_unless_asked(run: Run, word: str) -> None:
    said = run(word)
    assert said.code == 0
    assert said.out.startswith("streamfix ")
    assert "-h full" in said.out
    assert "Exit codes: 0 done; 1 " in said.out
    assert len(said.out.splitlines()) < 50


def test_no_arguments_show_the_usage_and_fail(run: Run) -> None:
    said = run()
    assert (said.code, said.out) == (1, "")
    assert "usage: streamfix [options]" in said.err


def test_an_unknown_topic_teaches(run: Run) -> None:
    said = run("-h", "encoder=x")
    assert said.code == 1
    assert said.err == "streamfix: -h encoder=x: give -h alone, -h full or -h filter=NAME\n"


def test_version(run: Run) -> None:
    said = run("-version")
    assert said.code == 0
    assert said.out.startswith(f"streamfix {streamfix.__version__}")
    assert "libavcodec" in said.out
    assert "torch" in said.out


def test_filters_come_with_options_and_what_they_see(run: Run) -> None:
    said = run("-filters")
    assert said.code == 0
    assert "  invert    Turn light into dark.\n" in said.out
    assert "layout luma, no look-ahead; options: amount=1.0" in said.out
    assert "2 times larger, generative: results are reconstructed" in said.out
    assert "'lost' is announced as nowhere_at_all:X but does not load" in said.out
    assert "libavfilter filters of this build work in the same chain" in said.out


def test_a_broken_package_hides_no_other(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = {"raises": "1 / 0", "number": "Y = 3", "plain": "class Y: ...", "exits": "raise SystemExit(2)"}
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    for name, body in bodies.items():
        (tmp_path / f"broken_{name}.py").write_text(body)
    points = "".join(f"{name} = broken_{name}:Y\n" for name in bodies)
    (info / "entry_points.txt").write_text(f"[streamfix.filters]\n{points}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(FILTERS, "_announced", None)
    monkeypatch.setattr(FILTERS, "_classes", dict(FILTERS._classes))
    said = run("-filters")
    assert said.code == 0
    for name in bodies:
        assert any(line.startswith(f"  {name:9s} broken: ") for line in said.out.splitlines()), name
    assert "  invert    Turn light into dark." in said.out


def test_one_filter(run: Run) -> None:
    said = run("-h", "filter=invert")
    assert said.code == 0
    assert said.out.startswith("invert (layout luma, no look-ahead)\n\nTurn light into dark.")
    assert "  amount           a number (default 1.0)" in said.out


@pytest.mark.parametrize("name", ["scale", "null"])
def test_a_filter_that_is_not_ours(run: Run, name: str) -> None:
    said = run("-h", f"filter={name}")
    assert said.code == 0
    assert said.out.startswith(f"{name}: ")


def test_no_such_filter(run: Run) -> None:
    said = run("-h", "filter=smoth")
    assert said.code == 1
    assert said.err == "streamfix: -h filter=smoth: no such filter; streamfix -filters lists them\n"
