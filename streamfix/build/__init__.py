"""From a description of a job to its running pipeline. The one room that knows all others.

Three threads a job: `decode` (Reader), `restore` (all filters), `encode` (Writer).
"""

from __future__ import annotations

from ..errors import UsageError
from ..media.reader import Reader
from ..media.writer import Writer
from ..pipeline import Closable, close_all
from .chain import Restoration, check_chain, restore_stage
from .job import Job, JobSpec, Progress

__all__ = ["Job", "JobSpec", "Progress", "Restoration", "build", "check_chain", "restore_stage"]


def build(spec: JobSpec) -> Job:
    """Check the chain, load its filters, open the inputs and prepare the output, in this order.

    Raises a StreamfixError; nothing stays open then.
    """
    if not spec.inputs:
        raise UsageError("a job needs an input")
    opened: list[Closable] = []
    try:
        if restoration := restore_stage(spec.filters, spec.device):
            opened.append(restoration)
        reader = Reader(spec.inputs, spec.maps, audio=spec.audio, subtitles=spec.subtitles, data=spec.data)
        opened.append(reader)
        writer = Writer(spec.output, reader)
    except BaseException:
        close_all(opened)
        raise
    return Job(spec, reader, restoration, writer)
