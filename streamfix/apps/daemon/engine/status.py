"""A stream's status as the API shows it, without credentials."""

from __future__ import annotations

from itertools import zip_longest

from ....frame import VideoInfo
from ....live.health import OutputReport, Report
from ....media.redact import redact
from ..config.spec import StreamConfig


def status_of(config: StreamConfig, info: VideoInfo | None, report: Report | None) -> dict[str, object]:
    """All of `models.StreamStatus` but state, reason, since and next_try.

    The counts are of the current run, or of the last one.
    Outputs are named as in the configuration, with references in place of secrets.
    """
    reports = [] if report is None else report.outputs
    found: dict[str, object] = {
        "name": config.name,
        "input": redact(config.input),
        "filters": redact(config.filters),
        "outputs": [
            {"url": redact(output.url)} | ({} if own is None else _written(own))
            for output, own in zip_longest(config.outputs, reports[: len(config.outputs)])
        ],
        "enabled": config.enabled,
        "max_latency": config.max_latency_s,
        "size": None if info is None else [info.width, info.height],
    }
    return found if report is None else found | _measured(report)


def _written(own: OutputReport) -> dict[str, object]:
    return {
        "trouble": redact(own.trouble),
        **own.counts.numbers("output"),
        "dropped": dict(own.counts.dropped),
    }


def _measured(report: Report) -> dict[str, object]:
    return {
        "fps": report.fps,
        "latency": {name: report.latency_s.get(name) for name in ("p50", "p99")},
        "dropped": dict(report.counts.dropped),
        **report.counts.numbers("stream"),
        "reconnects": report.reconnects,
        "rung": report.step,
        "rung_name": redact(report.step_name),
        "noise": {name: report.figures.get(f"noise_{name}") for name in ("luma", "chroma")},
        "last_frame_s": report.last_frame_s,
    }
