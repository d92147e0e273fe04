"""`streamfix help`: pages in a terminal, in a pipe, and none of that name."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

import streamfix
from streamfix.apps.cli import listing, main, pages
from streamfix.errors import UnknownName


def test_all_pages_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    said = capsys.readouterr().out
    for name in pages.names():
        assert f"  {name} " in said
    assert "Live streams" in said


def test_the_pages_are_those_that_there_should_be() -> None:
    assert pages.names() == list(pages._ORDER)
    assert all(pages.text(name).startswith("# ") for name in pages.names())


@pytest.mark.parametrize("name", ["live", "live.md", "LIVE"])
def test_a_page_in_a_pipe_is_its_markdown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", name]) == 0
    assert capsys.readouterr().out == pages.text("live")


def test_an_unknown_page_names_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "lvie"]) == 1
    said = capsys.readouterr()
    assert "no page 'lvie' (did you mean 'live'?); there are: cli, live, daemon" in said.err
    assert said.out == ""


@pytest.mark.parametrize("name", ["../README", "pictures", "..", "live/../cli"])
def test_nothing_else_can_be_read(name: str) -> None:
    with pytest.raises(UnknownName, match="there are: "):
        pages.text(name)


def test_the_short_help_tells_of_the_pages() -> None:
    assert "streamfix help" in listing.help_text("")
    assert "streamfix help" in listing.help_text("full")


def test_a_terminal_gets_a_page_through_the_pager() -> None:
    own, other = pty.openpty()
    environment = os.environ | {"PAGER": "cat", "TERM": "xterm-256color", "COLUMNS": "80"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [_root(), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "streamfix", "help", "daemon"]
    with subprocess.Popen(command, stdin=other, stdout=other, stderr=other, env=environment) as child:
        os.close(other)
        said = b""
        while chunk := _read(own):
            said += chunk
    os.close(own)
    assert child.returncode == 0
    text = said.decode()
    assert "\x1b[" in text  # colours
    assert "The daemon" in text and "# The daemon" not in text  # a heading, not Markdown
    assert "pictures/daemon" not in text and "four cameras" not in text


def _root() -> str:
    return os.path.dirname(os.path.dirname(streamfix.__file__))


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # Linux says EIO where the other side of a terminal is closed
        return b""
