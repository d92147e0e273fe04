"""Live streams on the command line: their options, and how they are shown."""

from __future__ import annotations

from ...counts import FrameCounts, Scope
from ...errors import UsageError
from ...live.health import OutputReport, Report
from ...live.policy import LivePolicy, is_live
from ...media.redact import redact
from .grammar import CommandLine

# Options of live inputs -> fields of LivePolicy.
_OF_LIVE = {
    "max_latency": "max_latency_s",
    "on_lost": "on_lost",
    "on_damaged": "on_damaged",
    "lost_after": "lost_after_s",
    "queue": "queue_s",
    "queue_bytes": "queue_bytes",
    "ladder": "ladder",
}


def live_policy(line: CommandLine) -> LivePolicy | None:
    """How to treat a camera; None if all inputs are read to their ends. Raises UsageError."""
    live = [file for file in line.inputs if file.get("live", is_live(file.url, file.get("f")))]
    for file in line.inputs:
        given = next((file.all(name)[0] for name in _OF_LIVE if file.all(name)), None)
        if given is not None and file not in live:
            raise UsageError(
                f"-{given.name} before -i {redact(file.url)}: for live inputs only; add -live if it is one"
            )
    if not live:
        return None
    if len(line.inputs) > 1:
        raise UsageError(
            f"{redact(live[0].url)} is live and must be the only input, got {len(line.inputs)}; "
            "-nolive before its -i reads it like a file"
        )
    asked = {field: live[0].get(name) for name, field in _OF_LIVE.items() if live[0].all(name)}
    return LivePolicy(**asked)


def live_fields(r: Report) -> dict[str, str]:
    """A live stream's -progress keys. Latencies are in microseconds; dropped frames are counted by reason too."""
    delays_s = {f"latency_{q}_us": r.latency_s.get(q) for q in ("p50", "p99")}
    if "capture_delay_s" in r.figures:  # of a camera that tells the time
        delays_s["capture_delay_us"] = r.figures["capture_delay_s"]
    return {
        "state": r.state,
        "reason": r.reason.replace("\n", " "),
        **{
            key: value for key, value in _frame_fields(r.counts, "stream").items() if key != "written_frames"
        },  # `frame`
        **{f"drop_frames_{reason}": f"{count}" for reason, count in sorted(r.counts.dropped.items())},
        **{key: "N/A" if value is None else f"{value * 1_000_000:.0f}" for key, value in delays_s.items()},
        "reconnects": f"{r.reconnects}",
        "rung": f"{r.step}",
        "filters": r.step_name or "null",
        **{key: value for i, output in enumerate(r.outputs) for key, value in _output_fields(i, output).items()},
    }


def _output_fields(index: int, r: OutputReport) -> dict[str, str]:
    """The keys of one output. Only the camera's frames count, not those that stand in or are repeated."""
    own = {
        "trouble": r.trouble.replace("\n", " "),
        **_frame_fields(r.counts, "output"),
        "drop_frames": f"{r.counts.dropped_total}",
    }
    return {f"output_{index}_{key}": value for key, value in own.items()}


def _frame_fields(counts: FrameCounts, scope: Scope) -> dict[str, str]:
    """Each counter of that scope under its own name, as in `late_frames`; `dropped` is not among them."""
    return {f"{name}_frames": f"{count}" for name, count in counts.numbers(scope).items()}


def live_words(r: Report) -> str:
    """The state, the latency, and counts that are out of the ordinary."""
    p99_s = r.latency_s.get("p99")
    unusual = (("late", r.counts.late), ("damaged", r.counts.damaged), ("reconnects", r.reconnects), ("rung", r.step))
    latency = "N/A" if p99_s is None else f"{p99_s * 1000:.0f}ms"
    return f"{r.state} p99={latency}" + "".join(f" {name}={count}" for name, count in unusual if count)
