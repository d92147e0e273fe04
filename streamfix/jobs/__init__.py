"""From a job's description to its pipeline: the one room that knows all others.

A `JobSpec` describes a job, `build_job` turns it into a `Job`, whose pipeline has three threads: `decode` (Reader),
`restore` (its filter chain), `encode` (Writer). A live job has one more for each connection to its camera and one for
each output; so has a job with several outputs for these.
"""

from __future__ import annotations

from ..media.output.writer import Writer
from ..pipeline import Closable, Pipeline, Stage, close_all
from .chain import Restoration, check_chain, restore_stage
from .job import Evidence, Hosting, Job, JobSpec, Progress, Resume, open_reader
from .osd import split_osd
from .privacy import hoisted, split_privacy

__all__ = [
    "Evidence",
    "Hosting",
    "Job",
    "JobSpec",
    "Progress",
    "Restoration",
    "Resume",
    "build_job",
    "check_chain",
    "hoisted",
    "restore_stage",
    "split_osd",
    "split_privacy",
]


def build_job(spec: JobSpec, hosting: Hosting | None = None) -> Job:
    """Check the filter chain, load its filters, open the inputs and prepare the outputs, in this order.

    A live job waits for its camera as long as it takes; `Hosting.opening` makes it possible to stop that.
    hosting: what the program that runs several jobs gives this one.
    Raises a StreamfixError; nothing stays open then.
    """
    hosting, spec = hosting or Hosting(), hoisted(spec)
    if spec.evidence is not None:
        from .evidence.job import evidence_job

        return evidence_job(spec, spec.evidence, hosting)
    if spec.resume is not None:
        from .segments.opening import resumable_job

        return resumable_job(spec, spec.resume, hosting)
    if spec.live is not None:
        from .live import live_job

        return live_job(spec, spec.live, hosting)
    opened: list[Closable] = []
    try:
        if restoration := restore_stage(spec.filters, spec.device, hosting.pool, exit_on_error=spec.exit_on_error):
            opened.append(restoration)
        reader = open_reader(spec, restoration)
        opened.append(reader)
        hosting.opening(reader)
        hosting.admit(reader.info)
        writer: Stage
        if len(spec.outputs) > 1:
            from ..live.outputs.fanout import Fanout

            writer = Fanout(spec.outputs, reader, depth=spec.queue_depth)
        else:
            writer = Writer(spec.outputs[0], reader)
    except BaseException:
        close_all(opened)
        raise
    stages = [restoration, writer] if restoration else [writer]
    pipeline = Pipeline(reader, *stages, depth=spec.queue_depth, worked=hosting.worked)
    return Job(spec, reader, restoration, writer, pipeline)
