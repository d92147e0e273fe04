"""Says each warning once, though a job's parts are set up several times."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Once(logging.Filter):
    """Lets a record of the media's logger pass if its text is new, or if it is less than a warning."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        text = record.getMessage()
        new = text not in self._told
        self._told.add(text)
        return new

    @contextmanager
    def active(self) -> Iterator[None]:
        """While it lasts, this object decides what is logged."""
        logger = logging.getLogger("streamfix.media")
        logger.addFilter(self)
        try:
            yield
        finally:
            logger.removeFilter(self)
