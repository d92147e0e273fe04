"""Log levels as ffmpeg's, all on stderr: stdout may be carrying video."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import TextIO

from ...errors import BadOption
from ...media import redact as redaction
from ...media.printable import printable
from ...media.redact import redact

VERBOSE = 15
QUIET = 100
_LAST_WORDS_S = 2.0

_LEVELS = {
    "quiet": QUIET,
    "panic": logging.CRITICAL,
    "fatal": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "verbose": VERBOSE,
    "debug": logging.DEBUG,
    "trace": logging.DEBUG,
}
_NUMBERS = dict(zip((-8, 0, 8, 16, 24, 32, 40, 48, 56), _LEVELS, strict=True))  # ffmpeg's own numbers


def parse_level(text: str) -> int:
    """A level of Python's logging from ffmpeg's name or number; flags (repeat+level+) are ignored.

    Raises BadOption.
    """
    word = text.split("+")[-1]
    if word.lstrip("-").isdigit():
        word = _NUMBERS.get(int(word), word)
    if word not in _LEVELS:
        raise BadOption(f"-loglevel {text}: expected one of {', '.join(_LEVELS)}")
    return _LEVELS[word]


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to the sys.stderr of the moment, which the progress bar replaces."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        raise AttributeError("the stream is always stderr")


class _Formatter(logging.Formatter):
    """Names the part that speaks, hides secrets that nobody has hidden before, writes control characters out."""

    def format(self, record: logging.LogRecord) -> str:
        name = record.name.removeprefix("streamfix").lstrip(".").removeprefix("apps.")
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return printable(redact(f"[{name}] {text}" if name else text), lines=True)


def set_up(level: int) -> None:
    """Send streamfix's logs of at least `level` to stderr, and from verbose on libav's own too."""
    logger = logging.getLogger("streamfix")
    logger.handlers[:] = [handler] = [_StderrHandler()]
    handler.setFormatter(_Formatter())
    logger.setLevel(level)
    logger.propagate = False
    # Python's own warnings (of torch and others) are for developers.
    logging.captureWarnings(True)
    warnings = logging.getLogger("py.warnings")
    warnings.handlers[:] = [handler]
    warnings.propagate = False
    warnings.setLevel(logging.WARNING if level <= VERBOSE else QUIET)
    if level <= VERBOSE:
        import av.logging

        from ...media.libav_errors import show_libav

        # libav writes to stderr without Python: a codec's thread that waited for the interpreter while the
        # interpreter waits for the codec would never end.
        show_libav(av.logging.INFO if level == VERBOSE else av.logging.VERBOSE)


@contextlib.contextmanager
def redacted_stderr() -> Iterator[None]:
    """Send what libav itself writes to stderr through a process that hides the passwords in URLs.

    A thread could deadlock: libav may write while it holds Python's lock, until the pipe is full. Python's own stderr
    stays as it was, since its texts are redacted where they are made.
    """
    command = (sys.executable, "-P", redaction.__file__)
    sys.stderr.flush()
    before, own = sys.stderr, os.dup(2)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, process_group=0) as hiding:
        assert hiding.stdin is not None
        os.dup2(hiding.stdin.fileno(), 2)
        hiding.stdin.close()
        sys.stderr = os.fdopen(os.dup(own), "w", 1, errors="backslashreplace")
        try:
            yield
        finally:
            sys.stderr.close()
            sys.stderr = before
            os.dup2(own, 2)
            os.close(own)
            with contextlib.suppress(subprocess.TimeoutExpired):
                hiding.wait(_LAST_WORDS_S)
