"""`streamfix daemon` as a process, and the manager that started it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.apps.material import command, environment
from tests.fakes.waiting import LONG_S, exited


class Daemon:
    """A daemon in a process of its own, and the manager that started it."""

    def __init__(self, folder: Path, text: str, *words: str) -> None:
        self.config = folder / "streams.toml"
        self.config.write_text(text)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(LONG_S)
        self.log = folder / "log"
        self.process = subprocess.Popen(
            command("daemon", "-c", self.config, "--log", "json", *words),
            env={**environment(), "NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "2000000"},
            stderr=self.log.open("wb"),
        )

    def told(self, word: str) -> str:
        """Wait until the manager is told that; what it was told."""
        while True:
            try:
                said = self.manager.recv(4096).decode()
            except TimeoutError:
                raise AssertionError(f"{word} was never told; the log:\n{self.log.read_text()}") from None
            if word in said:
                return said

    def said(self) -> list[dict[str, str]]:
        """The log."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def get(self, path: str) -> tuple[int, str]:
        """Ask the API."""
        try:
            with urllib.request.urlopen(self.address() + path, timeout=LONG_S) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def json(self, path: str) -> Any:
        """The API's answer."""
        return json.loads(self.get(path)[1])

    def address(self) -> str:
        """The API's URL, without a slash at the end."""
        (message,) = [e["message"] for e in self.said() if "http://" in e["message"]]
        return message[message.index("http://") :]

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def close(self) -> None:
        self.process.kill()
        exited(self.process)
        self.manager.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Starts a daemon; kills it in the end."""
    started: list[Daemon] = []

    def start(text: str, *words: str) -> Daemon:
        started.append(Daemon(tmp_path, text, *words))
        return started[-1]

    yield start
    for daemon in started:
        daemon.close()
