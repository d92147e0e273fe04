"""Pass-through against the ffmpeg command: speed at 720p, memory at 1080p, and memory over 5,000 frames.

    python -m tests.bench.bench_passthrough [CLIP] [--threads 2] [--runs 5] [--seconds 20]

CLIP is scaled to these sizes; without one, libavfilter's test pattern with noise is used. Both programs decode, encode
with libx264 at preset veryfast and write MP4, with the same number of threads, taking turns. Times include start-up.
The best runs are compared, since on a shared machine the others mostly measure the neighbours; processor seconds are
shown too. "Interpreter and torch" is the memory that `import torch, av` takes on its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import av

from tests.bench.processor import processor

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "results" / "passthrough.json"
FLAT_FRAMES = 5000


class Run:
    """A child process, run to its end. wall_s, cpu_s: seconds. peak_mib: peak resident memory."""

    def __init__(self, command: list[str]) -> None:
        began = time.perf_counter()
        child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        self.wall_s = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}")
        self.cpu_s = used.ru_utime + used.ru_stime
        self.peak_mib = used.ru_maxrss / 1024


def make_clip(source: str | None, path: Path, size: str, seconds: int) -> int:
    """Write the clip that both programs read. Returns its number of frames."""
    picture = ["-stream_loop", "-1", "-i", source] if source else ["-f", "lavfi", "-i", f"testsrc2=s={size}:r=25"]
    filters = f"scale={size.replace('x', ':')},fps=25" + ("" if source else ",noise=alls=6:allf=t")
    encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p", "-an"]
    subprocess.run(
        ["ffmpeg", "-v", "error", "-nostdin", "-y", *picture, "-t", str(seconds), "-vf", filters, *encoder, str(path)],
        check=True,
    )
    return seconds * 25


def commands(clip: Path, folder: Path, threads: int) -> dict[str, list[str]]:
    """The same job as a command for each program."""

    def options(name: str) -> list[str]:
        n = str(threads)
        return [
            *("-v", "error", "-nostdin", "-y", "-threads", n, "-i", str(clip)),
            *("-vf", "null", "-threads", n, "-c:v", "libx264", "-preset", "veryfast", str(folder / f"{name}.mp4")),
        ]

    return {
        "ffmpeg": ["ffmpeg", *options("ffmpeg")],
        "streamfix": [sys.executable, "-m", "streamfix", *options("streamfix")],
    }


def in_turns(jobs: dict[str, list[str]], runs: int) -> dict[str, list[Run]]:
    """Run each job `runs` times, taking turns, after one round to fill the caches."""
    done: dict[str, list[Run]] = {name: [] for name in jobs}
    for i in range(runs + 1):
        for name, command in jobs.items():
            run = Run(command)
            if i:
                done[name].append(run)
    return done


def speed(done: dict[str, list[Run]], frames: int) -> list[dict[str, Any]]:
    """One row per program."""
    best = {name: min(r.wall_s for r in runs) for name, runs in done.items()}
    pairs = {
        name: [peer.wall_s / own.wall_s for peer, own in zip(done["ffmpeg"], runs, strict=True)]
        for name, runs in done.items()
    }
    return [
        {
            "720p": name,
            "fps best": round(frames / best[name], 1),
            "fps median": round(frames / statistics.median(r.wall_s for r in runs), 1),
            "of ffmpeg, best": round(best["ffmpeg"] / best[name], 3),
            "of ffmpeg, median of pairs": round(statistics.median(pairs[name]), 3),
            "processor s": round(min(r.cpu_s for r in runs), 2),
        }
        for name, runs in done.items()
    ]


def memory(done: dict[str, list[Run]]) -> list[dict[str, Any]]:
    """One row per program, and the memory that the interpreter and torch take."""
    peaks = {name: round(max(r.peak_mib for r in runs)) for name, runs in done.items()}
    base = round(Run([sys.executable, "-c", "import av, torch"]).peak_mib)
    allowed = round(1.5 * peaks["ffmpeg"] + base)
    rows: list[dict[str, Any]] = [{"1080p": name, "peak RSS MiB": peak} for name, peak in peaks.items()]
    return [*rows, {"1080p": "interpreter and torch", "peak RSS MiB": base}, {"1080p": "goal", "peak RSS MiB": allowed}]


def flatness(clip: Path, frames: int) -> dict[str, Any]:
    """Resident memory of one job over 5,000 frames, sampled every 250 frames."""
    code = f"""
import json, re
from streamfix.frame import Frame
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.writer import OutputSpec, Writer
def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
reader = Reader([InputSpec({str(clip)!r}, loops={-(-FLAT_FRAMES // frames) - 1})])
writer = Writer(OutputSpec("-", format="null", video_codec="libx264", video_options={{"preset": "ultrafast"}}), reader)
seen, readings = 0, []
for item in reader:
    writer.push(item)
    seen += isinstance(item, Frame)
    if seen % 250 == 0:
        readings.append(resident())
writer.flush()
print(json.dumps([seen, readings]))
"""
    seen, readings = json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT))
    return {
        "frames": seen,
        "RSS MiB after 500 frames": round(readings[1], 1),
        "RSS MiB at the end": round(readings[-1], 1),
        "grown MiB": round(readings[-1] - readings[1], 1),
    }


def machine() -> dict[str, Any]:
    said = subprocess.check_output(["ffmpeg", "-version"], text=True)
    version = re.search(r"version (\S+)", said)
    return {
        "cpu": processor(),
        "cores": os.cpu_count(),
        "load before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "pyav": av.__version__,
        "libavcodec": ".".join(map(str, av.library_versions["libavcodec"])),
        "ffmpeg": version[1] if version else "?",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("clip", nargs="?")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=20)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = {size: folder / f"{size}.mp4" for size in ("1280x720", "1920x1080", "480x270")}
        frames = make_clip(chosen.clip, clips["1280x720"], "1280x720", chosen.seconds)
        make_clip(chosen.clip, clips["1920x1080"], "1920x1080", 8)
        few = make_clip(chosen.clip, clips["480x270"], "480x270", 20)
        result = {
            "title": "Pass-through beside ffmpeg",
            "command": "python -m tests.bench.bench_passthrough",
            "machine": machine(),
            "threads": chosen.threads,
            "runs in turns": chosen.runs,
            "frames": frames,
            "speed": speed(in_turns(commands(clips["1280x720"], folder, chosen.threads), chosen.runs), frames),
            "memory": memory(in_turns(commands(clips["1920x1080"], folder, chosen.threads), 1)),
            "over 5,000 frames": {"480x270": flatness(clips["480x270"], few)},
        }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
