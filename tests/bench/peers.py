"""Denoisers of others, run on raw frames in a process of their own: ffmpeg's filters and VapourSynth's MVTools."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tests.bench.footage import Clip

VS_PYTHON = "STREAMFIX_VS_PYTHON"
TIMEOUT_S = 300

# Runs under an interpreter that has VapourSynth (which needs Python >= 3.12); raw yuv420p in and out through pipes.
_DEGRAIN = """
import sys, time
import numpy as np, vapoursynth as vs
w, h, thsad, blksize = map(int, sys.argv[1:5])
core = vs.core
core.num_threads = 2
size = w * h * 3 // 2
data = sys.stdin.buffer.read()
frames = [data[i:i + size] for i in range(0, len(data), size)]
def fill(n, f):
    f = f.copy()
    flat, at = np.frombuffer(frames[n], np.uint8), 0
    for p in range(3):
        plane = np.asarray(f[p])
        plane[:] = flat[at:at + plane.size].reshape(plane.shape)
        at += plane.size
    return f
blank = core.std.BlankClip(width=w, height=h, format=vs.YUV420P8, length=len(frames), fpsnum=25, keep=True)
clip = core.std.ModifyFrame(blank, blank, fill)
sup = core.mv.Super(clip, pel=2, sharp=2)
vectors = [core.mv.Analyse(sup, blksize=blksize, overlap=blksize // 2, isb=back, delta=d, chroma=True, truemotion=True)
           for d in (1, 2, 3) for back in (True, False)]
out = core.mv.Degrain3(clip, sup, *vectors, thsad=thsad, thsadc=thsad, thscd1=2000, thscd2=255)
began = time.perf_counter()
done = [b"".join(np.asarray(f[p]).tobytes() for p in range(3)) for f in out.frames(close=True)]
print(time.perf_counter() - began, file=sys.stderr)
sys.stdout.buffer.write(b"".join(done))
"""


class PeerError(RuntimeError):
    """A peer's program is missing or failed."""


@dataclass(frozen=True, slots=True)
class Result:
    """A restored clip and the seconds it took, the start of the process left out where the peer tells."""

    clip: Clip
    seconds: float


def _run(command: list[str], clip: Clip) -> tuple[Clip, str, float]:
    began = time.perf_counter()
    try:
        done = subprocess.run(command, input=clip.raw(), capture_output=True, check=False, timeout=TIMEOUT_S)
    except FileNotFoundError as e:
        raise PeerError(f"{command[0]} is not on the PATH; install it or leave this peer out") from e
    except subprocess.TimeoutExpired as e:  # seen with atadenoise and a window far longer than the clip
        raise PeerError(f"no result after {TIMEOUT_S} s: {' '.join(command)[:300]}") from e
    if done.returncode:
        raise PeerError(f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-800:]}")
    return Clip.from_raw(done.stdout, *clip.size), done.stderr.decode(errors="replace"), time.perf_counter() - began


def ffmpeg(clip: Clip, chain: str) -> Result:
    """Run ffmpeg's -vf `chain` with two threads. The seconds hold the start of ffmpeg and its raw input and output."""
    w, h = clip.size
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{w}x{h}", "-r", "25"]
    command = ["ffmpeg", "-v", "error", "-filter_threads", "2", *raw, "-i", "pipe:0", "-vf", chain, *raw, "pipe:1"]
    out, _, seconds = _run(command, clip)
    return Result(out, seconds)


def hqdn3d(clip: Clip, spatial: float, temporal: float) -> Result:
    """hqdn3d with the chroma strength equal to the luma's: the noise here is as strong in all planes."""
    return ffmpeg(clip, f"hqdn3d={spatial}:{spatial}:{temporal}:{temporal}")


def atadenoise(clip: Clip, a: float, b: float, frames: int) -> Result:
    return ffmpeg(clip, f"atadenoise=0a={a}:0b={b}:1a={a}:1b={b}:2a={a}:2b={b}:s={frames}")


def vapoursynth_python(given: str | None = None) -> str:
    """The interpreter that has VapourSynth: `given`, this one, or the one named by STREAMFIX_VS_PYTHON.

    Raises PeerError when there is none.
    """
    if given:
        return given
    if importlib.util.find_spec("vapoursynth") is not None:
        return sys.executable
    if VS_PYTHON in os.environ:
        return os.environ[VS_PYTHON]
    raise PeerError(
        f"no VapourSynth here: install vapoursynth and vapoursynth-mvtools (Python >= 3.12), or name an interpreter "
        f"that has them in {VS_PYTHON}"
    )


def degrain3(clip: Clip, thsad: int, blksize: int, python: str) -> Result:
    """MVTools Degrain3: three frames on each side, half-pixel motion, blocks overlapping by half, two threads."""
    w, h = clip.size
    out, log, _ = _run([python, "-c", _DEGRAIN, str(w), str(h), str(thsad), str(blksize)], clip)
    return Result(out, float(log.strip().splitlines()[-1]))


class Peer(Protocol):
    def __call__(self, clip: Clip, **parameters: float) -> Result: ...


# Every parameter's candidates, weakest first. The bench says so when the best one lies at the end of its list.
GRIDS: Mapping[str, Mapping[str, tuple[float, ...]]] = {
    "hqdn3d": {"spatial": (15, 22, 32, 45, 64, 90, 128), "temporal": (14, 20, 30, 45, 65, 90, 128)},
    "atadenoise": {"a": (0.2, 0.25, 0.3), "b": (0.1, 0.3, 0.7, 1.5, 3, 5), "frames": (5, 9, 15, 25, 41, 65)},
    "degrain3": {"thsad": (1000, 1700, 2400, 3400, 5000, 8000, 16000, 32000, 64000), "blksize": (4, 8, 16)},
}
# The end of a list that is the filter's own limit; 65 frames are more than the clips hold.
LIMITS: Mapping[tuple[str, str], tuple[float, ...]] = {("atadenoise", "a"): (0.3,), ("atadenoise", "frames"): (5, 65)}


def bind(name: str, python: str | None) -> Peer:
    """The peer called `name`, taking a clip and the parameters of its grid. python: see `vapoursynth_python`."""
    if name == "hqdn3d":
        return lambda clip, **p: hqdn3d(clip, p["spatial"], p["temporal"])
    if name == "atadenoise":
        return lambda clip, **p: atadenoise(clip, p["a"], p["b"], int(p["frames"]))
    if name == "degrain3":
        found = vapoursynth_python(python)
        return lambda clip, **p: degrain3(clip, int(p["thsad"]), int(p["blksize"]), found)
    raise ValueError(f"no peer {name!r}; there are: {', '.join(GRIDS)}")
