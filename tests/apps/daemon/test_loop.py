"""Work in a thread of its own goes on after a bug, and ends when it is told to."""

from __future__ import annotations

import threading

import pytest

from streamfix.apps.daemon.loop import Loop
from tests.fakes.waiting import LONG_S


def test_a_bug_is_told_and_the_loop_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    calls, enough = list[int](), threading.Event()

    def work() -> None:
        calls.append(1)
        if len(calls) == 3:
            enough.set()
        raise ValueError("a bug")

    loop = Loop("test", "testing", work, 0.0)
    assert loop.close(LONG_S), "one that was not started has ended"
    loop = Loop("test", "testing", work, 0.0)
    loop.start()
    assert enough.wait(LONG_S)
    assert loop.close(LONG_S)
    assert caplog.messages.count("testing failed because of a bug in the daemon; the daemon goes on") >= 2


@pytest.mark.parametrize("at_once", [False, True])
def test_the_first_time_is_at_once_where_it_is_asked_for(at_once: bool) -> None:
    called = threading.Event()
    loop = Loop("test", "testing", called.set, 2 * LONG_S, at_once=at_once)
    loop.start()
    if at_once:
        assert called.wait(LONG_S)
    assert loop.close(LONG_S)
    assert called.is_set() == at_once
