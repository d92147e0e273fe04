"""One job's run: signals, keys, progress reports, exit code.

The job runs in a thread of its own from the first open on, so that this one
always answers signals: a read that blocks in C cannot hold up ^C.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from ...errors import Cancelled
from ...jobs import Hosting, Job, JobSpec, Progress, build_job
from ...live.health import Health
from .describe import describe
from .keyboard import Keyboard
from .progress import Blocks, Report

STOPPED = 255  # by a signal; the file is finalised
HARD_EXIT = 123  # repeated signals
_PATIENCE_S = 2.0  # for the threads to end after a cancel

_log = logging.getLogger("streamfix")
_END = 0  # in the wake-up pipe, beside signal numbers


class Runner:
    """One run of one job."""

    def __init__(self, spec: JobSpec, reports: Sequence[Report], keyboard: Keyboard, period_s: float) -> None:
        self._spec, self._reports, self._keyboard = spec, list(reports), keyboard
        self._period_s = max(period_s, 0.02)
        self._job: Job | None = None
        self._health = None if spec.live is None else Health()  # before there is a job, that is while a camera is away
        self._error: BaseException | None = None
        self._signals: list[int] = []
        self._begun_s = time.monotonic()
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._woken, False)  # what signal.set_wakeup_fd asks for

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._begun_s

    def run(self) -> int:
        """Run to the end; the exit code. Raises what the job raised."""
        worker = threading.Thread(target=self._work, name="job", daemon=True)
        with _signals_to(self._woken):
            worker.start()
            try:
                ended = self._watch()
            except BaseException:
                if self._job is not None:
                    self._job.cancel()
                    worker.join(_PATIENCE_S)
                raise
            if ended:
                worker.join()  # it has nothing left to do, but holds the job, whose encoders speak when they are freed
            self._report(last=True)
        if len(self._signals) > 1 or not ended:
            _log.error("streamfix: stopped at once; what is unfinished is lost")
            self._leave(HARD_EXIT, worker)
        if isinstance(self._error, Cancelled):  # stopped before the first frame: no success, also after q
            _log.error("streamfix: %s", self._error)
            return STOPPED
        if self._error is not None:
            raise self._error
        return STOPPED if self._signals else 0

    def _work(self) -> None:
        try:
            job = build_job(self._spec, Hosting(health=self._health))
            describe(job)
            self._job = job
            job.run()
        except BaseException as error:  # noqa: BLE001  # carried to the thread that answers the user
            self._error = error
        finally:
            os.write(self._woken, bytes([_END]))

    def _watch(self) -> bool:
        """Answer signals and keys and report until the job has ended; False if it would not end after a cancel."""
        next_s = time.monotonic() + self._period_s
        deadline_s = None
        while True:
            wait_s = max(0.0, next_s - time.monotonic())
            ready, _, _ = select.select([self._wake, *self._keyboard.descriptors], [], [], wait_s)
            for number in os.read(self._wake, 64) if self._wake in ready else b"":
                if number == _END:
                    return True
                self._on_signal(number)
            if set(ready) & set(self._keyboard.descriptors) and self._keyboard.asked_to_quit():
                self._stop()
            now_s = time.monotonic()
            if len(self._signals) > 1:
                deadline_s = deadline_s or now_s + _PATIENCE_S
                if now_s > deadline_s:
                    return False
            if now_s >= next_s:
                self._report()
                next_s = now_s + self._period_s

    def _on_signal(self, number: int) -> None:
        """The first ends the input and lets everything drain; the second ends the run."""
        self._signals.append(number)
        if len(self._signals) == 1:
            _log.info("\nExiting normally, received signal %d; another one stops at once.", number)
            self._stop()
        elif self._job is not None:
            self._job.cancel()

    def _stop(self) -> None:
        if self._job is None:
            # Nothing is written yet, and what blocks in opening the input may never return.
            self._report(last=True)
            _log.error("streamfix: stopped before the first frame; nothing was written")
            self._leave(STOPPED)
        else:
            self._job.stop()

    def _report(self, last: bool = False) -> None:
        job, health = self._job, self._health
        if job is None and health is None and not last:
            return
        waiting = Progress(health=None if health is None else health.report())
        progress = job.progress if job is not None else waiting
        for report in tuple(self._reports):
            if job is None and not isinstance(report, Blocks):
                continue
            try:
                report.show(progress, last)
            except OSError:  # nobody looks any more; that is no reason to end the job
                self._reports.remove(report)

    def _leave(self, code: int, worker: threading.Thread | None = None) -> None:
        """Exit without waiting for threads that may be held up in C."""
        self._keyboard.restore()
        if worker is not None:
            worker.join(0.1)
        sys.stderr.flush()
        os._exit(code)


@contextlib.contextmanager
def _signals_to(descriptor: int) -> Iterator[None]:
    """Signals that ask to end are written to `descriptor` as their number; ignored ones stay so (nohup)."""
    count = 0

    def on_signal(number: int, frame: Any) -> None:
        nonlocal count
        count += 1
        if count > 2:  # whatever holds us up, the user means it
            os._exit(HARD_EXIT)

    numbers = [n for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) != signal.SIG_IGN]
    previous = [signal.signal(n, on_signal) for n in numbers]
    woken = signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)
