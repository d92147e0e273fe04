"""What systemd is told: the words of sd_notify(3), on a real socket; nothing without one."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamfix.apps.daemon.engine.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.setblocking(False)
        yield line


def heard(manager: socket.socket) -> list[str]:
    """All that was said so far."""
    said = []
    while True:
        try:
            said.append(manager.recv(4096).decode())
        except BlockingIOError:
            return said


def test_the_words_are_systemds(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready()
    notifier.status("2 streams: 2 running")
    notifier.stopping()
    assert heard(manager) == ["READY=1", "STATUS=2 streams: 2 running", "STOPPING=1"]


def test_a_reload_says_when_it_began(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier.reloading()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    (said,) = heard(manager)
    first, second = said.split("\n")
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= after


def test_a_status_is_one_line_and_said_once(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    for text in ("one\nREADY=1", "one READY=1", "two"):
        notifier.status(text)
    assert heard(manager) == ["STATUS=one READY=1", "STATUS=two"]


def test_a_sign_of_life_each_half_of_the_watchdogs_time(manager: socket.socket) -> None:
    environment = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "4000000", "WATCHDOG_PID": str(os.getpid())}
    notifier = Notifier(environment)
    assert notifier.watchdog_s == 4.0
    told = []
    for tenth in range(100):
        notifier.alive(1000 + tenth / 10)
        told += [tenth / 10] * len(heard(manager))
    assert told == [0.0, 2.0, 4.0, 6.0, 8.0]


@pytest.mark.parametrize(
    "environment",
    [
        {"WATCHDOG_PID": "1", "WATCHDOG_USEC": "1000"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {},
    ],
)
def test_a_watchdog_that_is_not_ours_is_not_fed(manager: socket.socket, environment: dict[str, str]) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname(), **environment})
    notifier.alive(1.0)
    assert notifier.watchdog_s is None
    assert heard(manager) == []


def test_the_abstract_namespace() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(f"\0streamfix-test-{os.getpid()}")
        Notifier({"NOTIFY_SOCKET": f"@streamfix-test-{os.getpid()}"}).ready()
        assert line.recv(100) == b"READY=1"


def test_without_a_socket_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    notifier = Notifier({"WATCHDOG_USEC": "1000"})
    notifier.ready()
    notifier.alive(1.0)
    assert notifier.watchdog_s is None


def test_a_manager_that_is_away_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
    assert "systemd was not told READY=1" in caplog.text
