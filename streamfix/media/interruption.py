"""A flag that stops reading, also where a thread is blocked in libav, which knows nothing of flags."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import av.container.core

_FAR_S = 1e9


class Interruption(threading.Event):
    """A flag that any thread may set once; setting it calls everything that was registered."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: list[Callable[[], object]] = []

    def calls(self, end: Callable[[], object]) -> None:
        """Register `end`, which makes a blocked call return; if the flag is set already, it is called at once."""
        self._ends.append(end)
        if self.is_set():
            end()

    def set(self) -> None:
        super().set()
        for end in list(self._ends):
            end()

    def interrupts_this_thread(self) -> None:
        """Make the network reads of this thread return once the flag is set, for inputs that have a time limit."""
        _of_thread.interruption = self


class _ThreadsClock:
    """The clock that PyAV reads: for a thread that was interrupted it leaps ahead with every look.

    PyAV cannot interrupt a read; it can only give it a time limit, which the waiting thread compares with the clock
    ten times a second. The leap makes that limit pass at once. Without it, a thread that is no longer needed would keep
    its camera's session until the limit, and one that read the clock while Python shut down would crash the process.
    """

    def __init__(self) -> None:
        self._looks = itertools.count(1)

    def monotonic(self) -> float:
        interruption: Interruption | None = getattr(_of_thread, "interruption", None)
        if interruption is None or not interruption.is_set():
            return time.monotonic()
        return time.monotonic() + _FAR_S * next(self._looks)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


_of_thread = threading.local()
av.container.core.time = _ThreadsClock()  # type: ignore[attr-defined]
