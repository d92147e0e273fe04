"""The options of `streamfix inspect`, and its run."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

from ....errors import BadOption, StreamfixError
from ....media.specs import InputSpec
from ..values import parse_duration
from . import sheet, table
from .inspection import Inspection, inspect

_log = logging.getLogger("streamfix")

_FRAMES = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `streamfix inspect`."""
    parser.add_argument("inputs", nargs="+", metavar="FILE|URL", help="what to inspect")
    parser.add_argument("-json", "--json", action="store_true", help="one JSON object, or a list of them for several")
    parser.add_argument("-sheet", "--sheet", type=Path, metavar="FILE.png", help="write sample frames and crops there")
    parser.add_argument("-ss", dest="start", metavar="TIME", help="begin there, as in ffmpeg")
    parser.add_argument("-t", dest="duration", metavar="TIME", help="read no more than so long")
    parser.add_argument("-frames", "--frames", type=int, default=_FRAMES, help="read no more (default: %(default)s)")
    parser.add_argument("-y", dest="overwrite", action="store_true", help="replace an existing sheet")
    parser.add_argument("-device", "--device", default="auto", help="where filters run: auto, cpu, cuda or cuda:N")


def run(arguments: argparse.Namespace) -> int:
    """Print what each input is like; 1 if one of several could not be read. Raises why a single one could not."""
    if arguments.frames < 1:
        raise BadOption(f"-frames {arguments.frames}: it takes 1 or more")
    start_s, duration_s = _time("-ss", arguments.start), _time("-t", arguments.duration)
    if arguments.sheet is not None:
        sheet.check(arguments.sheet, arguments.overwrite)
    found: list[Inspection] = []
    objects: list[dict[str, Any]] = []
    for number, url in enumerate(arguments.inputs):
        spec = InputSpec(url, start_s=start_s, duration_s=duration_s)
        try:
            one = inspect(spec, arguments.frames, arguments.device)
        except StreamfixError as error:
            if len(arguments.inputs) == 1:
                raise
            _log.error("streamfix: %s", " ".join(str(error).split()))
            objects.append({"input": spec.shown, "error": str(error)})
            continue
        found.append(one)
        objects.append(one.as_object())
        if not arguments.json:
            sys.stdout.write(("\n" if number else "") + table.text(one) + "\n")
            sys.stdout.flush()
    if arguments.json:
        sys.stdout.write(json.dumps(objects if len(arguments.inputs) > 1 else objects[0], indent=1) + "\n")
        sys.stdout.flush()
    if arguments.sheet is not None and found:
        sheet.write(arguments.sheet, found)
        _log.info("written: %s", arguments.sheet)
    return int(len(found) < len(arguments.inputs))


def _time(option: str, text: str | None) -> Any:
    """Seconds, None if it is not given. Raises BadOption."""
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadOption(f"{option} {text}: {error}") from error
