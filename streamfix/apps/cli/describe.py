"""What a job is going to do, said before it begins."""

from __future__ import annotations

import logging

from ...jobs import Job
from .values import format_clock

_log = logging.getLogger("streamfix")


def describe(job: Job) -> None:
    """Log the input, where each stream goes, and whether a filter may invent detail."""
    info = job.reader.info
    facts = [f"{info.width}x{info.height}", info.pix_fmt]
    if info.rate:
        facts.append(f"{float(info.rate):.4g} fps")
    if info.duration_s:
        facts.append(format_clock(info.duration_s))
    policy = job.spec.live
    if policy is not None:
        facts.append(f"live within {policy.max_latency_s * 1000:g} ms")
    urls = ", ".join(repr(spec.shown) for spec in job.spec.inputs)
    _log.info("Input %s: %s", urls, ", ".join(facts))
    chain = ",".join(spec.name for spec in job.spec.filters) or "null"
    codecs = dict.fromkeys([job.writer.video_codec, *(o.video_codec for o in job.spec.outputs[1:] if o.video_codec)])
    outputs = job.spec.outputs
    ways = {
        "audio": ", ".join(dict.fromkeys(o.audio_codec for o in outputs if o.audio)),
        "subtitle": ", ".join(dict.fromkeys(o.subtitle_codec for o in outputs if o.subtitles)),
    }
    for stream in job.reader.streams:
        way = f"{chain} -> {', '.join(codecs)}" if stream.restored else ways.get(stream.kind, "copy")
        _log.info("  %s -> %s", stream, way)
    for output in outputs:
        _log.info("Output %r", output.shown)
    if job.restoration and job.restoration.generative:
        names = ", ".join(job.restoration.generative)
        _log.info("%s may invent detail: the result is reconstructed, not restored", names)
