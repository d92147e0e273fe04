"""The table beside a dataset: one row for each member, with its hash, size, source and licence."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from ...errors import InputError

__all__ = ["Entry", "manifest_path", "read_manifest", "write_manifest"]


@dataclass(frozen=True)
class Entry:
    """One member of a dataset.

    file: its name in the tar, `stills/NAME.webp` or `clips/NAME.mkv`; bytes: its size; sha256: of its bytes, in hex;
    width, height: in pixels, even; frames: 1 for a still; source: where it came from; licence: what its authors
    allow, as their package says it; split: `train` or `val`.
    """

    file: str
    bytes: int
    sha256: str
    width: int
    height: int
    frames: int
    source: str
    licence: str
    split: str


_COLUMNS = [field.name for field in fields(Entry)]
_NUMBERS = {"bytes", "width", "height", "frames"}


def manifest_path(path: Path) -> Path:
    """The manifest of the dataset at `path`: set.tar has set.tsv beside it."""
    return path.with_suffix(".tsv")


def write_manifest(path: Path, entries: Iterable[Entry]) -> None:
    """Write the rows as tab-separated text, a header first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(_COLUMNS)
        table.writerows(astuple(entry) for entry in entries)


def read_manifest(path: Path) -> list[Entry]:
    """The rows of a manifest.

    Raises InputError, which names the line, where it is missing, has other columns, or a number is not one.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file, delimiter="\t"))
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}; a dataset is two files, the tar and its manifest: copy both, or make it "
            "again with: streamfix train data"
        ) from error
    if not lines or lines[0] != _COLUMNS:
        got = " ".join(lines[0]) if lines else "an empty file"
        raise InputError(f"{path}: not the manifest of a dataset: got {got}, want {' '.join(_COLUMNS)}")
    entries = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            row = dict(zip(_COLUMNS, line, strict=True))
            entries.append(Entry(**{k: int(v) if k in _NUMBERS else v for k, v in row.items()}))  # type: ignore[arg-type]
        except ValueError as error:
            raise InputError(f"{path}:{number}: {error}; make the dataset again with: streamfix train data") from error
    return entries
