"""What evidence must not be made of or with: told before anything is read, with the reason and what to do instead."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ...chainspec import FilterSpec
from ...errors import OutputError, UsageError
from ...filters import FILTERS
from ...media.output.muxer import guess_format
from ...media.output.negotiate import counts_frames
from ...media.output.target import NO_FILES, file_of
from ...media.specs import InputSpec, OutputSpec
from ...media.transport.output_kind import is_fifo, output_kind
from ...media.transport.protocols import PATTERN_FORMATS

if TYPE_CHECKING:
    from ..job import Evidence, JobSpec

_PICTURES = {"image2", "image2pipe"}


def check(spec: JobSpec, evidence: Evidence) -> None:
    """Raise UsageError or OutputError for a job that would be no evidence."""
    if spec.live is not None:
        raise UsageError(
            "-evidence: a live input drops frames, and its filters step down a ladder; record it first, then make "
            "evidence from the file"
        )
    if spec.resume is not None:
        raise UsageError("-evidence: -resume puts a result together from several runs; leave it out")
    if spec.device not in ("cpu", "auto"):
        raise UsageError(
            f"-evidence: -device {spec.device}: results of GPUs differ from one to the next; it runs on cpu"
        )
    if spec.privacy is not None:
        raise UsageError(
            "-evidence: privacy covers a part of the recording before it is hashed; make evidence of the whole, then "
            "cover zones in a copy of the result"
        )
    if len(spec.outputs) > 1:
        raise UsageError("-evidence: there can be one output; what else is needed can be made from the working copy")
    for each in spec.inputs:
        _check_input(each)
    _check_output(spec.outputs[0])
    for one in spec.filters:
        _check_filter(one)
    _check_folder(evidence, spec)


def _check_input(spec: InputSpec) -> None:
    path = file_of(spec.url)
    if path is None or spec.url == "-" or spec.format == "lavfi":
        raise UsageError(
            f"-evidence: {spec.shown}: it is no file, so nobody can hash it and read it again; save it first"
        )
    if spec.format in _PICTURES or (not os.path.exists(path) and "%" in path):
        raise UsageError(
            f"-evidence: {spec.shown}: a row of pictures is no one file; make a lossless video of it first"
        )
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return  # the reader says what is wrong with it
    if not stat.S_ISREG(mode):
        raise UsageError(f"-evidence: {spec.shown}: a device or pipe cannot be hashed and read again; save it first")
    if spec.loops:
        raise UsageError(f"-evidence: -stream_loop {spec.loops}: a recording is shown once, as it is")
    if spec.hwaccel != "none":
        raise UsageError(f"-evidence: -hwaccel {spec.hwaccel}: video engines differ; the CPU decodes, leave it out")


def _check_output(spec: OutputSpec) -> None:
    format = guess_format(spec.url, spec.format)
    path = file_of("pipe:1" if spec.url == "-" else spec.url)
    if path is None or format in NO_FILES or output_kind(spec.url, format) == "network" or is_fifo(path):
        raise UsageError(f"-evidence: {spec.shown}: a viewing copy is a file, which can be hashed; write to one")
    if format in PATTERN_FORMATS or format in _PICTURES or counts_frames(format):
        raise UsageError(
            f"-evidence: {spec.shown}: {format} does not keep each frame with its time; write .mkv or .mp4"
        )
    if spec.overwrite:
        raise UsageError(
            "-evidence: -y: evidence overwrites nothing; leave it out, and name a new file and a new folder"
        )
    if os.path.lexists(path):
        raise OutputError(f"-evidence: {spec.shown} exists already; evidence overwrites nothing, name another file")
    limits = {"-ss": spec.start_s, "-t": spec.duration_s, "-to": spec.end_s, "-frames:v": spec.max_frames}
    for name, value in {**limits, "-shortest": spec.shortest or None}.items():
        if value is not None:
            raise UsageError(f"-evidence: {name} of the output would hide frames that were read; put -ss, -t before -i")
    if spec.rate is not None:
        raise UsageError(f"-evidence: -r {spec.rate} repeats and drops frames; leave it out: each keeps its time")


def _check_filter(spec: FilterSpec) -> None:
    if spec.name == "null":
        return
    if spec.name not in FILTERS:
        from ...media.picture.avfilter import exists, memory

        if exists(spec.name) and memory(spec.name) == "long":
            raise UsageError(
                f"-evidence: {spec.name} of libavfilter may drop, repeat or mix frames in ways that cannot be told "
                "frame by frame; leave it out"
            )
        return
    made = FILTERS.get(spec.name)
    if made.adaptive:
        raise UsageError(
            f"-evidence: {spec.name} decides by itself what is done; run streamfix inspect and write the chain that it "
            "advises"
        )
    for name, value in FILTERS.values(spec.name, spec.options).items():
        if value == "auto":
            raise UsageError(
                f"-evidence: {spec.name}={name}=auto: nothing may decide by itself; give a value, or leave it out, and "
                "the record says which value was taken or what was measured"
            )


def _check_folder(evidence: Evidence, spec: JobSpec) -> None:
    folder = Path(evidence.folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"-evidence {folder}: it is there already; evidence overwrites nothing, name a new folder")
    parent = folder.absolute().parent
    if not parent.is_dir():
        raise OutputError(f"-evidence {folder}: there is no folder {parent}; make it first")
    path = file_of(spec.outputs[0].url)
    if path is not None and folder.absolute() == Path(path).absolute():
        raise OutputError(f"-evidence {folder}: it is the output's own name; name another folder")
