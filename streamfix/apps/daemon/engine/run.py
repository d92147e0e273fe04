"""One run of a stream, from its start to its stop: attempt after attempt, each a job, in a thread of its own."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from ....errors import IncompleteOutput, StreamfixError, UsageError
from ....media.redact import redact
from .control import Refused

BACKOFF_S = (1.0, 5.0, 10.0, 60.0)
WELL_S = 30.0  # a job that ran so long was well: the next wait is the first one again

#: What a run that is not over waits for: nothing, room on the machine, another configuration, or the next attempt.
Waiting = Literal["", "room", "change", "attempt"]

log = logging.getLogger("streamfix.daemon")


class Stoppable(Protocol):
    """A job, or its source while it is being opened."""

    def stop(self) -> None: ...


class Run:
    """Makes attempts until it is stopped, the input has ended, or nothing can help.

    attempt: runs one job to its end; it is given the run, to `own` what is to be stopped, and raises what the job
    raises. failed: told of each error. waiting: what a run is at that has no job. unfinished: why a
    job that was stopped could not finish its outputs.
    """

    def __init__(
        self,
        name: str,
        attempt: Callable[[Run], None],
        failed: Callable[[BaseException], None],
        backoff_s: Sequence[float] = BACKOFF_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._attempt, self._failed = attempt, failed
        self._backoff_s, self._clock = tuple(backoff_s), clock
        self.waiting: Waiting = ""
        self.unfinished: Exception | None = None
        self._told = ""  # what was wrong, so that it is not said each minute
        self._part: Stoppable | None = None
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name=f"stream {name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def stopping(self) -> bool:
        """True once it was asked to stop."""
        return self._stopping.is_set()

    @property
    def alive(self) -> bool:
        """True until it is over."""
        return self._thread.is_alive()

    def own(self, part: Stoppable) -> None:
        """From now on `stop` stops this part: a source that is being opened, then the job."""
        with self._lock:
            self._part = part
            late = self.stopping
        if late:
            part.stop()

    def stop(self) -> None:
        """Ask it to end: what was read is still written. Does not wait."""
        with self._lock:
            self._stopping.set()
            part = self._part
        self._wake.set()
        if part is not None:
            part.stop()

    def retry(self) -> None:
        """Make the next attempt now."""
        self._wake.set()

    def join(self, limit_s: float) -> bool:
        """Wait for the end; False if it is not over after that time."""
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """End at once: what is unfinished is lost. Does not wait."""
        with self._lock:
            part = self._part
        cancel = getattr(part, "cancel", None)
        if cancel is not None:
            cancel()

    def _work(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            begun_s = self._clock()
            self._wake.clear()
            try:
                self._attempt(self)
                return
            except Exception as error:  # noqa: BLE001  # whatever a stream dies of, the others do not
                if self._stopping.is_set():
                    return
                failures = 1 if self._clock() - begun_s >= WELL_S else failures + 1
                wait_s = self._after(error, failures)
            finally:
                with self._lock:
                    self._part = None
            self._wake.wait(wait_s)
            self.waiting = ""

    def _after(self, error: Exception, failures: int) -> float | None:
        """Tell of the error; seconds until the next attempt, None for when it is asked for."""
        text, which = redact(str(error)), {"stream": self.name}
        if isinstance(error, Refused | IncompleteOutput):  # nothing is gained by doing it all again
            self.waiting = "room" if isinstance(error, Refused) else "change"
            self._failed(error)
            log.error("%s: %s", self.name, text, extra=which)
            return None
        self.waiting = "attempt"
        self._failed(error)
        wrong = isinstance(error, UsageError)  # mostly for good, but a secret or a name may be missing for a moment
        wait_s = self._backoff_s[-1 if wrong else min(failures, len(self._backoff_s)) - 1] * random.uniform(0.8, 1.2)
        if wrong:
            log.log(logging.DEBUG if text == self._told else logging.ERROR, "%s: %s", self.name, text, extra=which)
            self._told = text
            return wait_s
        own = isinstance(error, StreamfixError)
        what = text if own else f"{type(error).__name__}: {text}"
        log.error(
            "%s: failed: %s; starting anew in %.0f s",
            *(self.name, what, wait_s),
            exc_info=None if own else error,
            extra=which,
        )
        return wait_s
