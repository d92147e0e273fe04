"""libavfilter's filters, run by the ffmpeg command: denoisers hqdn3d, atadenoise, nlmeans; deblockers deblock, pp;
sharpeners unsharp, cas; the scaler with Lanczos' kernel."""

from __future__ import annotations

import functools
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Literal

from ..suites import Degraded
from .base import Axis, PeerError, PeerResult, PeerUnfit, run_program

# Spatial, so a few frames tell as much as many; as slow as it is, that is what makes tuning it bearable.
_NLMEANS_EXCERPT = (4, 320, 180)

# Where chroma lies, in 256ths of a luma sample: the scaler's own choice moves it by half a sample.
_LEFT = "in_h_chr_pos=0:out_h_chr_pos=0:in_v_chr_pos=128:out_v_chr_pos=128"


@functools.cache
def version() -> str:
    """The version of the ffmpeg command. Raises PeerError when there is none."""
    try:
        said = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError) as e:
        raise PeerError(f"ffmpeg -version: {e}; install ffmpeg or leave its filters out") from e
    return "ffmpeg " + said.split()[2]


class FfmpegFilter(ABC):
    """What the filters share. The seconds include the start of ffmpeg and its raw input and output."""

    name = ""
    kind: Literal["classical", "network"] = "classical"
    excerpt: tuple[int, int, int] | None = None
    enlarges = False  # whether its graph follows the scaler where the truth is larger
    scaler = "bicubic"  # ffmpeg's, a = -0.6

    def __init__(self, threads: int = 1) -> None:
        self._threads = str(threads)

    @property
    def version(self) -> str:
        return version()

    @abstractmethod
    def axes(self, degraded: Degraded) -> list[Axis]:
        """See `Peer`."""

    @abstractmethod
    def graph(self, p: Mapping[str, float]) -> str:
        """The -filter_complex text for these parameters."""

    def __call__(self, degraded: Degraded, parameters: Mapping[str, float]) -> PeerResult:
        w, h = degraded.noisy.size
        raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-r", "25"]
        graph, scale = self.graph(parameters), 1
        if self.enlarges and degraded.scale > 1:
            scale = degraded.scale
            size = f"w={w * scale}:h={h * scale}:flags={self.scaler}+accurate_rnd"
            graph = f"scale={size}:{_LEFT}" + (f",{graph}" if graph else "")
        elif not graph:
            raise PeerUnfit(f"peer {self.name} enlarges, and suite {degraded.suite} leaves the size")
        threads = ["-filter_threads", self._threads, "-filter_complex_threads", self._threads]
        command = ["ffmpeg", "-v", "error", *threads, *raw, "-s", f"{w}x{h}", "-i", "pipe:0"]
        command += ["-filter_complex", graph, *raw, "pipe:1"]
        out, _, seconds = run_program(command, degraded.noisy, scale)
        return PeerResult(out, seconds)


_OFF = 0.001  # a strength of 0 is hqdn3d's default


class Hqdn3d(FfmpegFilter):
    """Spatial and recursive temporal smoothing; strengths of luma and chroma apart."""

    name = "hqdn3d"

    def axes(self, degraded: Degraded) -> list[Axis]:
        y, uv = max(degraded.sigma_y, 1), max(degraded.sigma_uv, 1)
        return [
            Axis.around("temporal", 2 * y, most=254, reach=14, off=_OFF),
            Axis.around("spatial", 2 * y, most=254, reach=14, off=_OFF),
            Axis.around("chroma_temporal", 3 * uv, "psnr_uv", most=254, reach=14, off=_OFF),
            Axis.around("chroma_spatial", 3 * uv, "psnr_uv", most=254, reach=14, off=_OFF),
        ]

    def graph(self, p: Mapping[str, float]) -> str:
        return f"hqdn3d={p['spatial']}:{p['chroma_spatial']}:{p['temporal']}:{p['chroma_temporal']}"


