"""`streamfix daemon` as a process: it starts, says how it is, reads its file again, finishes and ends as it is told."""

from __future__ import annotations

import configparser
import json
import shlex
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streamfix import __version__
from streamfix.__main__ import main
from streamfix.apps.daemon import service
from tests.apps.daemon.running import Daemon
from tests.apps.daemon.running import start as start
from tests.apps.material import ROOT
from tests.fakes.waiting import LONG_S

SAMPLES = ROOT / "samples" / "daemon"
EMPTY = "[daemon]\nport = 0\n"


@pytest.mark.slow
def test_a_service_from_its_start_to_its_end(start: Callable[..., Daemon]) -> None:
    daemon = start(EMPTY)
    daemon.told("READY=1")
    assert [daemon.get(path)[0] for path in ("/livez", "/readyz", "/api/streams")] == [200, 200, 200]
    assert "streamfix_build_info{" in daemon.get("/metrics")[1]
    daemon.told("WATCHDOG=1")
    daemon.config.write_text('[daemon]\nport = 0\nmax_lod = 1\n[[streams]]\nname = "A"\n')
    daemon.send(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in daemon.told("RELOADING=1")
    daemon.told("READY=1")
    wrong = [e["message"] for e in daemon.said() if "not reloaded" in e["message"]]
    assert f"not reloaded: {daemon.config}:3: daemon.max_lod" in wrong[0]
    assert len(wrong) > 1, "all that is wrong is said at once"
    daemon.config.write_text(f"[daemon]\nport = {'1' * 5000}\n")
    daemon.send(signal.SIGHUP)
    daemon.told("RELOADING=1")
    daemon.told("READY=1")
    assert daemon.get("/livez")[0] == 200, "a number that Python does not read ends nothing"
    daemon.config.write_text(EMPTY + "log = 'human'\nmax_load = 0.5\nhosts = ['nvr.example']\n")
    daemon.send(signal.SIGHUP)
    daemon.told("RELOADING=1")
    daemon.told("READY=1")
    assert "daemon.hosts has changed; restart the daemon for it to take effect" in [e["message"] for e in daemon.said()]
    daemon.send(signal.SIGTERM)
    daemon.told("STOPPING=1")
    assert daemon.process.wait(LONG_S) == 0
    assert "all outputs were finished" in daemon.said()[-1]["message"]
    assert all(e["level"] != "critical" for e in daemon.said())


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("[daemon]\nport = 99999\n", "streams.toml:2: daemon.port"),
        ("[daemon\n", "streams.toml:1"),
        (f"[daemon]\nport = {'1' * 5000}\n", "streams.toml: Exceeds the limit"),
        (f"[daemon]\nport = 0x{'f' * 5000}\n", "streams.toml:2: daemon.port = ..."),
        ('[daemon]\nhost = "0.0.0.0"\n', "set token, or listen at 127.0.0.1"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(
    tmp_path: Path, text: str, want: str, capsys: pytest.CaptureFixture[str], quiet: None
) -> None:
    (tmp_path / "streams.toml").write_text(text)
    assert main(["daemon", "-c", str(tmp_path / "streams.toml")]) == 1
    said = capsys.readouterr()
    assert want in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("words", "want"),
    [
        ([], "the following arguments are required: -c"),
        (["-c", "/nowhere/streams.toml"], "No such file or directory; give the daemon's configuration"),
        (["-c", "x", "-v", "loud"], "--loglevel loud: unknown level; choose one of error"),
    ],
)
def test_wrong_words_end_with_1(words: list[str], want: str, capsys: pytest.CaptureFixture[str], quiet: None) -> None:
    assert main(["daemon", *words]) == 1
    assert want in capsys.readouterr().err


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["daemon", "--help"]) == 0
    assert "--check" in capsys.readouterr().out


def test_other_words_are_the_command_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-version"]) == 0
    assert capsys.readouterr().out.startswith(f"streamfix {__version__}")


def test_a_port_that_is_taken_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], quiet: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (tmp_path / "streams.toml").write_text(f"[daemon]\nport = {taken.getsockname()[1]}\n")
        signals = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
        try:
            assert main(["daemon", "-c", str(tmp_path / "streams.toml")]) == 1
        finally:
            for number, handler in signals.items():
                signal.signal(number, handler)
    assert "choose another" in capsys.readouterr().err


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delitem(sys.modules, "streamfix.apps.daemon.service")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "streamfix.apps.daemon.engine.supervisor")
    monkeypatch.delitem(sys.modules, "streamfix.apps.daemon.http.metrics")
    assert main(["daemon", "-c", "x"]) == 1
    assert 'pip install "streamfix[daemon]"' in capsys.readouterr().err


@pytest.mark.slow
def test_the_example_has_no_mistakes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, quiet: None
) -> None:
    """With its folder and its password it is right; without them it says so."""
    monkeypatch.delenv("YARD_PASSWORD", raising=False)
    path = tmp_path / "streams.toml"
    path.write_text((SAMPLES / "streams.toml").read_text().replace("/var/lib/streamfix", str(tmp_path / "recordings")))
    assert main(["daemon", "--check", "-c", str(path)]) == 1
    said = capsys.readouterr().err
    assert "${env:YARD_PASSWORD}: the variable is not set" in said
    assert "there is no such folder; make the folder" in said
    monkeypatch.setenv("YARD_PASSWORD", "x")
    (tmp_path / "recordings").mkdir()
    assert main(["daemon", "--check", "-c", str(path)]) == 0
    rest = "2 streams (1 not enabled, of which the form alone was checked), nothing wrong\n"
    assert capsys.readouterr().out.endswith(f"streams.toml: {rest}")


def test_the_unit_starts_what_there_is() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(SAMPLES / "streamfix.service", encoding="utf-8")
    assert unit["Service"]["Type"] == "notify-reload"
    program, word, *words = shlex.split(unit["Service"]["ExecStart"])
    assert (Path(program).name, word) == ("streamfix", "daemon")
    assert service.read(words).config == Path("/etc/streamfix/streams.toml")


def test_the_container_starts_what_there_is() -> None:
    lines = (SAMPLES / "Dockerfile").read_text(encoding="utf-8").splitlines()
    (entry,) = [line for line in lines if line.startswith("ENTRYPOINT ")]
    program, word, *words = json.loads(entry.removeprefix("ENTRYPOINT "))
    assert (program, word) == ("streamfix", "daemon")
    assert service.read(words).config == Path("/etc/streamfix/streams.toml")
    copied = [part for line in lines if line.startswith("COPY ") for part in line.split()[1:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert {"pyproject.toml", "streamfix", "plugins"} <= set(copied)
