"""The watch over the streams: what it looks at may hang, and the daemon ends all the same."""

from __future__ import annotations

import threading

import pytest

from streamfix.apps.daemon.config.config import DaemonConfig
from streamfix.apps.daemon.engine import watch
from streamfix.apps.daemon.engine.shared import Shared
from streamfix.apps.daemon.engine.stream import ManagedStream
from streamfix.apps.daemon.engine.watch import Watch
from tests.fakes.waiting import LONG_S, joined


def test_a_watch_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(watch, "TICK_S", 0.0)
    monkeypatch.setattr(watch, "_PATIENCE_S", 0.0)
    hangs, goes_on = threading.Event(), threading.Event()

    def streams() -> list[ManagedStream]:
        hangs.set()
        assert goes_on.wait(LONG_S)
        return []

    made = Watch(streams, Shared(DaemonConfig(), capacity=1.0))
    made.start()
    assert hangs.wait(LONG_S)
    made.close()
    assert "the watch over the streams hangs" in caplog.text
    goes_on.set()
    joined(made._loop.thread)
