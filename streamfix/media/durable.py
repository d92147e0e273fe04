"""Files that are whole or not there at all, also after a crash."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import OutputError

_UNFINISHED = ".unfinished"


def unfinished(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(path.name + _UNFINISHED)


def is_unfinished(path: Path) -> bool:
    """True for what a crash has left of a file that was being written."""
    return _UNFINISHED in path.name


def write(path: Path, data: bytes) -> None:
    """Put a file in its place, or a new one in the place of an old one. Raises OutputError."""
    with explained(path):
        with unfinished(path).open("wb") as file:
            file.write(data)
            sync(file)
        publish(unfinished(path), path)


def publish(path: Path, final: Path) -> None:
    """Give a file that is on the disk its own name, and wait until that is on the disk as well. Raises OSError."""
    path.replace(final)
    _sync(final.parent)


def sync_file(path: Path) -> None:
    """Wait until a file that somebody else has written is on the disk, with its name."""
    _sync(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some file systems cannot
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync(file: Any) -> None:
    """Wait until what was written to an open file is on the disk. Raises OSError if it cannot be there."""
    file.flush()
    os.fsync(file.fileno())


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """What the operating system says becomes an OutputError that names the file."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}") from error
