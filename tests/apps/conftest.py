"""Clips and filters for the shells' tests."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import av.logging
import pytest

from streamfix.apps.cli import main
from streamfix.filters import FILTERS
from streamfix.media import libav_errors as faults
from tests.apps.material import install_filters, write_clip


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mkv", audio=True)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the test filters' package, as pip would install it."""
    return install_filters(tmp_path_factory.mktemp("site"))


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command line in this process; its exit code and what it said, in C too."""
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(FILTERS, "_announced", None)  # what is installed is looked up once a process
    loggers = [logging.getLogger(name) for name in ("streamfix", "py.warnings")]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]

    def run(*words: str | Path) -> Said:
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return Said(code, said.out, said.err)

    monkeypatch.setattr(faults, "_shown", None)
    yield run
    av.logging.set_level(None)
    logging.captureWarnings(False)
    sys.stdout.flush()
    for logger, handlers, level, propagate in before:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)
