"""How a stream is, as the API shows it: without credentials."""

from __future__ import annotations

from ...build import JobSpec
from ...frame import VideoInfo
from ...live.health import Report
from ...media.redact import redact
from .spec import StreamConfig


def status_of(
    config: StreamConfig, spec: JobSpec | None, info: VideoInfo | None, report: Report | None
) -> dict[str, object]:
    """All of `models.StreamStatus` but state, reason and since. The counts are of the present run, or the last one.

    spec: the present job, whose outputs report under their URL as it may be shown; the configuration's has references
    in the place of secrets.
    """
    troubles = dict(report.outputs) if report is not None else {}
    names = [redact(output.url) for output in (config if spec is None else spec).outputs]
    found: dict[str, object] = {
        "name": config.name,
        "input": redact(config.input),
        "filters": config.filters,
        "outputs": [
            {"url": redact(output.url), "trouble": redact(troubles.get(name, ""))}
            for output, name in zip(config.outputs, names, strict=True)
        ],
        "enabled": config.enabled,
        "max_latency": config.max_latency_s,
        "size": None if info is None else [info.width, info.height],
    }
    return found if report is None else found | _measured(report)


def _measured(report: Report) -> dict[str, object]:
    return {
        "fps": report.fps,
        "latency": {name: report.latency_s.get(name) for name in ("p50", "p99")},
        "dropped": dict(report.dropped),
        "received": report.received,
        "written": report.written,
        "damaged": report.damaged,
        "standing_in": report.standing_in,
        "late": report.late,
        "reconnects": report.reconnects,
        "rung": report.rung,
        "rung_name": report.rung_name,
        "noise": {name: report.figures.get(f"noise_{name}") for name in ("luma", "chroma")},
        "last_frame_s": report.last_frame_s,
    }
