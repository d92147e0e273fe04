"""The fuser on tensors: several streams' frames at once, their histories kept on the device.

The tensor twin of `fusion.Fuser`, with its constants. Nothing here waits for the device or asks what a tensor holds:
each stream's case is computed and chosen among, so that a CUDA graph can replay a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .. import fuser as terms
from ..agreement import _FOLLOWS, FINE_CHANGE, READY, WARY, Trust
from ..planes import TENT_NOISE
from .agreement import (
    Judge,
    another_scene,
    before_flow,
    blur,
    busy_cells,
    confidence,
    doubted,
    grain_seen,
    moves,
)
from .flow import camera_motion, flow_between, length, refine, steadied, typical_motion
from .planes import doubled, halved, inside, sampled, tent


@dataclass(slots=True)
class History:
    """What the fuser remembers of streams. Pictures are float32 in [0, 1]; the rest is one value a stream.

    luma: (B, 1, H, W), chroma: (B, 2, H/2, W/2), fused. variance: (B, 1, H/2, W/2), the noise left, relative to one
    frame's. guide: (B, 1, H/2, W/2), half-size luma. back: (B, 2, H/2, W/2), the flow from the last frame to the one
    before. steps: frames since the last start, -1 before the first frame. drift: (B, 2, 1, 1), mean camera motion.
    grain: see `fusion.agreement.Grain`. still: 1 if most of the last frame stood still.
    """

    luma: Tensor
    chroma: Tensor
    variance: Tensor
    guide: Tensor
    back: Tensor
    steps: Tensor
    drift: Tensor
    grain: Tensor
    still: Tensor

    @classmethod
    def empty(cls, height: int, width: int, device: torch.device) -> History:
        """Of one stream before its first frame. height, width: of the luma, even."""

        def zeros(channels: int, h: int = 1, w: int = 1) -> Tensor:
            return torch.zeros(1, channels, h, w, device=device)

        h, w = height // 2, width // 2
        planes = zeros(1, height, width), zeros(2, h, w), zeros(1, h, w), zeros(1, h, w), zeros(2, h, w)
        return cls(*planes, zeros(1) - 1, zeros(2), zeros(1) + 1, zeros(1))

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(slots=True)
class Fused:
    """Frames with their noise averaged away as far as possible, see `History`."""

    luma: Tensor
    chroma: Tensor
    variance: Tensor

    def average(self, luma: Tensor, chroma: Tensor, variance: Tensor, trusted: Tensor) -> None:
        """Average in other pictures of the same content, weighted by both noise levels and by trust."""
        gain = trusted * self.variance / (self.variance + variance)
        self.luma = torch.lerp(self.luma, luma, doubled(gain, luma))
        self.chroma = torch.lerp(self.chroma, chroma, gain)
        self.variance = (1 - gain) ** 2 * self.variance + gain**2 * variance


@dataclass(frozen=True, slots=True)
class Seen:
    """What a step found out about its frames, for the look-ahead. camera_moves: (B, 1, 1, 1)."""

    history: History
    camera_moves: Tensor


def fuse(history: History, luma: Tensor, chroma: Tensor, sigma: Tensor, sigma_uv: Tensor, *, fine: bool) -> Seen:
    """Fuse frames with those before them: `Fuser.step` without look-ahead, of several streams.

    luma: (B, 1, H, W), chroma: (B, 2, H/2, W/2), H and W even. sigma, sigma_uv: (B, 1, 1, 1), of the noise.
    fine: see `Fuser`.
    """
    trust: Trust = WARY if fine else READY
    guide = halved(luma)
    begun = history.steps >= 0
    judge = Judge(guide, sigma * history.grain)

    flow = flow_between(before_flow(guide), history.guide)
    still = typical_motion(flow) < terms.STANDS_STILL
    camera = camera_motion(flow)
    camera_moves = length(camera) > terms.CAMERA_MOVES
    steps = history.steps + 1
    drift = history.drift + (camera - history.drift) / steps.clamp(1, terms._DRIFT_MEMORY)
    standing = judge(history.guide, history.variance)
    busy = busy_cells(standing).masked_fill(camera_moves, 1)
    flow = flow * busy
    back = history.back
    if fine:
        flow = torch.where(history.steps > 0, steadied(flow, back, FINE_CHANGE), flow)
        back = refine(flow, luma, history.luma, sigma)
        flow = back * busy
    along = judge(sampled(history.guide, flow), sampled(history.variance, flow))
    moving = moves(along, standing.found).masked_fill(camera_moves, 1)
    flow = flow * moving

    guide_out = sampled(history.guide, flow)
    known = inside(flow)
    variance = known * sampled(history.variance, flow) + (1 - known) * terms.OUTSIDE
    residual = judge(guide_out, variance)
    share = 1 - (1 - _FOLLOWS) * (history.steps > 0)
    grain = history.grain + share * (grain_seen(residual, guide_out, history.grain) - history.grain)
    trusted = confidence(doubted(residual, grain, moving), trust)
    goes_on = begun & ~another_scene(trusted, guide, guide_out, sigma)

    variance = variance + blur(flow, sigma, trust)
    gain = torch.maximum((variance / (variance + 1)).clamp_(min=terms.GAIN_MIN), 1 - trusted)
    left = ((1 - gain) ** 2 * variance + gain**2).clamp_(max=1)
    kept = (1 - gain).masked_fill(~goes_on, 0)
    limit = terms.GHOST_BOUND * TENT_NOISE * grain
    moved = sampled(history.luma, doubled(2 * flow, luma), cubic=True)
    fused_luma = luma - bounded((luma - moved).mul_(doubled(kept, luma)), limit * sigma)
    fused_chroma = chroma - bounded((chroma - sampled(history.chroma, flow)).mul_(kept), limit * sigma_uv)
    return Seen(
        History(
            fused_luma,
            fused_chroma,
            left.masked_fill(~goes_on, 1),
            guide + kept * (guide_out - guide),
            back,
            steps.masked_fill(~goes_on, 0),
            drift.masked_fill(~goes_on, 0),
            grain.masked_fill(~goes_on, 1),
            (goes_on & still).float(),
        ),
        goes_on & camera_moves,
    )


def bounded(missed: Tensor, limit: Tensor) -> Tensor:
    """What pictures miss of their frames, so that local means near `limit` at most remain, see `bound_missed`."""
    for _ in range(2):
        mean = tent(missed)
        missed = missed - mean + torch.minimum(torch.maximum(mean, -limit), limit)
    return missed


def joined(histories: Sequence[History]) -> History:
    """Several streams' histories as one; that of a single stream is not copied."""
    if len(histories) == 1:
        return histories[0]
    return History(*(torch.cat(parts) for parts in zip(*(h.tensors for h in histories), strict=True)))


def parted(history: History) -> list[History]:
    """Each stream's own history."""
    return [History(*parts) for parts in zip(*(tensor.split(1) for tensor in history.tensors), strict=True)]
