"""Work that is done again and again in a thread of its own, whatever goes wrong with it once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("streamfix.daemon")


class Loop:
    """Calls `work` every `period_s` seconds. An error of it is a bug: it is logged, and the loop goes on.

    name: the thread's. doing: what the work is, for the log. at_once: the first time without waiting.
    """

    def __init__(
        self, name: str, doing: str, work: Callable[[], None], period_s: float, *, at_once: bool = False
    ) -> None:
        self._doing, self._work, self._period_s, self._at_once = doing, work, period_s, at_once
        self._ended = threading.Event()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self.thread.start()

    def close(self, patience_s: float) -> bool:
        """End the loop; waits only so long, since the daemon must end whatever hangs. False if the work hangs."""
        self._ended.set()
        if self.thread.ident is not None:
            self.thread.join(patience_s)
        return not self.thread.is_alive()

    def _run(self) -> None:
        wait_s = 0.0 if self._at_once else self._period_s
        while not self._ended.wait(wait_s):
            wait_s = self._period_s
            try:
                self._work()
            except Exception:
                log.exception("%s failed because of a bug in the daemon; the daemon goes on", self._doing)
