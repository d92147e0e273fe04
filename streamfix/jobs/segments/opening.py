"""From a job's description to a job that can go on: what is asked is checked, and what is done already is found."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...chainspec import FilterSpec
from ...errors import InputError, UsageError
from ...frame import Frame
from ...media.input.keyframes import pictures_of
from ...media.input.reader import Reader
from ...media.output.input_files import input_files
from ...media.output.muxer import guess_format
from ...media.output.request import Request, request_of, usual_encoder
from ...media.output.segment_writer import EncodedOutput, repeatable
from ...media.output.target import Target
from ...media.output.trial import try_whole
from ...media.source_info import DetachedSourceInfo
from ...pipeline import close_all
from ..chain import Restoration, check_chain, restore_stage
from ..job import Hosting, JobSpec, Resume, open_reader
from . import manifest, refusals
from .folder import WorkFolder
from .job import ResumableJob
from .once import Once
from .plan import Plan, plan_from, plan_of

log = logging.getLogger("streamfix.jobs")


def resumable_job(spec: JobSpec, resume: Resume, hosting: Hosting) -> ResumableJob:
    """Check what is asked, find out what is done already, and open all that is needed to go on.

    Raises a StreamfixError; nothing stays open then, and of the folder what was done before.
    """
    once = Once()
    with once.active():
        request, format = asked(spec)
        output = spec.outputs[0]
        folder = WorkFolder(output.url, output.shown)
        described = manifest.description(spec, resume, request)
        folder.open()
        try:
            return _opened(spec, resume, hosting, folder, described, request, format, once)
        except BaseException:
            folder.close()
            raise


def asked(spec: JobSpec) -> tuple[Request, str]:
    """What is asked of the encoder, and the output's format, once it is seen that the job can be done in segments.

    Raises UsageError, or what `Target` and `request_of` raise.
    """
    refusals.check(spec)
    check_chain(spec.filters)
    output = spec.outputs[0]
    format = guess_format(output.url, output.format)
    inputs = [name for one in spec.inputs for name in input_files(one)]
    target = Target(output.url, format, inputs, output.overwrite)
    return repeatable(request_of(output, format, usual_encoder(target, format))), format


def _opened(
    spec: JobSpec,
    resume: Resume,
    hosting: Hosting,
    folder: WorkFolder,
    described: Mapping[str, Any],
    request: Request,
    format: str,
    once: Once,
) -> ResumableJob:
    known = folder.manifest()
    if known is None:
        folder.remove()
    else:
        manifest.check(known, described, str(folder.path))
    done = folder.finished()
    chain = spec.filters if known is None else manifest.with_resolved(spec.filters, known["resolved"])
    ready = set_up(spec, hosting, chain, request, format)
    try:
        if known is not None:
            manifest.check({"settled": known["resolved"]}, {"settled": ready.settled}, str(folder.path))
        plan = planned(spec, ready.reader, resume) if known is None else plan_from(known["plan"])
        try_whole(spec.outputs[0], request, ready.encoded.source, format, ready.encoded.first)
        if known is None:
            folder.begin({**described, "resolved": ready.settled, "plan": plan.as_values()})
        else:
            log.info("%s: %d of %d segments are done already", spec.outputs[0].shown, len(done), len(plan.segments))
    except BaseException:
        ready.close()
        raise
    return ResumableJob(spec, hosting, folder, plan, done, ready.reader, ready.restoration, ready.encoded, once)


@dataclass(frozen=True, slots=True)
class Ready:
    """What makes a segment of a job. settled: what its filters have settled by themselves, one by one."""

    reader: Reader
    restoration: Restoration | None
    encoded: EncodedOutput
    settled: list[dict[str, str]]

    def close(self) -> None:
        """Release the reader and the filters."""
        close_all([part for part in (self.reader, self.restoration) if part is not None])


def set_up(spec: JobSpec, hosting: Hosting, chain: Sequence[FilterSpec], request: Request, format: str) -> Ready:
    """Make the filters of `chain`, open the input, and try the encoder with the first picture that they give.

    Raises a StreamfixError; nothing stays open then.
    """
    restoration = restore_stage(chain, spec.device, hosting.pool, exit_on_error=spec.exit_on_error)
    reader: Reader | None = None
    try:
        reader = open_reader(spec, restoration)
        hosting.opening(reader)
        hosting.admit(reader.info)
        settled = manifest.resolved(() if restoration is None else restoration.filters)
        first = first_restored(reader, restoration)
        encoded = EncodedOutput(spec.outputs[0], format, request, first, DetachedSourceInfo(reader))
        encoded.encoder()
    except BaseException:
        close_all([part for part in (reader, restoration) if part is not None])
        raise
    return Ready(reader, restoration, encoded, settled)


def planned(spec: JobSpec, reader: Reader, resume: Resume) -> Plan:
    """Where the input is cut; says so if it cannot be. Raises InputError if its index cannot be read."""
    input = spec.inputs[reader.video.input_index]
    log.info("looking for places to cut %s", input.shown)
    try:
        plan = plan_of(pictures_of(input, reader.video.index), resume.every_s, warm_up=resume.warm_up)
    except InputError as error:
        raise InputError(f"{error}; -resume reads it all before it begins: leave -resume out") from error
    if plan.refusal is not None:
        log.warning("%s: it cannot be cut: %s. If the job is killed, it begins anew", input.shown, plan.refusal)
    return plan


def first_restored(reader: Reader, restoration: Restoration | None) -> Frame:
    """The video's first frame as the filters give it, to set up encoders by; reader and filters are as new afterwards.

    Raises UsageError if the filters give none for the frames that the reader holds.
    """
    given = reader.first_frame
    if restoration is None:
        return given
    found: list[Any] = [*restoration.push(given), *restoration.flush()]
    restoration.reset()
    frames = [item for item in found if isinstance(item, Frame)]
    if not frames:
        raise UsageError("-resume: the filters give no picture for the first one; leave -resume out")
    return frames[0]
