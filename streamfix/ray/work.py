"""What is to be done on a cluster: files with their outputs, and how."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

from ..chainspec import chain_text
from ..errors import UsageError
from ..jobs import JobSpec, Resume, check_chain
from ..jobs.segments.manifest import plain
from ..media.output.encoder import repeatable_x264_params
from ..media.redact import redact
from . import storage


@dataclass(frozen=True, slots=True)
class Item:
    """One file. number: its place among all. input, output: paths or URLs. spec: its job, on paths of any machine."""

    number: int
    input: str
    output: str
    spec: JobSpec

    @property
    def shown(self) -> str:
        """The input without secrets, for messages."""
        return redact(self.input)


@dataclass(frozen=True, slots=True)
class Options:
    """How files are restored on a cluster.

    address: of the cluster, see `connection.connected`.
    every_s: files are cut into segments of so many seconds, which are restored apart, each with a warm-up in front;
    None: each file is one task, and the filters' state goes on through all of it.
    keep_s: what is done of such a task is kept after so many seconds of video, for the next worker.
    cores: of each worker: what it is given of its node, and the threads that its filters use.
    memory: bytes of its node that each worker is given; None: Ray does not count them.
    carry: inputs and segments go through Ray, for nodes that do not see this machine's files.
    resume: go on with what an earlier run in the same folder has left.
    overwrite: outputs that exist are replaced. report: the report's place, None for one in the outputs' folder.
    """

    address: str = "auto"
    every_s: Fraction | None = None
    keep_s: Fraction = Fraction(10)
    cores: int = 2
    memory: int | None = None
    carry: bool = False
    resume: bool = False
    overwrite: bool = False
    report: str | None = None


def items_of(
    patterns: Sequence[str], folder: str, spec_of: Callable[[str, str], JobSpec], ending: str | None = None
) -> list[Item]:
    """The files that patterns name, with their places in `folder`; what is beneath a pattern's fixed part stays there.

    spec_of: the job of an input and its output. ending: of the outputs, as ".mkv"; None for the input's own.
    Raises UsageError if two files have one output, or one would replace its input; InputError if there is no file.
    """
    taken: dict[str, str] = {}
    items: list[Item] = []
    for pattern in patterns:
        for input, name in storage.expand(pattern):
            if ending is not None:
                name = str(PurePosixPath(name).with_suffix(ending))
            output = storage.joined(folder, name)
            if input in taken.values():
                continue  # two patterns name it
            if output in taken:
                raise UsageError(
                    f"{redact(output)}: it would be the output of {redact(taken[output])} and of {redact(input)}; "
                    "restore them into two folders, or rename one"
                )
            if not storage.is_remote(input) and os.path.realpath(input) == os.path.realpath(output):
                raise UsageError(f"{output}: it is an input; name another folder with -out")
            taken[output] = input
            items.append(Item(len(items), input, output, repeatable(spec_of(input, output))))
    return items


def repeatable(spec: JobSpec) -> JobSpec:
    """The job with what makes its encoder give the same bytes on every node: a number of threads."""
    output = spec.outputs[0]
    given = {**output.options, **output.video_options}
    options = {**output.video_options, **({} if "threads" in given else {"threads": "1"})}
    inputs = [replace(each, thread_count=each.thread_count or 1) for each in spec.inputs]
    return replace(spec, inputs=inputs, outputs=[replace(output, video_options=options)])


def check(items: Sequence[Item], options: Options) -> None:
    """Raise UsageError for what cannot be done, before any node is asked."""
    from ..jobs.segments import refusals

    check_chain(items[0].spec.filters)
    remote = any(storage.is_remote(place) for item in items for place in (item.input, item.output))
    if options.carry and options.every_s is None:
        raise UsageError("-carry without -segments: whole files do not fit through Ray; add -segments 60s")
    if options.carry and remote:
        raise UsageError("-carry with object storage: every node reads that by itself; leave -carry out")
    for item in items:
        # as a job of files: what is in object storage is copied first
        own = replace(item.spec.inputs[0], url="input.mkv") if storage.is_remote(item.input) else item.spec.inputs[0]
        out = item.spec.outputs[0]
        out = replace(out, url="out" + PurePosixPath(out.url).suffix) if storage.is_remote(item.output) else out
        try:
            refusals.check(replace(item.spec, inputs=[own], outputs=[out]))
        except UsageError as error:
            reason = str(error).removeprefix("-resume: ").replace("before -i", "before the inputs")
            raise UsageError(reason.replace("-resume", "cluster restore")) from error
    if not (options.resume or options.overwrite):
        places = ((item.output, storage.exists(f"{item.output}.streamfix")) for item in items)
        there = [output for output, begun in places if begun or storage.exists(output)]
        if there:
            more = f" and {len(there) - 1} more" if len(there) > 1 else ""
            raise UsageError(
                f"{redact(there[0])}{more}: it is there already, or the beginning of it; -resume goes on with what is "
                "not done, -y replaces"
            )


def resume_of(options: Options) -> Resume:
    """How the files' jobs keep what is done."""
    return Resume(options.keep_s) if options.every_s is None else Resume(options.every_s, apart=True)


def described(spec: JobSpec, options: Options) -> dict[str, Any]:
    """What all files have in common, by which another run knows whether it may go on."""
    output = spec.outputs[0]
    fields = {name: plain(getattr(output, name)) for name in output.__dataclass_fields__ if name != "url"}
    del fields["overwrite"]
    return {
        "filters": chain_text(spec.filters) or "null",
        "segments_s": None if options.every_s is None else float(options.every_s),
        "keep_s": float(options.keep_s),
        "cores": options.cores,
        "device": spec.device,
        "output": fields,
        "x264": repeatable_x264_params(),
    }
