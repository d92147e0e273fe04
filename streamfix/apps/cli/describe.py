"""What a job is going to do, said before it begins."""

from __future__ import annotations

import logging

from ...build import Job
from .values import format_clock

_log = logging.getLogger("streamfix")


def describe(job: Job) -> None:
    """Log the input, where each stream goes, and whether a filter may invent detail."""
    info, output = job.reader.info, job.spec.output
    facts = [f"{info.width}x{info.height}", info.pix_fmt]
    if info.rate:
        facts.append(f"{float(info.rate):.4g} fps")
    if info.duration_s:
        facts.append(format_clock(info.duration_s))
    urls = ", ".join(repr(spec.url) for spec in job.spec.inputs)
    _log.info("Input %s: %s", urls, ", ".join(facts))
    chain = ",".join(spec.name for spec in job.spec.filters) or "null"
    ways = {"audio": output.audio_codec, "subtitle": output.subtitle_codec}
    for stream in job.reader.streams:
        way = f"{chain} -> {job.writer.video_codec}" if stream.restored else ways.get(stream.kind, "copy")
        _log.info("  %s -> %s", stream, way)
    _log.info("Output %r", output.url)
    if job.restoration and job.restoration.generative:
        names = ", ".join(job.restoration.generative)
        _log.info("%s may invent detail: the result is reconstructed, not restored", names)
