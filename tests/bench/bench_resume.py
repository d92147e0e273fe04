"""How -resume stands up to kill -9, what it costs, and how long joining takes.

    python -m tests.bench.bench_resume [--kills 50] [--clip FILE] [--filter smooth] [--json FILE]

A job is killed at random moments until it is complete; its output is compared, packet by packet and picture by picture,
with that of a job that nobody disturbed. Each attempt is a process of its own, forked from one that has loaded
everything, so that it is killed at its work and not while it starts. The cost is the CPU time of a whole job with
-resume over that of one without (and the same routines of x264), run in turns, the best of several: other work on the
machine hardly changes it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

import streamfix.jobs.segments.opening  # noqa: F401  # loaded before the first fork
from streamfix import FILTERS
from streamfix.apps.cli import main as main_of_streamfix
from streamfix.chainspec import parse_chain
from streamfix.media.output.encoder import repeatable_x264_params
from tests.bench.processor import processor

RATE = 25
Way = Callable[[Sequence[str], float | None], int | None]


def make_clip(path: Path, seconds: float, width: int, height: int) -> None:
    """A noisy moving pattern with sound, B-frames and a keyframe each second."""
    noise = np.random.default_rng(0)
    y, x = np.mgrid[: height * 2, : width * 2].astype(np.float32)
    scene = 128 + 60 * np.sin(x / 9) * np.cos(y / 13) + 40 * np.sin((x + y) / 31)
    with av.open(str(path), "w") as out:
        video: Any = out.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = {"g": str(RATE), "bf": "2", "preset": "veryfast"}
        sound: Any = out.add_stream("aac", rate=48000)
        for n in range(round(seconds * RATE)):
            luma = scene[n % height : n % height + height, n : n + width] if n < width else scene[:height, :width]
            noisy = np.clip(luma + noise.normal(0, 5, (height, width)), 16, 235).astype(np.uint8)
            planes = np.concatenate([noisy.reshape(-1), np.full(width * height // 2, 128, np.uint8)])
            frame = av.VideoFrame.from_ndarray(planes.reshape(height * 3 // 2, width), format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, RATE)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for at in range(0, round(seconds * 48000), 1024):
            wave = (np.sin(np.arange(at, at + 1024) * 0.05) * 8000).astype(np.int16)
            part = av.AudioFrame.from_ndarray(np.repeat(wave, 2)[None], format="s16", layout="stereo")
            part.sample_rate, part.pts, part.time_base = 48000, at, Fraction(1, 48000)
            out.mux(sound.encode(part))
        out.mux(sound.encode(None))


def contents(path: Path) -> dict[str, Any]:
    """All packets of all streams, all pictures, tags and chapters."""
    with av.open(str(path)) as file:
        packets: dict[int, list[Any]] = {s.index: [] for s in file.streams}
        for p in file.demux():
            if p.size:
                digest = hashlib.sha256(bytes(p)).hexdigest()
                packets[p.stream.index].append((p.pts, p.dts, p.duration, p.is_keyframe, digest))
        tags, chapters = dict(file.metadata), list(file.chapters())
    with av.open(str(path)) as file:
        pictures = [(f.pts, hashlib.sha256(f.to_ndarray().tobytes()).hexdigest()) for f in file.decode(video=0)]
    return {"packets": packets, "tags": tags, "chapters": chapters, "pictures": pictures}


def words_of(clip: Path, out: Path, chain: str, *more: str) -> list[str]:
    words = ["-hide_banner", "-nostats", "-nostdin", "-i", str(clip), "-vf", chain, "-preset", "veryfast", *more]
    return [*words, str(out)]


def run(words: Sequence[str]) -> tuple[float, float, str]:
    """CPU seconds, seconds, and what was said. Raises CalledProcessError."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "streamfix", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, took, done.stderr


def attempt(words: Sequence[str], most_s: float | None) -> int | None:
    """Run the command line in a forked process; its exit code, None if it was killed after so many seconds."""
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os._exit(main_of_streamfix(list(words)))
    ended = os.pidfd_open(child)
    try:
        if select.select([ended], [], [], most_s)[0]:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None
    finally:
        os.close(ended)


