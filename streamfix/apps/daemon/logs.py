"""The daemon's log, on stderr: for people, or one JSON object a line. Credentials are redacted."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal, get_args

from ...errors import BadOption
from ...media.printable import printable
from ...media.redact import redact

Style = Literal["human", "json"]
STYLES: tuple[Style, ...] = get_args(Style)
LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG}

# sd-daemon(3): journald takes a line's priority from its beginning.
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
_OURS = ("streamfix", "uvicorn", "py.warnings")


def parse_level(text: str) -> int:
    """A level of Python's logging by its name here. Raises BadOption."""
    if text not in LEVELS:
        raise BadOption(f"--loglevel {text}: unknown level; choose one of {', '.join(LEVELS)}")
    return LEVELS[text]


class HumanFormatter(logging.Formatter):
    """`2026-01-31 12:00:00 warning live: yard: no picture for 20 s`.

    journal: for journald, which adds the time itself and reads a priority.
    """

    def __init__(self, journal: bool = False) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        text = f"{_room(record)}: {_message(record)}"
        if not self._journal:
            return f"{datetime.fromtimestamp(record.created):%Y-%m-%d %H:%M:%S} {record.levelname.lower()} {text}"
        priority = next((p for level, p in _PRIORITIES if record.levelno >= level), 7)
        return "\n".join(f"<{priority}>{line}" for line in text.split("\n"))


class JsonFormatter(logging.Formatter):
    """{"time": RFC 3339 in UTC, "level", "logger", "thread", "message"}; "stream" where the record has it."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": _message(record),
        }
        if stream := getattr(record, "stream", ""):
            entry["stream"] = stream
        return json.dumps(entry, ensure_ascii=False)


def set_up(style: Style, level: int, environment: Mapping[str, str] | None = None) -> None:
    """Send the log of streamfix and its HTTP server to stderr, from `level` up."""
    environment = os.environ if environment is None else environment
    formatter = JsonFormatter() if style == "json" else HumanFormatter(_goes_to_journal(environment))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    for name in _OURS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(level)
    if level > logging.DEBUG:  # we log its start and end ourselves
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # Python's own warnings are for developers.
    logging.captureWarnings(True)
    logging.getLogger("py.warnings").setLevel(logging.WARNING if level <= logging.DEBUG else logging.CRITICAL)


def _goes_to_journal(environment: Mapping[str, str]) -> bool:
    """True if stderr is the socket that systemd says is the journal's."""
    try:
        device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
        found = os.fstat(sys.stderr.fileno())
        return (found.st_dev, found.st_ino) == (int(device), int(inode))
    except (OSError, ValueError):  # no such variable, or a stderr that is no file
        return False


def _room(record: logging.LogRecord) -> str:
    return record.name.removeprefix("streamfix").lstrip(".") or "streamfix"


def _message(record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info:
        text += "\n" + logging.Formatter().formatException(record.exc_info)
    return printable(redact(text), lines=True)
