"""From a command line to a run of its job: may the output be replaced, where stdout goes, who shows progress."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import resource
import sys
from collections.abc import Iterator
from dataclasses import replace

from ...errors import OutputError, UsageError
from .grammar import CommandLine
from .jobs import STDOUT, existing_outputs, job_spec, reads_stdin, writes_stdout
from .logs import VERBOSE, redacted_stderr
from .progress import Bar, Blocks, ProgressView, StatusLine, open_url
from .terminal import Keyboard, TerminalRun

_log = logging.getLogger("streamfix")


def run(line: CommandLine) -> int:
    """Run the job and return the exit code. Raises what the job raised, and UsageError."""
    with redacted_stderr() if _log.isEnabledFor(VERBOSE) else contextlib.nullcontext():
        return _run(line)


def _run(line: CommandLine) -> int:
    listener = None
    if url := line.options.get("progress"):
        if writes_stdout(line) and url in ("-", "pipe:", "pipe:1"):
            raise UsageError(f"-progress {url}: stdout carries the video; use -progress pipe:2 or a file")
        listener = Blocks(open_url(url))
    spec = job_spec(line, overwrite=may_overwrite(line))
    if spec.live is not None:
        from ...jobs.live import share_interpreter

        share_interpreter()
    reports: list[ProgressView] = [listener] if listener else []
    with contextlib.ExitStack() as stack:
        if writes_stdout(line):
            if fcntl.fcntl(1, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
                raise OutputError("stdout carries the video, and it is closed; write to a file, or open it")
            own = stack.enter_context(_private_stdout())
            outputs = tuple(replace(o, url=own) if o.url in STDOUT else o for o in spec.outputs)
            spec = replace(spec, outputs=outputs)
        if line.options.get("stats", _log.isEnabledFor(logging.INFO)):
            on_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
            reports.append(stack.enter_context(Bar()) if on_terminal else StatusLine())
        keyboard = stack.enter_context(Keyboard(_may_take_keys(line)))
        attended = TerminalRun(spec, reports, keyboard, float(line.options.get("stats_period", 0.5)))
        code = attended.run()
    if line.options.get("benchmark"):
        _print_benchmark(attended.elapsed_s)
    return code


def may_overwrite(line: CommandLine) -> bool:
    """True if an existing output may be replaced: with -y, or after asking. Raises UsageError if not."""
    if line.options.get("y") and line.options.get("n"):
        raise UsageError("-y and -n are both given; choose one")
    if line.options.get("y"):
        return True
    existing = existing_outputs(line)
    for url in existing:
        _ask_for(line, url)
    return bool(existing)


def _ask_for(line: CommandLine, url: str) -> None:
    """Raise UsageError unless that file may be replaced."""
    if line.options.get("n") or not line.options.get("stdin", True) or reads_stdin(line) or not sys.stdin.isatty():
        raise UsageError(f"File {url!r} already exists. Exiting; -y overwrites it.")
    sys.stderr.write(f"File {url!r} already exists. Overwrite? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError(f"Not overwriting {url!r} - exiting.")


def _may_take_keys(line: CommandLine) -> bool:
    return bool(line.options.get("stdin", True)) and not reads_stdin(line)


@contextlib.contextmanager
def _private_stdout() -> Iterator[str]:
    """Keep stdout for the muxer, which gets it as a URL; send to stderr what anything else prints, in Python or C."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    try:
        yield f"pipe:{own}"
    finally:
        sys.stdout.flush()
        os.dup2(own, 1)
        os.close(own)


def _print_benchmark(elapsed_s: float) -> None:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    user_s, system_s = own.ru_utime + children.ru_utime, own.ru_stime + children.ru_stime
    sys.stderr.write(f"bench: utime={user_s:.3f}s stime={system_s:.3f}s rtime={elapsed_s:.3f}s\n")
    sys.stderr.write(f"bench: maxrss={own.ru_maxrss}KiB\n")
