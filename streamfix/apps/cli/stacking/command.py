"""The options of `streamfix stack`, and its run."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from ....errors import BadOption, InputError, OutputError, UsageError
from ....media import durable
from ....media.specs import InputSpec
from ....stack import pictures, sidecar
from ....stack.making import ITERATIONS, MIN_CORRELATION, MOST_FRAMES, SMOOTH, stack
from ....stack.region import MOST_SCALE
from ....stack.registration import MOTIONS
from ....stack.stacked import Stacked, StackedFrame
from ..values import parse_duration

_log = logging.getLogger("streamfix")

_REASONS = {
    "damage": "the decoder says that it is damaged",
    "cut": "another scene",
    "correlation": "the region was not found in it",
    "outside": "the region has left the picture",
    "blur": "blurred more than the others",
}
T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `streamfix stack`."""
    add = parser.add_argument
    add("-i", dest="input", required=True, metavar="FILE|URL", help="the recording")
    add("output", type=Path, metavar="FILE.png", help="the picture to write")
    add("-ss", dest="start", metavar="TIME", help="begin there, as in ffmpeg")
    add("-t", dest="duration", metavar="TIME", help="take the frames of so long")
    add("-roi", "--roi", metavar="X,Y,W,H", help="the region, in pixels of the reference frame (default: all of it)")
    add("-corners", "--corners", metavar="X1,Y1,...,X4,Y4", help="of a plate, from its top left clockwise, for -roi")
    add("-scale", "--scale", type=int, default=4, help=f"how much finer, 1 to {MOST_SCALE} (default: %(default)s)")
    add("-reference", "--reference", type=int, default=0, help="frame in which the region lies (default: the first, 0)")
    add("-motion", "--motion", default="auto", help=f"auto, {', '.join(MOTIONS)} (default: %(default)s)")
    add("-iterations", "--iterations", type=int, default=ITERATIONS, help="of back-projection (default: %(default)s)")
    add("-smooth", "--smooth", type=float, help=f"smoothing by the noise, 0: none (default: {SMOOTH}; 0 in evidence)")
    add("-deblur", "--deblur", metavar="KERNEL", help="undo gauss:SIGMA, disc:RADIUS or line:LENGTH:DEGREES, in pixels")
    add("-min_correlation", type=float, default=MIN_CORRELATION, help="of frames that fit (default: %(default)s)")
    add("-frames", "--frames", type=int, default=MOST_FRAMES, help="refuse more than these (default: %(default)s)")
    add("-strip", "--strip", type=Path, metavar="FILE.png", help="write the registered frames side by side")
    add("-map", "--map", type=Path, metavar="FILE.png", help="write how sure each pixel is: the lighter the surer")
    add("-sidecar", "--sidecar", type=Path, metavar="FILE.json", help="write all that is needed to make it again")
    add("-evidence", "--evidence", action="store_true", help="refuse what could not be defended; needs -sidecar")
    add("-y", dest="overwrite", action="store_true", help="replace existing files")


def run(arguments: argparse.Namespace) -> int:
    """Write the picture and what else is asked for. Raises StreamfixError; nothing is written then."""
    if arguments.evidence:
        check_evidence(arguments)
    check_outputs(arguments)
    spec = InputSpec(
        arguments.input,
        start_s=_value("-ss", arguments.start, parse_duration),
        duration_s=_value("-t", arguments.duration, parse_duration),
    )
    is_file = os.path.isfile(arguments.input)
    before = sidecar.file_sha256(arguments.input) if is_file and arguments.sidecar else None
    result = stack(
        spec,
        _value("-roi", arguments.roi, lambda text: [int(part) for part in text.split(",")]),
        arguments.scale,
        corners=_value("-corners", arguments.corners, lambda text: [float(part) for part in text.split(",")]),
        reference=arguments.reference,
        motion=arguments.motion,
        iterations=arguments.iterations,
        smooth=_smooth(arguments),
        deblur=arguments.deblur,
        min_correlation=arguments.min_correlation,
        most_frames=arguments.frames,
    )
    if before is not None and sidecar.file_sha256(arguments.input) != before:
        raise InputError(f"{arguments.input}: the recording has changed while it was read; work on a copy")
    for line in account(result):
        _log.info("%s", line)
    for path, data in _outputs(arguments, result, spec, before):
        durable.write(path, data)
        _log.info("written: %s", path)
    return 0


