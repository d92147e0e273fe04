"""VapourSynth's denoisers, run by an interpreter that has them: MVTools Degrain3 and NLMeans (nlm-ispc)."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal

from ..suites import Degraded
from .base import Axis, PeerError, PeerResult, run_program

PYTHON = "STREAMFIX_VS_PYTHON"
_REMEDY = "install vapoursynth, vapoursynth-mvtools and vapoursynth-nlm-ispc (Python >= 3.12)"

# Raw yuv420p in and out through pipes; `filtered` is what each peer adds.
_SCRIPT = """
import json, sys, time
import numpy as np, vapoursynth as vs
w, h, threads = map(int, sys.argv[1:4])
p = json.loads(sys.argv[4])
core = vs.core
core.num_threads = threads
size = w * h * 3 // 2
data = sys.stdin.buffer.read()
frames = [data[i:i + size] for i in range(0, len(data), size)]
def fill(n, f):
    f = f.copy()
    flat, at = np.frombuffer(frames[n], np.uint8), 0
    for i in range(3):
        plane = np.asarray(f[i])
        plane[:] = flat[at:at + plane.size].reshape(plane.shape)
        at += plane.size
    return f
blank = core.std.BlankClip(width=w, height=h, format=vs.YUV420P8, length=len(frames), fpsnum=25, keep=True)
clip = core.std.ModifyFrame(blank, blank, fill)
{filtered}
began = time.perf_counter()
done = [b"".join(np.asarray(f[i]).tobytes() for i in range(3)) for f in out.frames(close=True)]
print(time.perf_counter() - began, file=sys.stderr)
sys.stdout.buffer.write(b"".join(done))
"""
_DEGRAIN = """
searched = clip
for _ in range(int(p["prefilter"])):
    searched = core.std.Convolution(searched, [1, 2, 1, 2, 4, 2, 1, 2, 1])
block = int(p["blksize"])
sup = core.mv.Super(clip, pel=2, sharp=2)
look = core.mv.Super(searched, pel=2, sharp=2) if p["prefilter"] else sup
vectors = [core.mv.Analyse(look, blksize=block, overlap=block // 2, isb=back, delta=d, chroma=True, truemotion=True)
           for d in (1, 2, 3) for back in (True, False)]
out = core.mv.Degrain3(clip, sup, *vectors, thsad=int(p["thsad"]), thsadc=int(p["thsadc"]), thscd1=16320, thscd2=255)
"""
_NLMEANS = """
d, a, s = int(p["d"]), int(p["a"]), int(p["s"])
luma = core.nlm_ispc.NLMeans(clip, d=d, a=a, s=s, h=p["h"], channels="Y")
out = core.nlm_ispc.NLMeans(luma, d=int(p["chroma_d"]), a=a, s=s, h=p["chroma_h"], channels="UV")
"""
_VERSIONS = """
import vapoursynth as vs
found = {p.namespace: p.version for p in vs.core.plugins()}
print(vs.__version__, *(f"{n} {found[n].major}.{found[n].minor}" for n in ("mv", "nlm_ispc") if n in found))
"""


def interpreter(given: str | None = None) -> str:
    """The Python that has VapourSynth: `given`, the one named by STREAMFIX_VS_PYTHON, or this one.

    Raises PeerError when there is none.
    """
    if found := given or os.environ.get(PYTHON):
        return found
    if importlib.util.find_spec("vapoursynth") is not None:
        return sys.executable
    raise PeerError(f"no VapourSynth here: {_REMEDY}, or name an interpreter that has them in {PYTHON} or --vs-python")


@functools.cache
def version(python: str) -> str:
    """The versions of VapourSynth and its plugins. Raises PeerError."""
    try:
        done = subprocess.run([python, "-c", _VERSIONS], capture_output=True, text=True, check=False)
    except OSError as e:
        raise PeerError(f"{python}: {e.strerror}; {_REMEDY}") from e
    if done.returncode:
        raise PeerError(f"{python} cannot load VapourSynth, {_REMEDY}: {done.stderr.strip()[-300:]}")
    return "VapourSynth " + done.stdout.strip()


class VapourSynthFilter(ABC):
    """What the two filters share."""

    name = ""
    plugin = ""  # namespace
    script = ""
    kind: Literal["classical", "network"] = "classical"
    excerpt: tuple[int, int, int] | None = (12, 320, 180)

    def __init__(self, threads: int = 1, python: str | None = None) -> None:
        self._threads = threads
        self._python = interpreter(python)
        self.version = f"{version(self._python)} 1"
        if f"{self.plugin} " not in self.version:
            raise PeerError(f"{self._python} has VapourSynth but not its plugin {self.plugin}; {_REMEDY}")

    @abstractmethod
    def axes(self, degraded: Degraded) -> list[Axis]:
        """See `Peer`."""

    def __call__(self, degraded: Degraded, parameters: Mapping[str, float]) -> PeerResult:
        w, h = degraded.noisy.size
        script = _SCRIPT.replace("{filtered}", self.script)
        told = [str(w), str(h), str(self._threads), json.dumps(dict(parameters))]
        out, log, _ = run_program([self._python, "-c", script, *told], degraded.noisy)
        return PeerResult(out, float(log.strip().splitlines()[-1]))


class Degrain3(VapourSynthFilter):
    """MVTools: three frames on each side, half-pixel motion, blocks overlapping by half.

    prefilter: how often the clip is blurred (3x3) before its motion is searched, as is usual against strong noise.
    """

    name = "degrain3"
    plugin = "mv"
    script = _DEGRAIN

    def axes(self, degraded: Degraded) -> list[Axis]:
        # In terms of blocks of 8x8: what noise of this strength alone makes of a still block, and half more.
        return [
            Axis.around("thsad", 170 * max(degraded.sigma_y, 1)),
            Axis("blksize", (4, 8, 16, 32), 1, limits=(4, 32)),
            Axis("prefilter", (0, 1, 2, 3), 1, limits=(0, 3)),
            Axis.around("thsadc", 170 * max(degraded.sigma_uv, 1), "psnr_uv"),
        ]


class NlmeansVs(VapourSynthFilter):
    """Non-local means over neighbouring frames too; h of luma and chroma apart.

    d: frames on each side. a: radius of the search. s: radius of the patches.
    """

    name = "nlmeans-vs"
    plugin = "nlm_ispc"
    script = _NLMEANS

    def axes(self, degraded: Degraded) -> list[Axis]:
        y, uv = max(degraded.sigma_y, 1), max(degraded.sigma_uv, 1)
        return [
            Axis.around("h", 0.6 * y, ratio=1.25, reach=10),
            Axis("d", (0, 1, 2, 3), 1, limits=(0, 3)),  # seven frames: the same look-ahead as Degrain3's
            Axis("s", (1, 2, 3, 4, 5, 6, 7), 2, limits=(1, 7)),
            Axis("a", (1, 2, 3, 4, 6), 2, limits=(1, 6)),  # beyond it is slower than a frame in two seconds
            Axis.around("chroma_h", 1.0 * uv, "psnr_uv", ratio=1.25, reach=12),
            Axis("chroma_d", (0, 1, 2, 3), 1, "psnr_uv", limits=(0, 3)),
        ]
