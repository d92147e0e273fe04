"""Where inputs and outputs lie: in folders that every node sees, in object storage, or on this machine alone."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from ..errors import InputError, OutputError, UsageError
from ..media.redact import redact

ENDINGS = frozenset(
    (
        *(".3gp", ".asf", ".avi", ".dv", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"),
        *(".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m"),
    )
)
_WILD = frozenset("*?[")


def is_remote(place: str) -> bool:
    """Whether it is a URL of fsspec's, such as s3://bucket/folder."""
    return "://" in place and not place.startswith("file://")


def local(place: str) -> str:
    """A path of a path or a file:// URL."""
    return unquote(place.removeprefix("file://")) if place.startswith("file://") else place


def filesystem(place: str) -> Any:
    """fsspec's file system of a URL. Raises UsageError if it has none, or needs a package that is not there."""
    protocol = place.partition("://")[0]
    try:
        import fsspec

        return fsspec.url_to_fs(place)[0]
    except ImportError as error:
        raise UsageError(
            f'{redact(place)}: {" ".join(str(error).split())}; pip install "fsspec[{protocol}]" on every machine'
        ) from error
    except ValueError as error:
        raise UsageError(f"{redact(place)}: fsspec knows no storage {protocol}://") from error


def expand(pattern: str) -> list[tuple[str, str]]:
    """The files that a path, folder or pattern names, each with its name below the pattern's fixed part.

    A folder gives the files in it whose ending is a video's. Raises InputError if there is none.
    """
    if is_remote(pattern):
        return _expand_remote(pattern)
    path = local(pattern)
    if os.path.isdir(path):
        found = [entry for entry in sorted(Path(path).iterdir()) if entry.suffix.lower() in ENDINGS and entry.is_file()]
        if not found:
            raise InputError(f"{pattern}: no video is in this folder (its endings: {_endings(Path(path))}); name files")
        return [(str(entry), entry.name) for entry in found]
    if os.path.isfile(path):  # also one with a [ in its name
        return [(path, os.path.basename(path))]
    if not _WILD.intersection(path):
        raise InputError(f"{pattern}: there is no such file or folder")
    base = _fixed(path)
    names = [name for name in sorted(glob.glob(path, recursive=True)) if os.path.isfile(name)]
    if not names:
        raise InputError(f"{pattern}: no file matches; in a shell, put patterns in quotes")
    return [(name, os.path.relpath(name, base)) for name in names]


def _expand_remote(pattern: str) -> list[tuple[str, str]]:
    system = filesystem(pattern)
    try:
        wild = bool(_WILD.intersection(pattern))
        if not wild and system.isdir(pattern):
            names = [n for n in sorted(system.ls(pattern, detail=False)) if PurePosixPath(n).suffix.lower() in ENDINGS]
            base = system._strip_protocol(pattern)
        else:
            names = sorted(system.glob(pattern)) if wild else [pattern] * system.exists(pattern)
            base = _fixed(system._strip_protocol(pattern))
        names = [name for name in names if system.isfile(name)]
    except Exception as error:
        raise InputError(f"{redact(pattern)}: {_reason(error)}") from error
    if not names:
        raise InputError(f"{redact(pattern)}: no video is there")
    plain = [str(system._strip_protocol(name)) for name in names]
    return [(str(system.unstrip_protocol(n)), os.path.relpath(n, base)) for n in plain]


def _fixed(pattern: str) -> str:
    """The folders of a pattern in front of its first wild part."""
    parts = Path(pattern).parts
    fixed = [part for i, part in enumerate(parts[:-1]) if not any(_WILD.intersection(p) for p in parts[: i + 1])]
    return os.path.join(*fixed) if fixed else "."


def _endings(folder: Path) -> str:
    found = sorted({entry.suffix for entry in folder.iterdir() if entry.is_file()})
    return ", ".join(ending or "none" for ending in found[:5]) or "it is empty"


def exists(place: str) -> bool:
    """Whether a file is there. Raises OutputError if its storage does not answer."""
    if not is_remote(place):
        return os.path.exists(local(place))
    system = filesystem(place)
    try:
        return bool(system.exists(place))
    except Exception as error:
        raise OutputError(f"{redact(place)}: {_reason(error)}") from error


def prepare(folder: str) -> None:
    """Make a folder for outputs if there is none. Raises OutputError."""
    system = filesystem(folder) if is_remote(folder) else None
    try:
        if system is not None:
            system.makedirs(folder, exist_ok=True)
        else:
            os.makedirs(local(folder), exist_ok=True)
    except Exception as error:
        raise OutputError(f"{redact(folder)}: {_reason(error)}; is it a folder that you may write to?") from error


def fetch(place: str, path: Path) -> None:
    """Copy a file from object storage to this machine. Raises InputError."""
    system = filesystem(place)
    try:
        system.get_file(place, str(path))
    except Exception as error:
        raise InputError(f"{redact(place)}: {_reason(error)}") from error


def store(path: Path, place: str) -> None:
    """Copy a file of this machine to object storage. Raises OutputError."""
    system = filesystem(place)
    try:
        system.makedirs(system._parent(place), exist_ok=True)
        system.put_file(str(path), place)
    except Exception as error:
        raise OutputError(f"{redact(place)}: {_reason(error)}") from error


def joined(folder: str, name: str) -> str:
    """The place of a file in a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else os.path.join(local(folder), name)


def common(paths: Sequence[str]) -> list[str]:
    """One file of each folder among them, by which a node shows that it sees the folder."""
    found: dict[str, str] = {}
    for path in paths:
        found.setdefault(os.path.dirname(path), path)
    return list(found.values())


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
