"""Options that a muxer does not know."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unused_options() -> Iterator[dict[str, str]]:
    """Options that libavformat did not take. PyAV tells only by a log message."""
    unused: dict[str, str] = {}

    class Catch(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            begin, _, rest = record.getMessage().partition("not used: ")
            if begin and rest:
                unused.update(ast.literal_eval(rest))
                return False
            return True

    logger = logging.getLogger("av.container.output")
    catch, level, disabled = Catch(), logger.level, logging.root.manager.disable
    logger.addFilter(catch)
    logger.setLevel(logging.WARNING)
    logging.disable(logging.NOTSET)
    try:
        yield unused
    finally:
        logger.removeFilter(catch)
        logger.setLevel(level)
        logging.disable(disabled)
