"""Eight cameras on one daemon: do all keep their rate, is memory stable, does reloading one disturb the others?

    python -m tests.bench.bench_daemon CLIP [--minutes 30] [--streams 8] [--filters smooth]

The cameras play CLIP at 320x180, 25 frames a second, from a separate process; each stream is recorded in segments
of H.264. Results go to `daemon` in tests/bench/results/live.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from .bench_live import camera, process, record

PORT, FIRST_CAMERA = 18520, 18530
RATE = 25
STEADY_S = 30.0


def config(folder: Path, streams: int, filters: str, changed: int | None = None) -> str:
    """The daemon's TOML. changed: the stream whose outputs get a different quality."""
    lines = [
        "[daemon]",
        f"port = {PORT}",
        f'allow_folders = ["{folder}"]',
        'allow_schemes = ["tcp"]',
        "max_load = 1.0",
        "[defaults]",
        f'filters = "{filters}"',
        "[defaults.video_options]",
        'preset = "superfast"',
    ]
    for i in range(streams):
        quality = 30 if i == changed else 26
        lines += [
            "[[streams]]",
            f'name = "cam{i}"',
            f'input = "tcp://127.0.0.1:{FIRST_CAMERA + i}?tcp_nodelay=1"',
            'input_format = "mpegts"',
            f'video_options = {{preset = "superfast", crf = "{quality}"}}',
            f'outputs = [{{url = "{folder}/cam{i}_%05d.mkv", format = "segment", '
            'options = {segment_time = "60", segment_wrap = "2"}}]',
        ]
    return "\n".join(lines) + "\n"


def streams_now() -> dict[str, dict[str, Any]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/streams", timeout=10) as answer:
        found = json.load(answer)
    return {stream["name"]: stream for stream in found}


def rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_all(count: int, limit_s: float) -> None:
    """Wait until every stream has run its whole chain for `STEADY_S`."""
    deadline_s = time.monotonic() + limit_s
    since_s = None
    while True:
        try:
            states = [s["state"] for s in streams_now().values()]
        except OSError:
            states = []
        now_s = time.monotonic()
        since_s = (since_s or now_s) if states.count("running") == count else None
        if since_s is not None and now_s - since_s >= STEADY_S:
            return
        if time.monotonic() > deadline_s:
            raise SystemExit(f"not all running after {limit_s} s: {states}")
        time.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--filters", default="smooth")
    a = parser.parse_args()
    urls = [f"tcp://127.0.0.1:{FIRST_CAMERA + i}?listen=1&tcp_nodelay=1" for i in range(a.streams)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        toml = folder / "streams.toml"
        toml.write_text(config(folder, a.streams, a.filters))
        daemon = [sys.executable, "-m", "streamfix", "daemon", "-c", str(toml)]
        with process(camera(a.clip, folder / "sent", *urls, size="320x180")):
            time.sleep(4)
            with process(daemon) as running:
                wait_for_all(a.streams, 300)
                result = measure(running.pid, a)
                result |= reload_one(running.pid, toml, folder, a)
    print(json.dumps(result, indent=1))
    record({"daemon": result})


def measure(pid: int, a: argparse.Namespace) -> dict[str, Any]:
    before, began_s, began_cpu_s = streams_now(), time.monotonic(), cpu_s(pid)
    memory, whole = [rss_mib(pid)], list[bool]()
    while time.monotonic() - began_s < a.minutes * 60:
        time.sleep(min(10.0, a.minutes * 6))
        memory.append(rss_mib(pid))
        whole += [stream["state"] == "running" for stream in streams_now().values()]
    after, took_s = streams_now(), time.monotonic() - began_s
    rates = [(after[n]["written"] - before[n]["written"]) / took_s for n in before]
    dropped = sum(sum(after[n]["dropped"].values()) - sum(before[n]["dropped"].values()) for n in before)
    tenth = max(len(memory) // 10, 1)
    return {
        "streams": a.streams,
        "filters": a.filters,
        "minutes": round(took_s / 60, 1),
        "fps_of_the_slowest": round(min(rates), 2),
        "fps_of_the_fastest": round(max(rates), 2),
        "share_of_time_on_the_whole_chain": round(statistics.mean(whole), 4),
        "dropped": dropped,
        "p99_ms_of_the_worst": round(max(s["latency"]["p99"] for s in after.values()) * 1e3, 1),
        "cores_used": round((cpu_s(pid) - began_cpu_s) / took_s, 2),
        "rss_mib_first_tenth": round(statistics.mean(memory[:tenth]), 1),
        "rss_mib_last_tenth": round(statistics.mean(memory[-tenth:]), 1),
    }


def reload_one(pid: int, toml: Path, folder: Path, a: argparse.Namespace) -> dict[str, Any]:
    """Change the first stream and reload; returns what that cost the others."""
    before = streams_now()
    toml.write_text(config(folder, a.streams, a.filters, changed=0))
    os.kill(pid, 1)
    wait_for_all(a.streams, 300)
    after = streams_now()
    others = [n for n in before if n != "cam0"]
    lost = sum(sum(after[n]["dropped"].values()) - sum(before[n]["dropped"].values()) for n in others)
    restarted = [n for n in others if after[n]["received"] < before[n]["received"]]
    return {
        "reload_restarted_the_changed_one": after["cam0"]["received"] < before["cam0"]["received"],
        "reload_frames_lost_by_the_others": lost,
        "reload_others_restarted": len(restarted),
    }


if __name__ == "__main__":
    main()
