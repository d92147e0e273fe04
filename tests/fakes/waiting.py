"""How tests wait for what happens in another thread or process: for the event itself, never for a fixed time."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

#: Seconds; a limit and no measure. It is far more than anything takes, on a machine that is busy with something else
#: too: a test that reaches it has failed.
LONG_S = 120.0


def until(condition: Callable[[], object], what: str = "", timeout_s: float = LONG_S) -> None:
    """Wait until a condition holds that nobody signals, by looking again and again.

    what: names the condition where the test fails.
    Raises AssertionError if it does not hold within `timeout_s`.
    """
    end_s, pause = time.monotonic() + timeout_s, threading.Event()
    while not condition():
        assert time.monotonic() < end_s, f"not so within {timeout_s:g} s: {what or condition}"
        pause.wait(0.005)


def joined(*threads: threading.Thread) -> None:
    """Wait for the end of threads: what a test waits for without a limit hangs the whole run, and says not where."""
    for thread in threads:
        thread.join(LONG_S)
        assert not thread.is_alive(), f"the thread {thread.name!r} does not end within {LONG_S:g} s"


def exited(process: subprocess.Popen[Any]) -> int:
    """Wait for the end of a process, for its exit status."""
    try:
        return process.wait(LONG_S)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"the process does not end within {LONG_S:g} s: {process.args!r}") from None
