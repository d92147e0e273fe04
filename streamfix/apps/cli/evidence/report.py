"""The options of `streamfix report`, and its run: one page, with all that is in it, that prints to PDF."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from ....errors import OutputError, UsageError
from ....jobs.evidence import sidecar
from ....jobs.evidence.verifying import places
from ....media import durable
from .page import page
from .samples import samples

_log = logging.getLogger("streamfix")
_PICTURES = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `streamfix report`."""
    add = parser.add_argument
    add("record", type=Path, metavar="SIDECAR", help="the record of streamfix -evidence, or its folder")
    add("output", type=Path, nargs="?", metavar="PAGE.html", help="the page (default: report.html beside the record)")
    add("-i", dest="inputs", action="append", default=[], metavar="FILE", help="the recording, if it is elsewhere")
    add("-frames", "--frames", dest="numbers", metavar="N,...", help="which frames are shown (default: three)")
    add("-y", dest="overwrite", action="store_true", help="replace an existing page; of evidence nothing is replaced")


def run(arguments: argparse.Namespace) -> int:
    """Write the page; 0 if all was made again and is as recorded, else 1. Raises StreamfixError."""
    path = sidecar.found(arguments.record)
    record = sidecar.read(path)
    output = arguments.output or path.parent / "report.html"
    _check(output, arguments.overwrite)
    place = places(path, record, arguments.inputs)
    made = samples(path, record, place, chosen(record, arguments.numbers))
    durable.write(output, page(record, path, made).encode())
    _log.info("written: %s", output)
    for text in made.differing:
        _log.error("DIFFERS: %s", text)
    return int(bool(made.differing))


def chosen(record: dict[str, list[dict[str, object]]], text: str | None) -> list[int]:
    """The frames to show: as told; else the first, the middle one, and the one that has changed most.

    Raises UsageError.
    """
    count = len(record["frames"])
    if text is None:
        most = max(range(count), key=lambda i: record["frames"][i]["mean_change"][0])  # type: ignore[index]
        return sorted({0, count // 2, most})[:_PICTURES]
    try:
        numbers = sorted({int(part) for part in text.split(",")})
    except ValueError as error:
        raise UsageError(f"-frames {text}: numbers with commas between them, as in 0,12") from error
    wrong = [number for number in numbers if not 0 <= number < count]
    if wrong:
        raise UsageError(f"-frames {text}: the record has frames 0 to {count - 1}, not {wrong[0]}")
    return numbers


def _check(output: Path, overwrite: bool) -> None:
    if output.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{output}: the report is a page; name it something.html")
    if output.exists() and not overwrite:
        raise UsageError(f"File {str(output)!r} already exists. Exiting; -y overwrites it.")
    if not output.absolute().parent.is_dir():
        raise OutputError(f"{output}: there is no folder {output.parent}; make it, or name another")
