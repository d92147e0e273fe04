"""A read that waits for the network ends when it is told to, and at once."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from streamfix.errors import InputError
from streamfix.media.input.reader import InputSpec, LiveInput, Reader
from streamfix.media.interruption import Interruption
from tests.fakes.waiting import LONG_S


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_a_blocked_open_returns_soon_after_the_flag_is_set(silent: socket.socket) -> None:
    """Long before its own limit."""
    flag = Interruption()
    ended: list[BaseException] = []

    def read() -> None:
        flag.interrupts_this_thread()
        try:
            Reader(
                [InputSpec(f"tcp://127.0.0.1:{port_of(silent)}", "mpegts", timeout_s=10 * LONG_S)], live=LiveInput(flag)
            )
        except InputError as error:
            ended.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    client, _ = silent.accept()
    flag.set()
    thread.join(LONG_S)
    assert not thread.is_alive() and ended
    client.close()


def test_other_threads_go_on_until_their_own_limit(silent: socket.socket) -> None:
    flag = Interruption()
    flag.set()
    other = threading.Thread(target=flag.interrupts_this_thread)
    other.start()
    other.join()
    begin_s = time.monotonic()
    with pytest.raises(InputError, match=r"no answer for 0\.3 s"):
        Reader([InputSpec(f"tcp://127.0.0.1:{port_of(silent)}", "mpegts", timeout_s=0.3)])
    assert 0.3 <= time.monotonic() - begin_s < LONG_S


def test_what_is_registered_is_called_once_set_and_at_once_afterwards() -> None:
    flag, calls = Interruption(), list[str]()
    flag.calls(lambda: calls.append("a"))
    assert calls == []
    flag.set()
    assert calls == ["a"]
    flag.calls(lambda: calls.append("b"))
    assert calls == ["a", "b"]
