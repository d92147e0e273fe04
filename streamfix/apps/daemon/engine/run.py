"""One run of a stream, from start to stop: a thread that makes one attempt after another, each with a job."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, runtime_checkable

from ....errors import (
    BadOption,
    IncompleteOutput,
    LoginRefused,
    StreamfixError,
    UnknownName,
    UnusableInput,
    UsageError,
    let_go,
)
from ....live.backoff import Backoff
from ....live.policy import LivePolicy
from ....media.redact import redact
from .control import Conflict, Moved

BACKOFF_S = (1.0, 5.0, 10.0, 60.0)
WELL_S = 30.0  # after a job that ran this long, the waits begin again with the first

# Another attempt would fail in the same way, until somebody changes something.
_FOR_GOOD = (IncompleteOutput, BadOption, UnknownName, UnusableInput)

#: What a run waits for: nothing, room on the machine, another configuration, or its next attempt.
Waiting = Literal["", "room", "change", "attempt"]

log = logging.getLogger("streamfix.daemon")


class Stoppable(Protocol):
    """A job's source while it is being opened, or the job itself."""

    def stop(self) -> None: ...


@runtime_checkable
class Cancellable(Stoppable, Protocol):
    """A job: it can also be ended at once."""

    def cancel(self) -> None: ...


@runtime_checkable
class Retriable(Stoppable, Protocol):
    """A live source or job: a camera that is away can be asked again at once."""

    def retry(self) -> None: ...


class Run:
    """Makes attempts until it is stopped, the input ends, or another attempt cannot help.

    attempt: runs one job to its end and raises what the job raises; it passes the run what `stop` is to stop (`own`).
    failed: called with each error. waiting: what the run waits for while it has no job. next_try_s: Unix time of the
    next attempt that it waits for. unfinished: why a stopped job could not finish its outputs.
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
        self._logins = Backoff(LivePolicy().login_backoff_s, settled_s=WELL_S)
        self.waiting: Waiting = ""
        self.next_try_s: float | None = None
        self.unfinished: Exception | None = None
        self._told = ""  # the last usage error, so that it is not logged at each attempt
        self._part: Stoppable | None = None
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name=f"stream {name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    @property
    def stopping(self) -> bool:
        """True once the run was asked to stop."""
        return self._stopping.is_set()

    @property
    def alive(self) -> bool:
        """True until the run is over."""
        return self._thread.is_alive()

    def own(self, part: Stoppable) -> None:
        """From now on `stop` stops this: first the source that is being opened, then the job."""
        with self._lock:
            self._part = part
            late = self.stopping
        if late:
            part.stop()

    def stop(self) -> None:
        """Ask the run to end; what was read is still written. Does not wait."""
        with self._lock:
            self._stopping.set()
            part = self._part
        self._wake.set()
        if part is not None:
            part.stop()

    def retry(self) -> None:
        """Make the next attempt now: to run a job, or of the job that runs to reach its camera."""
        with self._lock:
            part = self._part
        if isinstance(part, Retriable):
            part.retry()
        self._wake.set()

    def join(self, limit_s: float) -> bool:
        """Wait for the end; False if the run is not over after that time."""
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def cancel(self) -> None:
        """End at once; what is unfinished is lost. Does not wait."""
        with self._lock:
            part = self._part
        if isinstance(part, Cancellable):
            part.cancel()

    def _work(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            begun_s = self._clock()
            self._wake.clear()
            try:
                self._attempt(self)
                return
            except Exception as error:  # noqa: BLE001  # whatever ends one stream must not end the others
                if self._stopping.is_set():
                    let_go(error)
                    return
                lasted_s = self._clock() - begun_s
                failures = 1 if lasted_s >= WELL_S else failures + 1
                if not isinstance(error, LoginRefused):
                    self._logins.was_good_for(lasted_s)
                wait_s = self._after(error, failures)
                let_go(error)  # the stream keeps it, and it the whole job
            finally:
                with self._lock:
                    self._part = None
            self.next_try_s = None if wait_s is None else time.time() + wait_s
            self._wake.wait(wait_s)
            self.waiting, self.next_try_s = "", None

    def _after(self, error: Exception, failures: int) -> float | None:
        """Report the error; returns seconds until the next attempt, None to wait until `retry`."""
        text, which = redact(str(error)), {"stream": self.name}
        if isinstance(error, Moved):
            log.info("%s", text, extra=which)
            return 0.0
        if isinstance(error, (Conflict, *_FOR_GOOD)):
            self.waiting = "room" if isinstance(error, Conflict) else "change"
            self._failed(error)
            rest = "" if isinstance(error, Conflict) else "; it is not tried again until it is changed or told to"
            log.error("%s: %s%s", self.name, text, rest, extra=which)
            return None
        self.waiting = "attempt"
        self._failed(error)
        wrong = isinstance(
            error, UsageError
        )  # mostly permanent, but a secret or a host name may be missing for a moment
        wait_s = self._backoff_s[-1 if wrong else min(failures, len(self._backoff_s)) - 1] * random.uniform(0.8, 1.2)
        if wrong:
            level = logging.DEBUG if text == self._told else logging.ERROR
            log.log(level, "%s: %s; trying again every %.0f s", self.name, text, self._backoff_s[-1], extra=which)
            self._told = text
            return wait_s
        if isinstance(error, LoginRefused):  # of a stream whose lost camera is its end: another waits for it in its job
            wait_s = self._logins.next_s()
        own = isinstance(error, StreamfixError)
        what = text if own else f"{type(error).__name__}: {text}"
        log.error(
            "%s: failed: %s; trying again in %.0f s",
            *(self.name, what, wait_s),
            exc_info=None if own else error,
            extra=which,
        )
        return wait_s
