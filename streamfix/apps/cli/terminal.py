"""A job run from a terminal: what it is going to do, signals, keys, progress reports, exit code.

The job runs in a thread of its own from the first open on, so that the main thread always answers signals: a read that
blocks in C cannot hold up ^C.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ...errors import Cancelled
from ...jobs import Hosting, Job, JobSpec, Progress, build_job
from ...live.health import Health
from .progress import Blocks, ProgressView
from .values import format_clock

STOPPED = 255  # by a signal; the file is finalised
HARD_EXIT = 123  # repeated signals
_PATIENCE_S = 2.0  # for the threads to end after a cancel

_log = logging.getLogger("streamfix")
_END = 0  # in the wake-up pipe, beside signal numbers


class Keyboard(AbstractContextManager["Keyboard"]):
    """Takes single keys from the terminal; none if stdin is no terminal or the process runs in the background."""

    def __init__(self, wanted: bool) -> None:
        self._before: list[Any] | None = None
        self._wanted = wanted

    def __enter__(self) -> Keyboard:
        if self._wanted and sys.stdin.isatty() and _in_foreground():
            self._before = termios.tcgetattr(0)
            tty.setcbreak(0)
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()

    @property
    def descriptors(self) -> list[int]:
        """File descriptors to wait for with select."""
        return [0] if self._before is not None else []

    def asked_to_quit(self) -> bool:
        """Read what was typed; True if it was q. A terminal that is gone gives no more keys."""
        try:
            keys = os.read(0, 64)
        except OSError:
            keys = b""
        if not keys:
            self._before = None
        return b"q" in keys.lower()

    def restore(self) -> None:
        """Give the terminal back as it was."""
        before, self._before = self._before, None
        if before is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, before)


def _in_foreground() -> bool:
    """A background process that touches the terminal's settings is stopped by the kernel."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:  # a terminal, but not the process's controlling one
        return False


class TerminalRun:
    """One run of one job, and the user who watches it."""

    def __init__(self, spec: JobSpec, reports: Sequence[ProgressView], keyboard: Keyboard, period_s: float) -> None:
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
                worker.join()  # it holds the job, whose encoders log a last line when they are freed
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
            # Nothing is written yet, and opening the input may block for ever.
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
            except OSError:  # the reader has gone, which is no reason to end the job
                self._reports.remove(report)

    def _leave(self, code: int, worker: threading.Thread | None = None) -> None:
        """Exit without waiting for threads that may hang in C."""
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
        if count > 2:  # the user means it, whatever the process hangs in
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


def describe(job: Job) -> None:
    """Log the input, where each stream goes, and whether a filter may invent detail."""
    info = job.reader.info
    facts = [f"{info.width}x{info.height}", info.pix_fmt]
    if info.rate:
        facts.append(f"{float(info.rate):.4g} fps")
    if info.duration_s:
        facts.append(format_clock(info.duration_s))
    policy = job.spec.live
    if policy is not None:
        facts.append(f"live within {policy.max_latency_s * 1000:g} ms")
    urls = ", ".join(repr(spec.shown) for spec in job.spec.inputs)
    _log.info("Input %s: %s", urls, ", ".join(facts))
    masks = ["privacy"] if job.spec.privacy is not None else []
    chain = ",".join([*masks, *(spec.name for spec in job.spec.filters)]) or "null"
    codecs = dict.fromkeys([job.writer.video_codec, *(o.video_codec for o in job.spec.outputs[1:] if o.video_codec)])
    outputs = job.spec.outputs
    ways = {
        "audio": ", ".join(dict.fromkeys(o.audio_codec for o in outputs if o.audio)),
        "subtitle": ", ".join(dict.fromkeys(o.subtitle_codec for o in outputs if o.subtitles)),
    }
    for stream in job.reader.streams:
        way = f"{chain} -> {', '.join(codecs)}" if stream.restored else ways.get(stream.kind, "copy")
        _log.info("  %s -> %s", stream, way)
    for output in outputs:
        _log.info("Output %r", output.shown)
    if job.restoration and job.restoration.generative:
        names = ", ".join(job.restoration.generative)
        _log.info("%s may invent detail: the result is reconstructed, not restored", names)
