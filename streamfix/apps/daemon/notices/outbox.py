"""Sends notices in a thread of its own, again where that can help; whoever hands them over never waits."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from ....errors import StreamfixError
from ....media.redact import redact
from .notice import Notice

MOST = 200  # notices that wait; further ones push the oldest out
LONGEST_S = 3600.0  # a notice that could not be sent for so long tells nobody anything new
BACKOFF_S = (1.0, 5.0, 10.0, 60.0)
PATIENCE_S = 2.0

log = logging.getLogger("streamfix.daemon")


class NotSent(StreamfixError):
    """A notice did not arrive. again: another attempt may help."""

    def __init__(self, text: str, *, again: bool = True) -> None:
        super().__init__(text)
        self.again = again


class Sender(Protocol):
    """Sends one notice at a time. shown: where to, without secrets. keeps_state: it is told of what is no news too."""

    shown: str
    keeps_state: bool

    def send(self, notice: Notice) -> None:
        """Send it; returns once it has arrived. Raises NotSent."""

    def close(self) -> None:
        """Nothing more will be sent."""


class Outbox:
    """The notices to one receiver, in order. From any thread.

    wait: waits so many seconds, or until the outbox is closed; tells whether it is.
    """

    def __init__(
        self,
        sender: Sender,
        *,
        backoff_s: Sequence[float] = BACKOFF_S,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._sender, self._backoff_s, self._clock = sender, tuple(backoff_s), clock
        self._items: deque[tuple[float, Notice]] = deque()
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        self.lost = 0
        self._failures = 0
        self._thread = threading.Thread(target=self._work, name=f"notices {sender.shown}", daemon=True)
        self._thread.start()

    def put(self, notice: Notice) -> None:
        """Hand a notice over, if it concerns the receiver. Never waits."""
        if not notice.news and not self._sender.keeps_state:
            return
        with self._changed:
            if len(self._items) >= MOST:
                self._items.popleft()
                self.lost += 1
            self._items.append((self._clock(), notice))
            self._changed.notify()

    def ask_to_end(self) -> None:
        """End soon; what waits is tried once more."""
        self._closed.set()
        with self._changed:
            self._changed.notify()

    def join(self, limit_s: float = PATIENCE_S) -> bool:
        """Wait for the end, after `ask_to_end`; False if it has not come after that time."""
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (item := self._next()) is not None:
            try:
                self._send(*item)
            except Exception:
                log.exception("a notice to %s was lost because of a bug in the daemon", self._sender.shown)
        self._sender.close()

    def _next(self) -> tuple[float, Notice] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed.is_set())
            return self._items.popleft() if self._items else None

    def _send(self, put_s: float, notice: Notice) -> None:
        shown = self._sender.shown
        while True:
            try:
                self._sender.send(notice)
            except NotSent as error:
                if not error.again:
                    log.error("%s was not told %r: %s", shown, notice.text, redact(str(error)))
                    return
                self._failures += 1
                wait_s = self._backoff_s[min(self._failures, len(self._backoff_s)) - 1]
                if self._failures == 1:
                    text = "%s cannot be told %r: %s; trying again, at most every %.0f s"
                    log.warning(text, shown, notice.text, redact(str(error)), self._backoff_s[-1])
                if self._wait(wait_s):
                    return
                if self._clock() - put_s > LONGEST_S:
                    self.lost += 1
                    return
                continue
            if self._failures or self.lost:
                lost = f"; {self.lost} older notices were given up" if self.lost else ""
                log.info("%s is told again%s", shown, lost)
            self._failures = self.lost = 0
            return
