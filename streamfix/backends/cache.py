"""What was computed once for this machine, kept between runs: exported graphs, measured choices."""

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
_KEPT = 64  # entries; the oldest go. One of a small network has 2 MB.


def digest(*parts: str) -> str:
    """A name for an entry from all that it depends on."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


class Cache:
    """Entries of a few named parts each, one file an entry. Losing one costs time, never a result.

    folder: created when first written to; None keeps nothing.

    A file appears under its name only when it is complete, so processes may
    share a folder; of two that write one entry, the last one's stays. A file
    that is damaged (its checksum says so) counts as absent and is written
    again. A folder that cannot be written to is logged and otherwise ignored.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    @classmethod
    def of_user(cls) -> Cache:
        """The user's own, see `streamfix.folders`; one that keeps nothing for a user without a home."""
        return cls(user_cache_folder())

    def read(self, name: str) -> Parts | None:
        """The entry's parts, None if there is none that can be used."""
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
        for path in folder.glob("*.parts"):  # others keep theirs in the same place
            with suppress(FileNotFoundError):  # another process prunes the same folder
                found.append((path.stat().st_mtime, path))
        for _, path in sorted(found, reverse=True)[_KEPT:]:
            path.unlink(missing_ok=True)


def write_parts(path: Path, parts: Parts) -> None:
    """Write one file that is complete when it appears under its name. Raises OSError."""
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
    """What `write_parts` wrote. Raises OSError if it cannot be read, ValueError if it is damaged."""
    head, _, body = path.read_bytes().partition(b"\n")
    if head != _MAGIC + hashlib.sha256(body).hexdigest().encode():
        raise ValueError("it is damaged, its checksum is wrong")
    sizes, _, rest = body.partition(b"\n")
    parts, start = {}, 0
    for name, size in json.loads(sizes).items():
        parts[name] = rest[start : start + size]
        start += size
    return parts
