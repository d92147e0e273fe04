"""The options of `streamfix verify`, and its run."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from ....jobs.evidence.verifying import verify
from . import stacked

_SIGNS = {True: "same", False: "DIFFERS", None: "note"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `streamfix verify`."""
    add = parser.add_argument
    add("record", type=Path, metavar="SIDECAR", help="a record of streamfix -evidence, or its folder; or of stack")
    add("-i", dest="inputs", action="append", default=[], metavar="FILE", help="the recording, if it is elsewhere")
    add("-quiet", "--quiet", action="store_true", help="show what differs, and nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Print what was found, line by line; 0 if all is as recorded, 1 if not. Raises StreamfixError."""
    differs = False
    told = _progress if sys.stderr.isatty() else lambda *_: None
    again = stacked.verify if stacked.is_stacked(arguments.record) else partial(verify, told=told)
    for found in again(arguments.record, arguments.inputs):
        differs |= found.same is False
        if not arguments.quiet or found.same is False:
            print(f"{_SIGNS[found.same]}: {found.text}", flush=True)
    return int(differs)


def _progress(done: int, total: int) -> None:
    sys.stderr.write(f"\rframe {done} of {total}" + ("\n" if done == total else ""))
    sys.stderr.flush()