def spawned(words: Sequence[str], most_s: float | None) -> int | None:
    """As `attempt`, in a process that has to load everything first."""
    process = subprocess.Popen([sys.executable, "-m", "streamfix", *words], stderr=subprocess.DEVNULL)
    try:
        return process.wait(most_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def kill_often(
    words: Sequence[str], out: Path, kills: int, took_s: float, want: dict[str, Any], way: Way = attempt
) -> dict[str, Any]:
    """Kill jobs until so many were killed, each time at a random moment; look at every output that became complete.

    words: behind `streamfix`. way: how a process is run, as `attempt` does.
    """
    moments = random.Random(0)
    killed = complete = differ = 0
    places: list[int] = []
    while killed < kills or out.with_name(out.name + ".streamfix").exists():
        code = way(words, moments.uniform(0, 1.1 * took_s) if killed < kills else None)
        if code is None:
            killed += 1
            folder = out.with_name(out.name + ".streamfix")
            places.append(len(list(folder.glob("segment-*.packets"))) if folder.exists() else 0)
            if out.exists():  # killed after the output was complete, while the folder went away
                out.unlink()
                shutil.rmtree(folder, ignore_errors=True)
            continue
        assert code == 0, f"a job that was resumed ended with {code}"
        complete += 1
        found = contents(out)
        differ += sum(a != b for a, b in zip(want["pictures"], found["pictures"], strict=True))
        assert found["packets"] == want["packets"], "packets differ"
        assert (found["tags"], found["chapters"]) == (want["tags"], want["chapters"]), "tags differ"
        left = sorted(p.name for p in out.parent.iterdir() if p.name.startswith(out.stem))
        assert left == [out.name], f"the job left {left}"
        out.unlink()
    return {"killed": killed, "complete": complete, "frames_that_differ": differ, "segments_done_when_killed": places}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--clip", type=Path, help="a video with sound; a noisy pattern by default")
    parser.add_argument("--seconds", type=float, default=12.0, help="of the pattern")
    parser.add_argument("--size", default="640x360", help="of the pattern")
    parser.add_argument("--filter", default="smooth")
    parser.add_argument("--every", type=float, default=2.0, help="seconds of a segment while jobs are killed")
    parser.add_argument("--rounds", type=int, default=3, help="of the measurement of what it costs")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "resume.json")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = given.clip or folder / "clip.mp4"
        if given.clip is None:
            make_clip(clip, given.seconds, *map(int, given.size.split("x")))
        short = ("-resume", "-resume_every", f"{given.every:g}")
        for each in parse_chain(given.filter):
            FILTERS.get(each.name)
        said = run(words_of(clip, folder / "undisturbed.mp4", given.filter, *short))[2]
        begun = time.monotonic()
        attempt(words_of(clip, folder / "timed.mp4", given.filter, *short), None)
        took_s = time.monotonic() - begun
        want = contents(folder / "undisturbed.mp4")
        killed = {}
        if given.kills:
            out = folder / "killed.mp4"
            killed = kill_often(words_of(clip, out, given.filter, *short), out, given.kills, took_s, want)
        costs: dict[str, list[float]] = {"whole": [], "resume": []}
        joined = re.search(r"joined in ([0-9.]+) s", said)
        for i in range(given.rounds):
            same = ("-x264-params", repeatable_x264_params())  # which -resume sets by itself
            for kind, more in (("whole", same), ("resume", ("-resume",))):
                cpu_s, _, _ = run(words_of(clip, folder / f"{kind}{i}.mp4", given.filter, *more))
                costs[kind].append(round(cpu_s, 2))
        result = {
            "title": "Jobs that go on (-resume)",
            "command": " ".join(["python -m tests.bench.bench_resume", *(arguments or sys.argv[1:])]),
            "machine": {"cpu": processor(), "cores": os.cpu_count(), "av": av.__version__},
            "clip": f"{len(want['pictures'])} pictures, {given.clip or given.size}, {given.filter}",
            **killed,
            "join_s": None if joined is None else float(joined[1]),
            "cpu_s_without": costs["whole"],
            "cpu_s_with": costs["resume"],
            "overhead": round(min(costs["resume"]) / min(costs["whole"]) - 1, 4) if given.rounds else None,
        }
    print(json.dumps(result, indent=1))
    given.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
