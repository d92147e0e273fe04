"""`streamfix cluster restore`: from its words to a run, its progress, and the exit code."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ....errors import BadOption, Cancelled, UsageError
from ....jobs import JobSpec
from ....media.redact import redact
from ..grammar import CommandLine, parse, read_option
from ..jobs import job_spec
from ..values import parse_count, parse_duration, parse_number
from .progress import view

_log = logging.getLogger("streamfix")

USAGE = """\
usage: streamfix cluster restore INPUT ... [OPTIONS] -out FOLDER

Restores files on the nodes of a Ray cluster. INPUT is a file, a folder, a pattern in quotes ('in/**/*.mp4'), or a URL
of object storage (s3://bucket/in/*.mp4). Options before the first INPUT are for inputs, those behind it for outputs,
as in streamfix -i: -vf, -c:v, -crf, -an ...

-out FOLDER       where outputs go, under the inputs' names: a folder that all nodes see, or a URL of object storage
-address ADDRESS  HOST:PORT of the cluster's head; auto: the one on this machine, or RAY_ADDRESS; local: this machine
-segments TIME    cut files into segments of that length, which are restored at the same time (60s, 00:01:00)
-cores N          CPUs of a node that each worker is given, and threads that it uses (2)
-memory BYTES     memory of a node that each worker is given (2G); not counted unless given
-carry            nodes do not see this machine's files: inputs and segments go through Ray
-ending ENDING    of the outputs, as .mkv; the inputs' own unless given
-resume_every S   what is done of a whole file is kept after so many seconds of video, for another worker (10)
-resume           go on with what an earlier run in the same folder has left
-report FILE      the report's place; FOLDER/streamfix-report.json unless given
-y                replace outputs that are there
"""
_TAKES: dict[str, Callable[[str], Any]] = {
    "out": str,
    "address": str,
    "segments": parse_duration,
    "cores": parse_count,
    "memory": lambda text: int(parse_number(text)),
    "ending": lambda text: "." + text.lstrip("."),
    "report": str,
}
_FLAGS = ("carry",)


@dataclass(slots=True)
class Words:
    """A command line, read. inputs: patterns. before, behind: words of ffmpeg's kind, for inputs and for outputs."""

    inputs: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    own: dict[str, Any] = field(default_factory=dict)


def run(words: Sequence[str]) -> int:
    """Run `streamfix cluster WORDS`. Raises a StreamfixError."""
    if not words or words[0] in ("-h", "-help", "--help"):
        (sys.stdout if words else sys.stderr).write(USAGE)
        return 0 if words else 1
    if words[0] != "restore":
        raise UsageError(f"cluster {words[0]}: there is `streamfix cluster restore`; -h tells how it is used")
    if any(word in ("-h", "-help", "--help") for word in words):
        sys.stdout.write(USAGE)
        return 0
    return _restore(read(words[1:]))


def read(words: Sequence[str]) -> Words:
    """What the words say. Raises UsageError or BadOption."""
    found, rest = Words(), list(words)
    while rest:
        word = rest.pop(0)
        if len(word) < 2 or not word.startswith("-"):
            found.inputs.append(word)
            continue
        name = word.lstrip("-")
        if name in _FLAGS:
            found.own[name] = True
        elif name in _TAKES:
            if not rest:
                raise BadOption(f"Missing argument for option {name!r}.")
            text = rest.pop(0)
            try:
                found.own[name] = _TAKES[name](text)
            except ValueError as error:
                raise BadOption(f"-{name} {text}: {error}") from None
        else:
            size = len(rest)
            if name == "i":
                raise UsageError("-i: inputs are given without it, as in streamfix cluster restore 'in/*.mp4' -out out")
            read_option(word[1:], rest)
            place = found.behind if found.inputs else found.before
            place += [word, *list(words)[len(words) - size : len(words) - len(rest)]]
    if not found.inputs:
        raise UsageError(
            "no input: name files, a folder or a pattern, as in streamfix cluster restore 'in/*.mp4' -out out"
        )
    if "out" not in found.own:
        raise UsageError("no -out: name the folder for the outputs, as in -out restored")
    if found.own.get("segments") == 0:
        raise BadOption("-segments 0: it takes seconds of video, more than 0")
    return found


def _line(words: Words, input: str, output: str) -> CommandLine:
    return parse([*words.before, "-i", input, *words.behind, "--", output])


def _restore(words: Words) -> int:
    from ....ray.restoring import Run
    from ....ray.work import Options, items_of

    first = _line(words, "input", "output")
    for name in ("progress", "stats_period", "benchmark"):
        if name in first.options:
            raise UsageError(f"-{name}: it is for jobs of one machine; the report and progress tell of a cluster's")
    overwrite, every_s = bool(first.options.get("y")), words.own.get("segments")

    def spec_of(input: str, output: str) -> JobSpec:
        line = _line(words, input, output)
        line.options.pop("resume", None)
        line.options.pop("resume_every", None)
        return job_spec(line, overwrite)

    own = words.own
    options = Options(
        own.get("address", "auto"),
        None if every_s is None else Fraction(every_s),
        keep_s=first.options.get("resume_every", Fraction(10)),
        cores=own.get("cores", 2),
        memory=own.get("memory"),
        carry=bool(own.get("carry")),
        resume=bool(first.options.get("resume")),
        overwrite=overwrite,
        report=own.get("report"),
    )
    folder: str = words.own["out"]
    items = items_of(words.inputs, folder, spec_of, words.own.get("ending"))
    with view(bool(first.options.get("stats", _log.isEnabledFor(logging.INFO)))) as show:
        job = Run(items, folder, options, show)
        try:
            with _stopped_by_signals(job.stop):
                report = job.run()
        except Cancelled as stopped:
            _log.error("streamfix: %s", stopped)
            return 255
    for file in report.failed:
        _log.error("%s: %s", file.input, file.reason)
    _log.info(
        "%d of %d files are done, %d failed, in %.1f s on %d nodes; the report is %s",
        *(report.done, len(report.files), len(report.failed), report.took_s, len(report.nodes)),
        redact(job.place),
    )
    return 1 if report.failed else 0


@contextmanager
def _stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """While it lasts, ^C and SIGTERM stop the run; a second one ends the process."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stopped(number: int, _frame: object) -> None:
        for each, old in before.items():
            signal.signal(each, old)
        stop()

    before = {each: signal.signal(each, stopped) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, old in before.items():
            signal.signal(each, old)


__all__ = ["USAGE", "read", "run"]
