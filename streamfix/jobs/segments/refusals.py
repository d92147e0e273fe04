"""What cannot be done in segments: told before anything is begun, with the reason and what to do instead."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from ...errors import UsageError
from ...filters import FILTERS
from ...media.output.muxer import guess_format
from ...media.output.negotiate import counts_frames
from ...media.output.target import NO_FILES, file_of
from ...media.specs import InputSpec, OutputSpec
from ...media.transport.output_kind import is_fifo, output_kind
from ...media.transport.protocols import PATTERN_FORMATS

if TYPE_CHECKING:
    from ..job import JobSpec

_STDIN = {"-", "pipe:", "pipe:0", "/dev/stdin", "fd:0"}
_IMAGES = {"image2", "image2pipe"}


def check(spec: JobSpec) -> None:
    """Raise UsageError for a job that cannot go on where it was."""
    if spec.live is not None:
        raise UsageError("-resume: a live input cannot be read again; leave -resume out, or record it first")
    if len(spec.outputs) > 1:
        raise UsageError("-resume: there can be one output only; write the others from it afterwards, with ffmpeg")
    for each in spec.inputs:
        _check_input(each)
    _check_output(spec.outputs[0])
    _check_chain(spec)


def _check_input(spec: InputSpec) -> None:
    path = file_of(spec.url)
    if spec.url in _STDIN or path is None or spec.format == "lavfi":
        what = "stdin cannot" if spec.url in _STDIN else "it is no file, and cannot be sure to"
        raise UsageError(f"-resume: {spec.shown}: {what} be read again; copy it into a file first")
    if spec.loops:
        raise UsageError(f"-resume: -stream_loop {spec.loops}: a file that is played several times cannot be cut")
    if spec.format in _IMAGES or (not os.path.exists(path) and "%" in path):
        raise UsageError(f"-resume: {spec.shown}: a row of pictures has no index; make a video of it first")
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return  # the reader says what is wrong with it
    if not stat.S_ISREG(mode):
        raise UsageError(f"-resume: {spec.shown}: a device or pipe cannot be read again; copy it into a file first")


def _check_output(spec: OutputSpec) -> None:
    format = guess_format(spec.url, spec.format)
    path = file_of("pipe:1" if spec.url == "-" else spec.url)
    if path is None or format in NO_FILES or output_kind(spec.url, format) == "network" or is_fifo(path):
        raise UsageError(f"-resume: {spec.shown}: what went into a pipe, device or server is gone; write to a file")
    if format in PATTERN_FORMATS or format in _IMAGES:
        raise UsageError(
            f"-resume: {spec.shown}: {format} writes many files; write one, and cut it with ffmpeg -c copy afterwards"
        )
    if counts_frames(format):
        raise UsageError(f"-resume: {spec.shown}: {format} numbers pictures and has no times; write to .mkv or .mp4")
    limits = {"-ss": spec.start_s, "-t": spec.duration_s, "-to": spec.end_s, "-frames:v": spec.max_frames}
    for name, value in {**limits, "-shortest": spec.shortest or None}.items():
        if value is not None:
            raise UsageError(f"-resume: {name} of an output cannot be combined with it; put -ss, -t or -to before -i")
    if spec.rate is not None:
        raise UsageError(
            f"-resume: -r {spec.rate}: pictures that repeat or go depend on all before; run -r as a job of its own, "
            "with -vf null"
        )


def _check_chain(spec: JobSpec) -> None:
    from ...media.picture.avfilter import exists, memory

    for each in spec.filters:
        foreign = each.name not in FILTERS and each.name != "null"
        if foreign and memory(each.name) == "long" and exists(each.name):
            raise UsageError(
                f"-resume: {each.name} of libavfilter may depend on all pictures before, or change their times; run it "
                "as a job of its own, before or after"
            )
