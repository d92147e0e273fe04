"""The filters under test, run in this process on frames as a decoder gives them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..chainspec import FilterSpec, parse_chain
from ..errors import BadOption
from ..frame import Frame
from ..jobs import restore_stage
from .clip import Clip
from .scaling import enlarged
from .suites import Degraded

IDENTITY = "identity"


@dataclass(frozen=True, slots=True, eq=False)
class TimedRun:
    """A restored clip and how fast it came: fps by the median time of a frame, milliseconds a frame.

    The median, since on a shared machine the mean measures the neighbours too; of the settled part of the clip. It
    covers the layout's conversion and the filters, not decoding and encoding.
    """

    clip: Clip
    fps: float
    p50_ms: float
    p95_ms: float


def fill(chain: str, degraded: Degraded) -> str:
    """The chain with {sigma} and {sigma_uv} replaced by the noise of luma and chroma, 8-bit codes."""
    return chain.replace("{sigma_uv}", f"{degraded.sigma_uv:g}").replace("{sigma}", f"{degraded.sigma_y:g}")


def restore(chain: str, degraded: Degraded, device: str = "auto", skip: int = 0) -> TimedRun:
    """Run a filter chain over the noisy clip. skip: frames at the start that are not timed.

    Where the truth is larger, the chain makes the picture as large, or leaves its size and is followed by bicubic.
    Raises what the chain raises, BadOption when it gives another number or size of frames.
    """
    return run_chain(parse_chain(fill(chain, degraded)), degraded.noisy, device, skip, scale=degraded.scale)


def run_chain(
    chain: Sequence[FilterSpec],
    clip: Clip,
    device: str = "auto",
    skip: int = 0,
    *,
    scale: int | None = 1,
    live: bool = False,
) -> TimedRun:
    """As `restore`, for a chain that is parsed already and any clip.

    scale: how many times larger the result is, None for any size. live: with the options that filters set for live
    streams.
    """
    shown = ",".join(spec.name for spec in chain)
    stage = restore_stage(chain, device, live=live)
    if stage is None:
        raise BadOption(f"a chain of {shown or 'nothing'} does nothing; {IDENTITY} is measured anyway")
    frames: list[Frame] = []
    seconds: list[float] = []
    try:
        spent_s = 0.0  # for frames that have not come out yet: of a filter that looks ahead
        for t in range(len(clip) + 1):
            frame = clip.frame(t) if t < len(clip) else None
            began = time.perf_counter()
            came = _shown(stage.flush() if frame is None else stage.push(frame))
            spent_s += time.perf_counter() - began
            if came:
                seconds += [spent_s / len(came)] * len(came)
                frames, spent_s = frames + came, 0.0
    finally:
        stage.close()
    try:
        out = Clip.from_frames(frames)
    except ValueError as error:
        raise BadOption(f"{shown}: {error}; only restorers can be judged here") from error
    if scale is not None:
        out = _as_large(out, clip, scale, shown)
    timed = np.array(seconds[skip:] or seconds) * 1000
    p50, p95 = (float(np.percentile(timed, p)) for p in (50, 95))
    return TimedRun(out, 1000 / max(p50, 1e-6), p50, p95)


def _as_large(out: Clip, clip: Clip, scale: int, shown: str) -> Clip:
    """The result at `scale` times the clip's size; BadOption when it is neither so large nor as large as the clip."""
    width, height = clip.size
    if len(out) != len(clip) or out.size not in (clip.size, (width * scale, height * scale)):
        wanted = "of that size" if scale == 1 else f"of {scale} times that size, or of that size,"
        raise BadOption(
            f"{shown} makes {len(out)} frames of {out.size[0]}x{out.size[1]} from {len(clip)} of {width}x{height}; "
            f"only restorers {wanted} can be judged here"
        )
    return out if out.size == (width * scale, height * scale) else enlarged(out, scale)


def _shown(items: Iterable[object]) -> list[Frame]:
    """The frames as codes. A picture that is computed on demand is computed here, so that its time counts."""
    frames = [item for item in items if isinstance(item, Frame)]
    return [frame.with_picture(frame.picture.planes(frame.color)) for frame in frames]
