"""A cache, kept between runs, of what was computed for this machine: exported graphs and measured choices."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from ..folders import user_cache_folder

_log = logging.getLogger(__name__)

Parts = Mapping[str, bytes]

_MAGIC = b"streamfix parts 1 "
_KEPT = 64  # entries; the oldest are deleted. A small network's entry takes 2 MB.


def digest(*parts: str) -> str:
    """A name for an entry, derived from everything it depends on."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


class Cache:
    """Entries of a few named parts each, one file per entry. Losing one costs time, never correctness.

    folder: created on the first write; None caches nothing.

    A file appears under its name only once it is complete, so processes can share
    a folder; if two write the same entry, the last one wins. A damaged file (its
    checksum does not match) counts as absent and is rewritten. A folder that
    cannot be written to is logged and otherwise ignored.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    @classmethod
    def of_user(cls) -> Cache:
        """The user's cache, see `streamfix.folders`; for a user without a home, one that keeps nothing."""
        return cls(user_cache_folder())

    def read(self, name: str) -> Parts | None:
        """The entry's parts; None if there is no usable entry."""
        if self.folder is None:
            return None
        path = self._path(self.folder, name)
        try:
            return read_parts(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _log.warning("%s is made again: %s", path, error)
            return None

    def write(self, name: str, parts: Parts) -> None:
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_parts(self._path(self.folder, name), parts)
            self._prune(self.folder)
        except OSError as error:
            _log.warning("not kept for the next run: %s", error)

    @staticmethod
    def _path(folder: Path, name: str) -> Path:
        return folder / f"{name}.parts"

    @staticmethod
    def _prune(folder: Path) -> None:
        found = []
        for path in folder.glob("*.parts"):  # only ours: others cache in the same folder
            with suppress(FileNotFoundError):  # another process may be pruning too
                found.append((path.stat().st_mtime, path))
        for _, path in sorted(found, reverse=True)[_KEPT:]:
            path.unlink(missing_ok=True)


def write_parts(path: Path, parts: Parts) -> None:
    """Write a file that appears under its name only once it is complete. Raises OSError."""
    body = (
        json.dumps({name: len(content) for name, content in parts.items()}).encode() + b"\n" + b"".join(parts.values())
    )
    temporary = path.with_name(f"{path.name}.{uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(_MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_parts(path: Path) -> Parts:
    """Read what `write_parts` wrote. Raises OSError if that fails, ValueError if the file is damaged."""
    head, _, body = path.read_bytes().partition(b"\n")
    if head != _MAGIC + hashlib.sha256(body).hexdigest().encode():
        raise ValueError("it is damaged, its checksum is wrong")
    sizes, _, rest = body.partition(b"\n")
    parts, start = {}, 0
    for name, size in json.loads(sizes).items():
        parts[name] = rest[start : start + size]
        start += size
    return parts
