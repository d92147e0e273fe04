"""Averages upcoming frames into fused ones, on tensors: the twin of `fusion.ahead`, with its constants."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..agreement import FINE_CHANGE, READY, WARY
from ..fuser import DRIFT, GHOST_BOUND
from ..planes import TENT_NOISE
from .agreement import Judge, another_scene, before_flow, blur, confidence, doubted, moves
from .flow import camera_motion, flow_between, length, refine, steadied
from .fuser import Fused, Seen, bounded
from .planes import doubled, halved, inside, sampled, unpack420

_ROWS = 16  # compare every 16th row to detect a copied frame: noise never repeats


def look_ahead(
    seen: Seen, packed: Tensor, ahead: Sequence[Tensor], sigma: Tensor, sigma_uv: Tensor, *, moved: int, fine: bool
) -> Fused:
    """The frames of a step with later ones averaged in; they do not enter the history.

    packed: the frames (B, 6, H/2, W/2). ahead: those after them, next one first. moved: how many of these are warped
    along their motion; frames after them count where both camera and picture stand still. sigma, sigma_uv: of the
    noise, (B, 1, 1, 1).
    """
    history, trust = seen.history, WARY if fine else READY
    fused = Fused(history.luma, history.chroma, history.variance)
    guide = halved(fused.luma)
    fixed = length(history.drift) < DRIFT
    stands = torch.ones_like(fused.variance)
    ended = some = torch.zeros_like(history.still, dtype=torch.bool)
    known = [packed]
    judge = Judge(guide, sigma * history.grain)
    own = fused.variance
    for number, later in enumerate(ahead[:moved], 1):
        new = ~torch.stack([_same(later, other) for other in known]).any(0)
        known.append(later)
        luma, chroma = unpack420(later)
        half = halved(luma)
        found = flow_between(guide, before_flow(half))
        found = torch.where(history.steps > 0, steadied(found, -number * history.back, FINE_CHANGE), found)
        found = refine(found, history.luma, luma, sigma)
        moving = moves(judge(sampled(half, found), own), judge(half, own).found)
        follows = moving.masked_fill(seen.camera_moves, 1)
        flow = found * follows
        there = sampled(half, flow)
        trusted = confidence(doubted(judge(there, own), history.grain, follows), trust)
        another = another_scene(trusted, guide, there, sigma)
        ended = ended | (new & another)
        trusted = trusted * inside(flow) * (new & ~ended)
        warped = sampled(luma, doubled(2 * flow, luma), cubic=True)
        fused.average(warped, sampled(chroma, flow), 1 + blur(flow, sigma, trust), trusted)
        stands = torch.where(new, torch.minimum(stands, 1 - moving), stands)
        if number == 1:  # without a history, only the next frame shows whether the camera drifts
            drifts = length(camera_motion(found)) >= DRIFT
            fixed = fixed & ~((history.steps == 0) & new & drifts)
        some = some | new
    if len(ahead) > moved:
        applies = fixed & some & ~ended
        _average_standing(fused, ahead[moved - 1 :], stands * applies, sigma * history.grain, fine=fine)
    limit = GHOST_BOUND * TENT_NOISE * history.grain
    luma, chroma = unpack420(packed)
    bound_luma = luma - bounded(luma - fused.luma, limit * sigma)
    bound_chroma = chroma - bounded(chroma - fused.chroma, limit * sigma_uv)
    return Fused(
        torch.where(some, bound_luma, fused.luma), torch.where(some, bound_chroma, fused.chroma), fused.variance
    )


def _average_standing(fused: Fused, frames: Sequence[Tensor], stands: Tensor, sigma: Tensor, *, fine: bool) -> None:
    """See `fusion.ahead.average_standing`. frames: packed, the first only tells whether the second is a copy of it."""
    total, count = torch.zeros_like(frames[0]), torch.zeros_like(sigma)
    for before, frame in pairwise(frames):
        new = ~_same(before[..., ::_ROWS, :], frame[..., ::_ROWS, :])
        total, count = total + frame * new, count + new
    luma, chroma = unpack420(total / count.clamp(min=1))
    own = 1 / count.clamp(min=1)
    guide, there = halved(fused.luma), halved(luma)
    trusted = confidence(Judge(guide, sigma)(there, fused.variance + (own - 1)), WARY if fine else READY)
    applies = (count > 0) & ~another_scene(trusted, guide, there, sigma)
    fused.average(luma, chroma, own, trusted * stands * applies)


def _same(a: Tensor, b: Tensor) -> Tensor:
    """(B, 1, 1, 1): whether two pictures are equal."""
    return (a == b).flatten(1).all(1)[:, None, None, None]
