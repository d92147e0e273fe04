"""A stream's recordings on the disk: found, opened and removed by name, without following a link."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ....errors import InputError
from .names import RecordingNames

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a named pipe must not hold anybody up


@dataclass(frozen=True, slots=True)
class Recording:
    """One file. name: the output's number from 1, and the path below its root: 1/2026-11-30/yard_120000.mp4.

    changed_s: when it was last written, Unix seconds.
    identity: of the file itself, whatever it is called.
    """

    name: str
    path: Path
    changed_s: float
    bytes: int
    identity: tuple[int, int]


class Catalogue:
    """The recordings of one stream. outputs: the names that each gives; None for what records nothing."""

    def __init__(self, outputs: Sequence[RecordingNames | None]) -> None:
        self.outputs = tuple(outputs)

    def find(self) -> list[Recording]:
        """All recordings, the oldest first. Raises OSError where a folder cannot be read."""
        found: dict[tuple[int, int], Recording] = {}
        for number, names in enumerate(self.outputs, 1):
            if names is not None and names.root.is_dir():
                for one in _walk(number, names, names.root, ()):
                    found.setdefault(one.identity, one)
        return sorted(found.values(), key=lambda one: (one.changed_s, one.name))

    def begun_s(self, recording: Recording) -> float | None:
        """When a recording began, as its name says, Unix seconds; None if it does not. (It takes its time.)"""
        names, parts = self._place(recording.name)
        return names.start_s(parts)

    def begun_by(self, found: Sequence[Recording], at_s: float) -> Sequence[Recording]:
        """Of recordings, the newest first, those that had begun at a time: all behind the first of them."""
        first = next((i for i, one in enumerate(found) if one.changed_s <= at_s), len(found))
        while first > 0 and (self.begun_s(found[first - 1]) or at_s + 1) <= at_s:
            first -= 1
        return found[first:]

    def owns(self, path: Path) -> bool:
        """True if one of the outputs could have made that file."""
        for names in self.outputs:
            if (
                names is not None
                and path.is_relative_to(names.root)
                and names.match(path.relative_to(names.root).parts)
            ):
                return True
        return False

    def open(self, name: str) -> int:
        """A descriptor of a recording, for reading. Raises InputError if there is no recording of that name."""
        names, parts = self._place(name)
        try:
            with _folder(names.root, parts[:-1]) as folder:
                descriptor = os.open(parts[-1], _FILE, dir_fd=folder)
        except OSError as error:
            raise InputError(f"{name}: {error.strerror}; the recording may have been removed") from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise InputError(f"{name}: it is no regular file")
        return descriptor

    def remove(self, recording: Recording) -> None:
        """Remove a recording, if it still is the file that was found. Raises OSError."""
        names, parts = self._place(recording.name)
        with _folder(names.root, parts[:-1]) as folder:
            now = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
            if (now.st_dev, now.st_ino) == recording.identity:
                os.unlink(parts[-1], dir_fd=folder)

    def remove_empty_folders(self, spared: Sequence[Path]) -> list[Path]:
        """Remove folders named by the clock that have nothing in them; returns those. spared: are left, and above."""
        gone = []
        for names in self.outputs:
            for folder in _empty(names, names.root, 0) if names is not None and names.folders else ():
                if not any(one == folder or folder in one.parents for one in spared):
                    with contextlib.suppress(OSError):  # somebody has put something into it meanwhile
                        folder.rmdir()
                        gone.append(folder)
        return gone

    def _place(self, name: str) -> tuple[RecordingNames, tuple[str, ...]]:
        number, *parts = name.split("/")
        known = self.outputs[int(number) - 1] if _is_number(number, len(self.outputs)) else None
        if known is None or not known.match(tuple(parts)):
            raise InputError(f"{name}: there is no recording of that name")
        return known, tuple(parts)


def open_files() -> set[tuple[int, int]]:
    """Identities of all files that this process has open: among them those that are being written."""
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # closed meanwhile
            known = os.fstat(int(descriptor))
            found.add((known.st_dev, known.st_ino))
    return found


def _is_number(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= most


def _walk(number: int, names: RecordingNames, folder: Path, parts: tuple[str, ...]) -> Iterator[Recording]:
    inner = len(parts) < len(names.folders)
    with os.scandir(folder) as entries:
        for entry in entries:
            if inner:
                if names.folders[len(parts)].fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                    yield from _walk(number, names, folder / entry.name, (*parts, entry.name))
            elif names.match((*parts, entry.name)) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(FileNotFoundError):
                    known = entry.stat(follow_symlinks=False)
                    yield Recording(
                        "/".join((str(number), *parts, entry.name)),
                        folder / entry.name,
                        known.st_mtime,
                        known.st_size,
                        (known.st_dev, known.st_ino),
                    )


def _empty(names: RecordingNames, folder: Path, depth: int) -> Iterator[Path]:
    """Folders below `folder`, made by the clock, the innermost first. Not all of them need be empty."""
    if depth < len(names.folders) and folder.is_dir():
        for inner in sorted(folder.iterdir()):
            if names.folders[depth].fullmatch(inner.name) and inner.is_dir() and not inner.is_symlink():
                yield from _empty(names, inner, depth + 1)
                yield inner


@contextlib.contextmanager
def _folder(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """A descriptor of the folder, reached without a link below the root."""
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            inner = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = inner
        yield here
    finally:
        os.close(here)