class Atadenoise(FfmpegFilter):
    """Averages a pixel's past and future as far as it stays within two thresholds."""

    name = "atadenoise"

    def axes(self, degraded: Degraded) -> list[Axis]:
        y, uv = max(degraded.sigma_y, 1) / 20, max(degraded.sigma_uv, 1) / 20
        frames = [s for s in (5, 9, 15, 25, 41) if s == 5 or s <= len(degraded.noisy) + 1]
        return [
            Axis("frames", frames, len(frames) // 2, limits=(5, frames[-1])),
            Axis.around("b", 1.0 * y, most=5.0),
            Axis.around("a", 0.2 * y, most=0.3),
            Axis.around("chroma_b", 1.0 * uv, "psnr_uv", most=5.0),
            Axis.around("chroma_a", 0.25 * uv, "psnr_uv", most=0.3),
        ]

    def graph(self, p: Mapping[str, float]) -> str:
        chroma = ":".join(f"{i}a={p['chroma_a']}:{i}b={p['chroma_b']}" for i in (1, 2))
        return f"atadenoise=0a={p['a']}:0b={p['b']}:{chroma}:s={int(p['frames'])}"


class Nlmeans(FfmpegFilter):
    """Non-local means within a frame. It has one strength for all planes; here each is given its own filter."""

    name = "nlmeans"
    excerpt = _NLMEANS_EXCERPT

    def axes(self, degraded: Degraded) -> list[Axis]:
        y, uv = max(degraded.sigma_y, 1), max(degraded.sigma_uv, 1)
        return [
            Axis.around("s", 0.5 * y, least=1, most=30, ratio=1.25),
            Axis("p", (3, 5, 7, 9, 11), 1, limits=(3,)),
            Axis("r", (5, 9, 15, 21, 27), 2, limits=(27,)),  # beyond it is slower than a frame in two seconds
            Axis.around("chroma_s", 0.6 * uv, "psnr_uv", least=1, most=30, ratio=1.25, reach=10),
            Axis("chroma_p", (3, 5, 7, 9, 11), 1, "psnr_uv", limits=(3,)),
        ]

    def graph(self, p: Mapping[str, float]) -> str:
        luma = f"nlmeans=s={p['s']}:p={int(p['p'])}:r={int(p['r'])}"
        chroma = f"nlmeans=s={p['chroma_s']}:p={int(p['chroma_p'])}:r=15"
        return (
            f"extractplanes=y+u+v[y][u][v];[y]{luma}[a];[u]{chroma}[b];[v]{chroma}[c];"
            "[a][b][c]mergeplanes=0x001020:yuv420p"
        )


class FfmpegDeblock(FfmpegFilter):
    """Smooths across the edges of 8x8 blocks where the step there is small."""

    name = "ffmpeg-deblock"

    def axes(self, degraded: Degraded) -> list[Axis]:
        return [
            Axis("alpha", (0.0, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.25, 0.4), 4, limits=(0.0,)),
            Axis("beta", (0.0, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.25, 0.4), 3, limits=(0.0,)),
        ]

    def graph(self, p: Mapping[str, float]) -> str:
        return f"deblock=filter=strong:block=8:alpha={p['alpha']}:beta={p['beta']}:gamma={p['beta']}:delta={p['beta']}"


class Postprocess(FfmpegFilter):
    """libpostproc: deblocking across and down, and deringing, for a quantiser that is tried."""

    name = "pp"

    def axes(self, degraded: Degraded) -> list[Axis]:
        return [Axis("quantiser", (1, 2, 3, 4, 6, 8, 11, 15, 20, 26, 31), 3, limits=(1, 31))]

    def graph(self, p: Mapping[str, float]) -> str:
        return f"pp=ha/va/dr/fq|{int(p['quantiser'])}"


class Unsharp(FfmpegFilter):
    """Unsharp masking of the luma; behind bicubic where the truth is larger."""

    name = "unsharp"
    enlarges = True

    def axes(self, degraded: Degraded) -> list[Axis]:
        amounts = (0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.2, 1.5, 2.0, 2.6, 3.3, 4.1, 5.0)
        return [
            Axis("amount", amounts, 4, limits=(0.0, 5.0)),
            Axis("size", (3, 5, 7, 9, 11, 13), 1, limits=(3, 13)),
        ]

    def graph(self, p: Mapping[str, float]) -> str:
        size = int(p["size"])
        return f"unsharp=lx={size}:ly={size}:la={p['amount']}"


class Cas(FfmpegFilter):
    """Contrast adaptive sharpening of the luma; behind bicubic where the truth is larger."""

    name = "cas"
    enlarges = True

    def axes(self, degraded: Degraded) -> list[Axis]:
        return [Axis("strength", (0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0), 2, limits=(0.0, 1.0))]

    def graph(self, p: Mapping[str, float]) -> str:
        return f"cas=strength={p['strength']}:planes=1"


class Lanczos(FfmpegFilter):
    """ffmpeg's scaler with Lanczos' kernel of three lobes."""

    name = "lanczos"
    enlarges = True
    scaler = "lanczos"

    def axes(self, degraded: Degraded) -> list[Axis]:
        return []

    def graph(self, p: Mapping[str, float]) -> str:
        return ""
