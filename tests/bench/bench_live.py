"""Live streams: the latency we add, what happens to a model that is too slow, and to cameras that disconnect.

    python -m tests.bench.bench_live CLIP latency [--seconds 60] [--rounds 3]
    python -m tests.bench.bench_live CLIP ladder [--filters denoise] [--seconds 600]
    python -m tests.bench.bench_live CLIP slow [--seconds 600]
    python -m tests.bench.bench_live CLIP lost [--times 50]

CLIP plays in a loop as a camera in a separate process: 640x360 at 25 frames a second, H.264 in MPEG-TS over TCP. Each
frame carries a number by which a viewer in another process recognises it. Each part writes its own object in
tests/bench/results/live.json. `bench_daemon.py` covers many streams.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import av

from tests.bench.processor import processor

if TYPE_CHECKING:
    from streamfix.jobs import Job

RESULTS = Path(__file__).parent / "results"
SIZE, RATE, LOOP = "640x360", 25, 250
# ffmpeg starts with the backlog from probing its input.
WARM_S = 60.0
INPUT, OUTPUT, AWAY = (f"tcp://127.0.0.1:{port}" for port in (18510, 18511, 18512))
NODELAY = "?tcp_nodelay=1"
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-g", "50", "-f", "mpegts")
RELAYS = {
    "ffmpeg": (
        *("ffmpeg", "-v", "error", "-nostdin", "-fflags", "nobuffer", "-flags", "low_delay", "-threads", "1"),
        *("-i", INPUT + NODELAY, *X264, "-flush_packets", "1", OUTPUT + NODELAY),
    ),
    "streamfix smooth": (
        *(sys.executable, "-m", "streamfix", "-v", "error", "-nostdin", "-nostats", "-live"),
        *("-i", INPUT + NODELAY, "-vf", "smooth", *X264, OUTPUT + NODELAY),
    ),
}
RELAYS["streamfix denoise"] = tuple("denoise" if word == "smooth" else word for word in RELAYS["streamfix smooth"])


@contextlib.contextmanager
def process(words: Sequence[str], log: IO[bytes] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block. log: where its output goes."""
    running = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(5)
        running.kill()
        running.wait()


def camera(clip: Path, log: Path, *urls: str, size: str = SIZE) -> list[str]:
    return [sys.executable, "-m", "tests.bench.live.camera", str(clip), size, str(log), *urls]


# -- latency


def latencies(clip: Path, relay: Sequence[str], seconds: float) -> tuple[list[float], int]:
    """Camera-to-viewer latency in seconds of each frame after a warm-up, and how many frames were never seen."""
    with tempfile.TemporaryDirectory() as folder:
        sent, seen = Path(folder) / "sent", Path(folder) / "seen"
        viewer = [sys.executable, "-m", "tests.bench.live.viewer", OUTPUT + "?listen=1", str(seen)]
        with process(viewer), process(camera(clip, sent, INPUT + "?listen=1&tcp_nodelay=1")):
            time.sleep(4)  # until both listen
            with process(relay):
                began_s = time.monotonic()
                while not seen.exists() or not seen.stat().st_size:
                    if time.monotonic() - began_s > 60:
                        raise SystemExit(f"nothing came out of {relay[0]} in a minute")
                    time.sleep(0.1)
                time.sleep(WARM_S + seconds)
        return _matched(sent.read_text(), seen.read_text())


def _matched(sent: str, seen: str) -> tuple[list[float], int]:
    cameras = [(int(n), float(t)) for _, n, t in (line.split() for line in sent.splitlines() if line.count(" ") == 2)]
    viewer = [(int(n), float(t)) for n, t in (line.split() for line in seen.splitlines() if line.count(" ") == 1)]
    first_s = viewer[0][1] + WARM_S
    last_s = viewer[-1][1] - 1
    came = {}
    for number, at_s in viewer:
        # The clip loops, so take the latest time at which this number had been sent.
        times = [t for n, t in cameras if n == number and t <= at_s]
        if times and at_s - times[-1] < LOOP / RATE / 2:
            came[times[-1]] = at_s - times[-1]
    wanted = [t for _, t in cameras if first_s <= t <= last_s]
    found = [came[t] for t in wanted if t in came]
    return found, len(wanted) - len(found)


