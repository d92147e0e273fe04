"""What a peer is, something that restores a clip and has parameters to be tuned, and how a program is one."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ...errors import FilterError
from ..clip import Clip
from ..scaling import enlarged
from ..suites import Degraded

PROGRAM_TIMEOUT_S = 1800


class PeerError(FilterError):
    """A peer's program, plugin or weights are missing, or it failed."""


class PeerMissing(PeerError):
    """What a peer needs is not installed, and need not be: it is left out, and that is told."""


class PeerUnfit(PeerError):
    """A peer has no use in a suite, as a scaler where the size is to stay: it is left out there, and that is told."""


@dataclass(frozen=True, slots=True, eq=False)
class PeerResult:
    """A restored clip and the seconds it took, without the start of the process where the peer can tell it apart."""

    clip: Clip
    seconds: float


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter's candidates in order, weakest first.

    start: index of the one to begin with. judged_by: whether it is chosen by PSNR-Y or PSNR-UV.
    limits: candidates at an end that are the filter's own limit, or the last that makes sense: stopping there is no
    fault of the grid.
    """

    name: str
    values: Sequence[float]
    start: int
    judged_by: Literal["psnr_y", "psnr_uv"] = "psnr_y"
    limits: tuple[float, ...] = ()

    @staticmethod
    def around(
        name: str,
        typical: float,
        judged_by: Literal["psnr_y", "psnr_uv"] = "psnr_y",
        *,
        least: float = 0.0,
        most: float = float("inf"),
        ratio: float = 2**0.5,
        reach: int = 8,
        off: float | None = None,
    ) -> Axis:
        """`reach` geometric steps to each side of `typical`, within the filter's limits `least` and `most`.

        off: the weakest candidate, at which the filter does nothing: where that is best, no grid reaches it in steps.
        """
        steps = [typical * ratio**i for i in range(-reach, reach + 1)]
        values = sorted({float(f"{min(max(v, least), most):.4g}") for v in steps})
        start = min(range(len(values)), key=lambda i: abs(values[i] - typical))
        if off is not None:
            return Axis(name, (off, *values), start + 1, judged_by, (off, least, most))
        return Axis(name, tuple(values), start, judged_by, (least, most))


class Peer(Protocol):
    """A denoiser that ours are measured beside.

    name: as results have it. kind: a classical filter or a network. version: of what computes, for the cache.

    excerpt: (frames, width, height) of the part that parameters are tried on, None for the whole clip.
    """

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> Literal["classical", "network"]: ...

    @property
    def version(self) -> str: ...

    @property
    def excerpt(self) -> tuple[int, int, int] | None: ...

    def axes(self, degraded: Degraded) -> list[Axis]:
        """The parameters to be tuned for this clip; empty if there is none."""

    def __call__(self, degraded: Degraded, parameters: Mapping[str, float]) -> PeerResult:
        """Restore `degraded.noisy`; the result is as large as the truth, or as what came in. Raises PeerError."""


def restored_by(peer: Peer, degraded: Degraded, parameters: Mapping[str, float]) -> PeerResult:
    """What a peer makes of a clip, at the truth's size: behind a peer that keeps the size, bicubic enlarges."""
    found = peer(degraded, parameters)
    if found.clip.size == degraded.truth.size:
        return found
    if found.clip.size != degraded.noisy.size:
        (width, height), (w, h) = found.clip.size, degraded.truth.size
        raise PeerUnfit(f"peer {peer.name} makes {width}x{height} where {w}x{h} are wanted")
    return PeerResult(enlarged(found.clip, degraded.scale), found.seconds)


def run_program(command: Sequence[str], clip: Clip, scale: int = 1) -> tuple[Clip, str, float]:
    """Pipe a clip through a program as raw yuv420p: what came out, what it said on stderr, the seconds it took.

    scale: how many times larger its pictures are.
    Raises PeerError when the program is missing, fails, hangs, or gives another number of frames.
    """
    began = time.perf_counter()
    shown = " ".join(command)[:300]
    try:
        done = subprocess.run(command, input=clip.raw(), capture_output=True, check=False, timeout=PROGRAM_TIMEOUT_S)
    except FileNotFoundError as e:
        raise PeerError(f"{command[0]} is not on the PATH; install it, or leave this peer out") from e
    except subprocess.TimeoutExpired as e:  # seen with atadenoise and a window far longer than the clip
        raise PeerError(f"no result after {PROGRAM_TIMEOUT_S} s: {shown}") from e
    said = done.stderr.decode(errors="replace")
    if done.returncode:
        raise PeerError(f"{command[0]} ended with {done.returncode}: {said[-800:]}")
    try:
        out = Clip.from_raw(done.stdout, clip.size[0] * scale, clip.size[1] * scale)
    except ValueError as e:
        raise PeerError(f"{e}: {shown}: {said[-400:]}") from e
    if len(out) != len(clip):
        raise PeerError(f"{len(out)} frames came back for {len(clip)}: {shown}")
    return out, said, time.perf_counter() - began
