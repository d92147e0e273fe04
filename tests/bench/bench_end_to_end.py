"""Whole commands: streamfix's filters against ffmpeg's and VapourSynth's denoisers, taking turns.

    python -m tests.bench.bench_end_to_end CLIP [--frames 400] [--rounds 3] [--coded] [--vs-python PYTHON]

CLIP is scaled to 640x360, given noise and encoded with H.264 once. Each command then reads that file and writes y4m
to /dev/null, or with --coded H.264 from x264 at preset veryfast. A short run is timed too: the difference between the
two excludes the cost of starting a process. PYTHON has VapourSynth with MVTools and NLMeans, see vs_stream.py; without
it these two are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import av

from tests.bench.processor import processor

RESULTS = Path(__file__).parent / "results"
VS_STREAM = Path(__file__).parent / "vs_stream.py"
SHORT = 20
CHAINS = {
    "ffmpeg hqdn3d": "hqdn3d",
    "ffmpeg atadenoise": "atadenoise",
    "ffmpeg nlmeans": "nlmeans",
    "streamfix null": "null",
    "streamfix smooth": "smooth",
    "streamfix denoise": "denoise",
    "streamfix denoise, live": "denoise=lookahead=0",
    "streamfix denoise, live, tier xs": "denoise=tier=xs:lookahead=0",
    "streamfix deblock, live": "deblock=lookahead=0",
    "streamfix upscale": "upscale=scale=2",
}
VAPOURSYNTH = {"VapourSynth MVTools Degrain3": "degrain3", "VapourSynth NLMeans": "nlmeans"}
SIZE = 640, 360
Y4M = ("-f", "yuv4mpegpipe", "/dev/null")
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-f", "matroska", "/dev/null")


def noisy_clip(source: Path, target: Path, frames: int) -> None:
    """Write the first `frames` of `source`, looping it if it has fewer: 640x360, noisy, in good-quality H.264."""
    picture = f"scale={SIZE[0]}:{SIZE[1]},setsar=1,noise=alls=20:allf=t,format=yuv420p"
    read = ["-stream_loop", "-1", "-i", str(source), "-frames:v", str(frames), "-an", "-vf", picture]
    write = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18", str(target)]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *read, *write], check=True)


def command(name: str, chain: str, clip: Path, frames: int, output: Sequence[str] = Y4M) -> list[str]:
    if name in VAPOURSYNTH:
        read = f"ffmpeg -v error -i {shlex.quote(str(clip))} -frames:v {frames} -f rawvideo -"
        restore = f"{shlex.quote(chain)} {VS_STREAM} {VAPOURSYNTH[name]} {SIZE[0]} {SIZE[1]} {frames}"
        write = f"ffmpeg -v error -y -i - {shlex.join(output)}"
        return ["bash", "-o", "pipefail", "-c", f"{read} | {restore} | {write}"]
    program = [sys.executable, "-m", "streamfix"] if name.startswith("streamfix") else ["ffmpeg"]
    options = ["-hide_banner", "-v", "error", "-nostdin", "-y", "-i", str(clip), "-frames:v", str(frames)]
    return [*program, *options, "-vf", chain, *output]


def seconds(words: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--coded", action="store_true", help="write H.264 instead of y4m")
    parser.add_argument("--vs-python", default=os.environ.get("STREAMFIX_VS_PYTHON"), help="a Python with VapourSynth")
    arguments = parser.parse_args()
    if arguments.vs_python:
        CHAINS.update(dict.fromkeys(VAPOURSYNTH, arguments.vs_python))
    output = X264 if arguments.coded else Y4M
    long: dict[str, list[float]] = {name: [] for name in CHAINS}
    short: dict[str, list[float]] = {name: [] for name in CHAINS}
    # nlmeans runs at one or two frames a second: a twentieth of the frames is enough to measure it.
    frames = {name: arguments.frames // (20 if name.endswith("nlmeans") else 1) + SHORT for name in CHAINS}
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "noisy.mkv"
        noisy_clip(arguments.clip, clip, arguments.frames + SHORT)
        for _ in range(arguments.rounds):
            for name, chain in CHAINS.items():
                long[name].append(seconds(command(name, chain, clip, frames[name], output)))
                short[name].append(seconds(command(name, chain, clip, SHORT, output)))
    rows = []
    for name in CHAINS:
        steady_s = statistics.median(long[name]) - statistics.median(short[name])
        rows.append(
            {
                "command": name,
                "fps": round((frames[name] - SHORT) / steady_s, 1),
                "fps with start-up": round(frames[name] / statistics.median(long[name]), 1),
                "start-up and 20 frames, s": round(statistics.median(short[name]), 2),
            }
        )
        print(rows[-1])
    result = {
        "title": f"End to end: 640x360 H.264 in, {'H.264 (x264 veryfast)' if arguments.coded else 'y4m'} out",
        "command": f"python -m tests.bench.bench_end_to_end CLIP{' --coded' if arguments.coded else ''}",
        "machine": {
            "cores": os.cpu_count(),
            "cpu": processor(),
            "python": platform.python_version(),
            "PyAV": av.__version__,
            "ffmpeg": subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True).stdout.split()[2],
            "frames": arguments.frames,
            "rounds": arguments.rounds,
        },
        "commands": rows,
    }
    RESULTS.mkdir(exist_ok=True)
    name = "end_to_end_coded.json" if arguments.coded else "end_to_end.json"
    (RESULTS / name).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