def bench_latency(a: argparse.Namespace) -> dict[str, Any]:
    gathered: dict[str, list[float]] = {name: [] for name in RELAYS}
    missing = dict.fromkeys(RELAYS, 0)
    for _ in range(a.rounds):
        for name, relay in RELAYS.items():
            found, lost = latencies(a.clip, relay, a.seconds / a.rounds)
            gathered[name] += found
            missing[name] += lost
    rows = []
    base = quantiles(gathered["ffmpeg"])
    for name, found in gathered.items():
        p50, p99 = quantiles(found)
        rows.append(
            {
                "relay": name,
                "p50_ms": round(p50 * 1e3, 1),
                "p99_ms": round(p99 * 1e3, 1),
                "added_p50_ms": round((p50 - base[0]) * 1e3, 1),
                "added_p99_ms": round((p99 - base[1]) * 1e3, 1),
                "frames": len(found),
                "not_seen": missing[name],
            }
        )
        print(rows[-1])
    return {"latency": rows}


def quantiles(values: Sequence[float]) -> tuple[float, float]:
    """p50 and p99."""
    cuts = statistics.quantiles(values, n=100)
    return statistics.median(values), cuts[98]


def live_job(url: str, filters: str, **policy: float) -> Job:
    """A live job in this process, from a camera to a null output. policy: fields of `LivePolicy`."""
    from streamfix.chainspec import parse_chain
    from streamfix.jobs import JobSpec, build_job
    from streamfix.live.policy import LivePolicy
    from streamfix.media.specs import InputSpec, OutputSpec

    return build_job(
        JobSpec(
            inputs=(InputSpec(url + NODELAY, format="mpegts"),),
            outputs=(OutputSpec("/dev/null", format="mpegts", video_codec="libx264"),),
            filters=tuple(parse_chain(filters)),
            live=LivePolicy(**policy),  # type: ignore[arg-type]  # only fields that are times
        )
    )


# -- where on the ladder a camera's frames are restored


def bench_ladder(a: argparse.Namespace) -> dict[str, Any]:
    """How many frames each step of the ladder restores while the machine has nothing else to do than camera and job."""
    by_step: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        with process(camera(a.clip, Path(folder) / "sent", INPUT + "?listen=1&tcp_nodelay=1")):
            time.sleep(3)
            job = live_job(INPUT, a.filters)
            assert job.health is not None
            runner = threading.Thread(target=job.run)
            runner.start()
            began_s, before = time.monotonic(), 0
            while time.monotonic() - began_s < a.seconds:
                time.sleep(0.2)
                report = job.health.report()
                name = report.step_name or "pass-through"
                by_step[name] = by_step.get(name, 0) + report.counts.written - before
                before = report.counts.written
            job.stop()
            runner.join(30)
        report = job.health.report()
    written = max(1, sum(by_step.values()))
    return {
        "ladder": {
            "filters": a.filters,
            "seconds": a.seconds,
            "received": report.counts.received,
            "dropped": report.counts.dropped_total,
            "late": report.counts.late,
            "steps taken": len([event for event in job.health.events if event.kind == "step"]),
            **{f"restored by {name}, %": round(100 * count / written, 1) for name, count in by_step.items() if count},
        }
    }


# -- a model that is too slow


def bench_slow(a: argparse.Namespace) -> dict[str, Any]:
    """`sleepy` takes two frame times per frame: what is dropped, and where does the ladder go?"""
    from .live.sleepy import announce

    announce(2 / RATE)
    with tempfile.TemporaryDirectory() as folder:
        with process(camera(a.clip, Path(folder) / "sent", INPUT + "?listen=1&tcp_nodelay=1")):
            time.sleep(3)
            job = live_job(INPUT, "sleepy", max_latency_s=0.2)
            assert job.health is not None
            samples = []
            runner = threading.Thread(target=job.run)
            runner.start()
            began_s = time.monotonic()
            while time.monotonic() - began_s < a.seconds:
                time.sleep(1)
                report = job.health.report()
                if report.latency_s:
                    samples.append(report.latency_s["p99"])
            job.stop()
            runner.join(30)
        report = job.health.report()
    steps = [event.text for event in job.health.events if event.kind == "step"]
    half = len(samples) // 2
    return {
        "slow": {
            "seconds": a.seconds,
            "received": report.counts.received,
            "written": report.counts.written,
            "dropped": report.counts.dropped_total,
            "in_flight_at_the_end": report.counts.in_flight,
            "late": report.counts.late,
            "ladder_steps": len(steps),
            "p99_ms_first_half": round(max(samples[:half]) * 1e3),
            "p99_ms_second_half": round(max(samples[half:]) * 1e3),
            "budget_ms": 200,
        }
    }


