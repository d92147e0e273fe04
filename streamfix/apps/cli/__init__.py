"""The command line, with ffmpeg's habits: options before their file, its exit codes and signals.

Data goes to stdout, everything else to stderr. torch is loaded only when a
filter needs it.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from itertools import pairwise

from ...errors import OutputError, StreamfixError
from ...media.redact import redact
from . import logs
from .grammar import CommandLine, parse

_log = logging.getLogger("streamfix")


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line; its exit code. words: without the program's name, sys.argv unless given."""
    words = sys.argv[1:] if words is None else list(words)
    try:
        logs.set_up(_level(words))
        return _run(words)
    except StreamfixError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        return 255
    except BrokenPipeError:
        # The reader of a listing has gone (streamfix -filters | head); the interpreter must not flush into it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except Exception as error:  # noqa: BLE001  # the last stop: a user gets one line, not a traceback
        return _fail(f"internal error, please report it: {type(error).__name__}: {error} (-loglevel debug shows where)")


def _run(words: list[str]) -> int:
    from . import listing, subcommands

    if words and words[0] in subcommands.NAMES:
        return subcommands.run(words)

    if not words:
        sys.stderr.write(listing.usage() + "\n")
        return 1
    line = parse(words)
    for text in line.warnings:
        _log.warning("%s", text)
    asked = _listing(line)
    if asked is not None:
        _print(asked)
        return 0
    if not line.options.get("hide_banner"):
        _log.info("%s", listing.banner())
    from .run import run

    return run(line)


def _print(text: str) -> None:
    """Write to stdout. Raises BrokenPipeError if its reader has gone, OutputError if it is closed or full."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes what is left into it
        raise OutputError(f"stdout: {error.strerror}; is it closed?") from error


def _listing(line: CommandLine) -> str | None:
    """The text that an option asks for; None if a job is to run."""
    from . import listing

    if "h" in line.options:
        return listing.help_text(line.options["h"])
    if line.options.get("version"):
        return listing.version()
    if line.options.get("filters"):
        return listing.filters_text()
    return None


def _level(words: Sequence[str]) -> int:
    """The last -loglevel, found before anything else so that it holds for every message. Raises BadOption."""
    found = [value for word, value in pairwise(words) if word in ("-v", "-loglevel")]
    return logs.parse_level(found[-1]) if found else logging.INFO


def _fail(message: str) -> int:
    """Print the error in one line; with -loglevel debug its traceback too. Returns the exit code."""
    if not _log.handlers:  # the error is in -loglevel itself
        logs.set_up(logging.INFO)
    _log.error("streamfix: %s", " ".join(message.split()))
    if _log.isEnabledFor(logging.DEBUG):
        sys.stderr.write(redact(traceback.format_exc()))
    return 1
