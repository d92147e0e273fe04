"""A flag that ends reading, also where reading waits for something that does not look at flags."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import av.container.core

_FAR_S = 1e9


class Interruption(threading.Event):
    """Set once, from any thread. What was registered is called then, or at once where it is set already."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: list[Callable[[], object]] = []

    def calls(self, end: Callable[[], object]) -> None:
        """Have `end` called when the flag is set: it makes a blocked call return."""
        self._ends.append(end)
        if self.is_set():
            end()

    def set(self) -> None:
        super().set()
        for end in list(self._ends):
            end()

    def interrupts_this_thread(self) -> None:
        """Make libav's network calls of this thread, of inputs with a time limit, return once the flag is set."""
        _of_thread.interruption = self


class _ThreadsClock:
    """The clock that PyAV sees: of a thread that was interrupted it leaps with every look.

    PyAV offers no way to interrupt a read, only a time limit. In the thread that waits it compares the time with the
    limit ten times a second; so for such a thread the time is up. Without this, a thread that nobody needs any more
    keeps its camera's session until the limit, and one that looks at the clock while Python ends crashes the process.
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