# -- a camera that goes away


def bench_lost(a: argparse.Namespace) -> dict[str, Any]:
    """The camera is killed and comes back, over and over."""
    rng = random.Random(1)
    back_s: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        log, ready = Path(folder) / "sent", Path(folder) / "sent.ready"
        words = camera(a.clip, log, AWAY + "?listen=1&tcp_nodelay=1")
        running = subprocess.Popen(words)
        time.sleep(3)
        job = live_job(AWAY, "smooth", lost_after_s=2.0)
        health = job.health
        assert health is not None
        runner = threading.Thread(target=job.run)
        runner.start()
        _until(lambda: health.report().counts.written > 50, 60)
        before, memory = usage(), list[int]()
        for k in range(a.times):
            if k == 5:
                before = usage()  # by now, everything that is created once exists
            if k % 10 == 0:
                memory.append(round(usage()["rss_mib"]))
            running.kill()
            running.wait()
            time.sleep(rng.uniform(0.2, 2.0))
            count = health.report().counts.written
            ready.unlink()
            running = subprocess.Popen(words)
            _until(ready.exists, 60)
            began_s = time.monotonic()
            came = _until(lambda count=count: health.report().counts.written > count + 1, 70)
            back_s.append(came - began_s)
            _until(lambda: health.report().state == "running", 30)
            time.sleep(rng.uniform(0.5, 1.5))
        time.sleep(3)
        after = usage()
        job.stop()
        runner.join(30)
        running.kill()
        running.wait()
    report = health.report()
    return {
        "lost": {
            "losses": a.times,
            "recoveries": report.reconnects,
            "median_s_after_it_is_back": round(statistics.median(back_s), 2),
            "worst_s": round(max(back_s), 2),
            "threads_before_and_after": [before["threads"], after["threads"]],
            "handles_before_and_after": [before["handles"], after["handles"]],
            "rss_mib_every_ten_losses": [*memory, round(after["rss_mib"])],
            "received": report.counts.received,
            "written": report.counts.written,
            "dropped": report.counts.dropped_total,
            "in_flight_at_the_end": report.counts.in_flight,
        }
    }


def usage() -> dict[str, float]:
    """Threads, open handles and resident memory of this process."""
    status = Path("/proc/self/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return {
        "threads": int(fields["Threads"]),
        "handles": len(os.listdir("/proc/self/fd")),
        "rss_mib": int(fields["VmRSS"].split()[0]) / 1024,
    }


def _until(true: Any, limit_s: float) -> float:
    """Wait until `true()`; returns the time."""
    deadline_s = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > deadline_s:
            raise SystemExit(f"nothing happened within {limit_s} s")
        time.sleep(0.01)
    return time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parts = parser.add_subparsers(required=True)
    latency = parts.add_parser("latency")
    latency.add_argument("--seconds", type=float, default=60)
    latency.add_argument("--rounds", type=int, default=3)
    latency.set_defaults(run=bench_latency)
    ladder = parts.add_parser("ladder")
    ladder.add_argument("--filters", default="denoise")
    ladder.add_argument("--seconds", type=float, default=600)
    ladder.set_defaults(run=bench_ladder)
    slow = parts.add_parser("slow")
    slow.add_argument("--seconds", type=float, default=600)
    slow.set_defaults(run=bench_slow)
    lost = parts.add_parser("lost")
    lost.add_argument("--times", type=int, default=50)
    lost.set_defaults(run=bench_lost)
    arguments = parser.parse_args()
    result = arguments.run(arguments)
    print(json.dumps(result, indent=1))
    record(result)


def machine() -> dict[str, Any]:
    """What a benchmark ran on."""
    return {
        "cores": os.cpu_count(),
        "cpu": processor(),
        "python": platform.python_version(),
        "PyAV": av.__version__,
        "ffmpeg": subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True).stdout.split()[2],
    }


def record(part: dict[str, Any]) -> None:
    """Store one part in live.json, keeping the others."""
    path = RESULTS / "live.json"
    whole = json.loads(path.read_text()) if path.exists() else {}
    head = {
        "title": "Live: 640x360 at 25 frames a second",
        "command": "python -m tests.bench.bench_live CLIP latency|ladder|slow|lost; "
        "python -m tests.bench.bench_daemon CLIP",
        "machine": machine(),
    }
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps({**whole, **head, **part}, indent=1) + "\n")


if __name__ == "__main__":
    main()