def account(result: Stacked) -> Iterator[str]:
    """What became of the frames, in words."""
    yield f"{result.kept} of {len(result.frames)} frames stacked, motion {result.parameters['motion']}"
    for one in result.frames:
        if not one.kept:
            yield f"frame {one.number} at {float(one.pts * one.time_base):.3f} s left out: {_why(one)}"


def check_evidence(arguments: argparse.Namespace) -> None:
    """Raise UsageError for what would be no evidence."""
    if arguments.sidecar is None:
        raise UsageError("-evidence: it is the record that others make the picture again by; add -sidecar FILE.json")
    if not os.path.isfile(arguments.input):
        raise UsageError(f"-evidence: {arguments.input}: it is no file, so nobody can hash it; save it first")
    if arguments.overwrite:
        raise UsageError("-evidence: -y: evidence overwrites nothing; leave it out, and name new files")
    if arguments.smooth:
        raise UsageError(
            f"-evidence: -smooth {arguments.smooth:g} prefers flat pictures, whatever was recorded; leave it out"
        )


def _smooth(arguments: argparse.Namespace) -> float:
    """As told; without a word, the usual one, and none at all in evidence: total variation is a prior."""
    if arguments.smooth is not None:
        return float(arguments.smooth)
    return 0.0 if arguments.evidence else SMOOTH


def check_outputs(arguments: argparse.Namespace) -> None:
    """Raise UsageError or OutputError if a file cannot be written, before anything is read."""
    named = {"-strip": arguments.strip, "-map": arguments.map, "-sidecar": arguments.sidecar}
    wanted = {"the picture": arguments.output} | {name: path for name, path in named.items() if path is not None}
    for name, path in wanted.items():
        ending = ".json" if name == "-sidecar" else ".png"
        if path.suffix.lower() != ending:
            raise UsageError(f"{name} {path}: name it something{ending}")
        if path.exists() and not arguments.overwrite:
            raise UsageError(f"File {str(path)!r} already exists. Exiting; -y overwrites it.")
        if not path.resolve().parent.is_dir():
            raise OutputError(f"{name} {path}: there is no folder {path.parent}; make it, or name another")
    places = [path.resolve() for path in wanted.values()]
    if len(set(places)) < len(places) or Path(arguments.input).resolve() in places:
        raise UsageError("the input and each output need a name of their own")


def _outputs(
    arguments: argparse.Namespace, result: Stacked, spec: InputSpec, sha256: str | None
) -> Iterator[tuple[Path, bytes]]:
    """The files and what is in them; the picture itself is the last."""
    if arguments.strip is not None:
        yield arguments.strip, pictures.png(pictures.strip(result))
    if arguments.map is not None:
        yield arguments.map, pictures.png(result.confidence())
    if arguments.sidecar is not None:
        yield arguments.sidecar, sidecar.sidecar(result, spec, sha256)
    yield arguments.output, pictures.png(result.rgb())


def _why(one: StackedFrame) -> str:
    found = f" (correlation {one.correlation:.2f})" if one.reason in ("cut", "correlation") else ""
    return f"{one.reason}: {_REASONS[one.reason]}{found}"


def _value(option: str, text: str | None, parse: Callable[[str], T]) -> T | None:
    """None if it is not given. Raises BadOption."""
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        why = "numbers with commas between them" if option in ("-roi", "-corners") else str(error)
        raise BadOption(f"{option} {text}: {why}") from error
