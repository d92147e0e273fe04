"""What a job is going to do, said before it begins."""

from __future__ import annotations

import logging

from ...build import Job
from .values import format_clock

_log = logging.getLogger("streamfix")


def describe(job: Job) -> None:
    """Log the input and where each stream goes, and whether a filter may invent detail."""
    info = job.reader.info
    facts = [f"{info.width}x{info.height}", info.pix_fmt]
    if info.rate:
        facts.append(f"{float(info.rate):.4g} fps")
    if info.duration_s:
        facts.append(format_clock(info.duration_s))
    if not _log.isEnabledFor(logging.INFO):
        return
    _log.info("Input %s: %s", ", ".join(repr(i.url) for i in job.spec.inputs), ", ".join(facts))
    chain = ",".join(f.name for f in job.spec.filters)
    _log.info("Output %r: video%s", job.spec.output.url, f" through {chain}" if chain else "")
    if job.restoration and job.restoration.generative:
        names = ", ".join(job.restoration.generative)
        _log.info("%s may invent detail: the result is reconstructed, not restored", names)
