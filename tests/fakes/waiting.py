"""How tests wait for what happens in another thread or process: for the event itself, never for a fixed time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

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
