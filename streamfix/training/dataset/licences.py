"""What the authors of a picture allow, as its package or folder states it."""

from __future__ import annotations

import csv
import email
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from ...errors import InputError

__all__ = ["UNKNOWN", "Folder", "LicenceTable", "debian_licences", "python_licence", "read_folder"]

UNKNOWN = "none stated"


@dataclass(frozen=True)
class LicenceTable:
    """Licences by patterns of a source tree's file names; `default` where none fits."""

    rows: Sequence[tuple[str, str]] = field(default_factory=tuple)
    default: str = UNKNOWN

    def of(self, name: str) -> str:
        """The licence of an installed file.

        Installation moves files and may recode them, so that a full name fits by its last part without the suffix,
        the one with most parts in common first; a pattern with a * fits where any end of the installed path does, the
        last pattern first, as Debian's rule is.
        """
        path = PurePosixPath(name)
        exact = [(_common(path, row), licence) for row, licence in self.rows if "*" not in row]
        if exact and (best := max(exact, key=lambda pair: pair[0]))[0]:
            return best[1]
        ends = ["/".join(path.parts[i:]) for i in range(len(path.parts))]
        fits = (licence for row, licence in reversed(self.rows) if any(fnmatchcase(end, row) for end in ends))
        return next(fits, self.default)


def _common(path: PurePosixPath, row: str) -> int:
    """How many last parts of both names are equal, their suffixes aside."""
    mine, theirs = path.with_suffix("").parts, PurePosixPath(row).with_suffix("").parts
    count = 0
    for one, other in zip(reversed(mine), reversed(theirs), strict=False):
        if one != other:
            break
        count += 1
    return count


def debian_licences(copyright_text: str) -> LicenceTable:
    """The table of a machine-readable debian/copyright (DEP 5): the Files paragraphs and their licences' names."""
    rows = []
    for paragraph in re.split(r"\n\s*\n", copyright_text):
        fields = email.message_from_string(paragraph.strip())
        if fields["Files"] and fields["License"]:
            licence = fields["License"].strip().splitlines()[0].strip()
            rows += [(pattern, licence) for pattern in fields["Files"].split()]
    default = next((licence for pattern, licence in rows if pattern == "*"), UNKNOWN)
    return LicenceTable([row for row in rows if row[0] != "*"], default)


def python_licence(metadata: str) -> str:
    """The licence of a Python package's core metadata: its expression, its short text, or its classifier."""
    fields = email.message_from_string(metadata)
    if expression := fields["License-Expression"]:
        return str(expression)
    text = (fields["License"] or "").strip()
    if text and "\n" not in text and len(text) < 80:
        return text
    marks = [c for c in fields.get_all("Classifier", []) if c.startswith("License ::")]
    return marks[0].rsplit(" :: ", 1)[1] if marks else UNKNOWN


@dataclass(frozen=True)
class Folder:
    """A folder's MANIFEST.tsv: source and licence of each of its files, by name relative to the folder."""

    root: Path
    rows: dict[str, tuple[str, str]]

    def of(self, path: Path) -> tuple[str, str]:
        """(source, licence) of a file; its own name and none stated where the table is silent."""
        name = path.resolve().relative_to(self.root).as_posix()
        return self.rows.get(name, (name, UNKNOWN))


def read_folder(path: Path) -> Folder:
    """The table of the folder that holds `path`, or of the nearest of three folders above that has a MANIFEST.tsv.

    Without one, every licence is none stated. Raises InputError where a table lacks the columns file, source, licence.
    """
    start = (path if path.is_dir() else path.parent).resolve()
    for root in (start, *list(start.parents)[:3]):
        table = root / "MANIFEST.tsv"
        if not table.is_file():
            continue
        with table.open(encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file, delimiter="\t")
            missing = {"file", "source", "licence"} - set(lines.fieldnames or ())
            if missing:
                raise InputError(f"{table}: no column {', '.join(sorted(missing))}; want file, source, licence")
            return Folder(root, {row["file"]: (row["source"], row["licence"]) for row in lines})
    return Folder(start, {})
