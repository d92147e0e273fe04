"""What several tests of the daemon need."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from streamfix.media import redact


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test calls a secret is none in the next."""
    monkeypatch.setattr(redact, "_secrets", ())


@pytest.fixture
def quiet() -> Iterator[None]:
    """The process's logging as it was before."""
    loggers = [logging.getLogger(name) for name in ("streamfix", "uvicorn", "py.warnings")]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    logging.captureWarnings(False)
    for logger, handlers, level, propagate in before:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)
