"""Measures streams' noise blindly on tensors: the twin of `fusion.NoiseEstimator`, with its constants and schedule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import noise as terms
from .planes import halved, mirrored, quantile


@dataclass(slots=True)
class Estimate:
    """What one stream's noise is known to be. number: of the next frame.

    level: (1, 2), luma and chroma as measured; told: (1, 2), those before a codec reduced them. measured: (1, 1), how
    often, the first time aside. before: luma and chroma of the last frame, if the next one is measured against it, and
    whether it shows a picture, (1, 1).
    """

    number: int
    level: Tensor
    told: Tensor
    measured: Tensor
    before: tuple[Tensor, Tensor, Tensor] | None = None

    @classmethod
    def empty(cls, device: torch.device) -> Estimate:
        level = torch.zeros(1, 2, device=device)
        return cls(0, level, level, level[:, :1])


def follow(estimates: Sequence[Estimate], luma: Tensor, chroma: Tensor, still: Tensor) -> Tensor:
    """Take the next frame of each stream and return its noise as known now, (B, 2), luma and chroma in [0, 1].

    luma: (B, 1, H, W), chroma: (B, 2, h, w). still: (B, 1, 1, 1), 1 where most of the picture is known to stand still.
    A frame that shows hardly anything but noiseless black is not measured.
    """
    for i, estimate in enumerate(estimates):
        number = estimate.number
        estimate.number += 1
        due, due_next = terms._is_due(number), terms._is_due(number + 1)
        if due or due_next:
            at = slice(i, i + 1)
            _look(estimate, luma[at], chroma[at], still[at].flatten(1) > 0, due, due_next)
    return torch.cat([estimate.told for estimate in estimates])


def _look(estimate: Estimate, luma: Tensor, chroma: Tensor, still: Tensor, due: bool, due_next: bool) -> None:
    void = _void(luma)
    shows = (_blocks(void) <= terms._VOID_SHARE).float().mean(1, keepdim=True) >= terms._SEEN_SHARE
    if due:
        same_size = estimate.before is not None and estimate.before[0].shape == luma.shape
        before = estimate.before if same_size else None
        valid = torch.zeros_like(shows) if before is None else before[2]
        measured = estimate.measured + (shows & valid)
        keep = 1 - (1 / measured.clamp(min=1)).clamp(min=terms._STRIDE / terms._MEMORY)
        planes = ((luma, None), (chroma, None)) if before is None else ((luma, before[0]), (chroma, before[1]))
        found = torch.cat([_measure(plane, then, valid, void, still) for plane, then in planes], 1)
        estimate.level = torch.where(shows, keep * estimate.level + (1 - keep) * found, estimate.level)
        estimate.measured = torch.where(shows, measured, estimate.measured)
        estimate.told = _before_codec(estimate.level)
    estimate.before = (luma.clone(), chroma.clone(), shows) if due_next else None


def _before_codec(level: Tensor) -> Tensor:
    """See `fusion.noise._before_codec`."""
    luma, chroma = level[:, :1], level[:, 1:]
    smeared = _share_between(chroma, terms._SMEARED * luma, terms._SURELY_SMEARED * luma)
    share = smeared * _share_between(
        chroma, torch.full_like(luma, terms._CHROMA_LEAST), torch.full_like(luma, terms._CHROMA_SURE)
    )
    more = (terms._LUMA_GAIN * chroma - luma).clamp(min=0)
    return torch.cat((luma + share * more, chroma * (1 + share * (terms._CHROMA_GAIN - 1))), 1)


def _share_between(value: Tensor, low: Tensor, high: Tensor) -> Tensor:
    wide = high > low
    part = (value - low) / (high - low).masked_fill(~wide, 1)
    return torch.where(wide, part.clamp(0, 1), (value > low).float())


def _void(luma: Tensor) -> Tensor:
    return ((luma < terms._BLACK) & (_curvature(luma) <= terms._FLOAT_ERROR)).float()


def _curvature(plane: Tensor) -> Tensor:
    """The magnitude of Immerkaer's filter: the second difference (1, -2, 1) along both axes."""
    wide = mirrored(plane, 1)
    across = wide[..., :-2] - 2 * wide[..., 1:-1] + wide[..., 2:]
    return (across[..., :-2, :] - 2 * across[..., 1:-1, :] + across[..., 2:, :]).abs_()


def _measure(plane: Tensor, before: Tensor | None, valid: Tensor, void: Tensor, still: Tensor) -> Tensor:
    """One plane's noise, (B, 1), see `fusion.noise._measure`. valid: (B, 1), whether `before` counts."""
    seen = _seen(plane, void)
    means = _blocks(plane)
    noise, share = _spatial(plane)
    spatial = _quietest(noise, share, means, seen)
    if before is None:
        return spatial
    change, share = _temporal(plane, before)
    temporal = _quietest(change, share, means, seen)
    usable = seen & (share > 0.5)
    everywhere = quantile(change, usable, 0.5)[:, None]
    most = usable.sum(1, keepdim=True) > terms._STATIC_SHARE * seen.sum(1, keepdim=True)
    noise_alone = (still > 0) & most & (everywhere < terms._STATIC_RATIO * temporal)
    lower = torch.minimum(torch.maximum(spatial, _spread(plane, temporal, seen)), temporal)
    return torch.where(valid & (temporal > 0), torch.where(noise_alone, everywhere, lower), spatial)


def _seen(plane: Tensor, void: Tensor) -> Tensor:
    """Which of a plane's blocks belong to the picture, (B, N); all of them if none does."""
    if void.shape[-2:] != plane.shape[-2:]:
        void = F.adaptive_avg_pool2d(void, (plane.shape[-2], plane.shape[-1]))
    parts = (_blocks(void) <= terms._VOID_SHARE).repeat(1, plane.shape[1])
    return parts | ~parts.any(1, keepdim=True)


def _spatial(plane: Tensor, block: int = terms._BLOCK) -> tuple[Tensor, Tensor]:
    curvature = _curvature(plane)
    return _blocks(curvature, block) * ((torch.pi / 2) ** 0.5 / 6), _active_share(curvature, block)


def _spread(plane: Tensor, temporal: Tensor, seen: Tensor) -> Tensor:
    """Noise measured at half size, (B, 1), see `fusion.noise._spread`."""
    noise, share = _spatial(halved(plane), terms._BLOCK // 2)
    counted = seen if noise.shape == seen.shape else torch.ones_like(noise, dtype=torch.bool)
    usable = counted & (share > 0.5)
    noise = noise * 2  # white noise is halved by averaging 2x2
    low, more = (quantile(noise, usable, q)[:, None] for q in (terms._QUIETEST, terms._EVEN_QUANTILE))
    count = usable.sum(1, keepdim=True)
    texture = (count * 2 <= counted.sum(1, keepdim=True)) | (count < terms._BLOCKS_MIN)
    texture |= (more > terms._EVEN_RATIO * low) | (temporal > terms._TEMPORAL_RATIO * low)
    low = low * terms._QUIETEST_BIAS
    share = ((low - terms._TEXTURE) / (terms._NOT_TEXTURE - terms._TEXTURE)).clamp(0, 1)
    return (low * share).masked_fill(texture, 0)


def _temporal(plane: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    change = plane - before
    variance = _blocks(change * change) - _blocks(change) ** 2
    return (variance.clamp(min=0) / 2).sqrt(), _active_share(change.abs())


def _active_share(signal: Tensor, block: int = terms._BLOCK) -> Tensor:
    return _blocks((signal > terms._FLOAT_ERROR).float(), block)


def _blocks(plane: Tensor, block: int = terms._BLOCK) -> Tensor:
    """Means over blocks, (B, channels * blocks). Partial blocks at the edges are left out."""
    h, w = plane.shape[-2:]
    rows, columns = max(h // block, 1), max(w // block, 1)
    return F.adaptive_avg_pool2d(plane[..., : rows * block, : columns * block], (rows, columns)).flatten(1)


def _quietest(noise: Tensor, share: Tensor, means: Tensor, seen: Tensor) -> Tensor:
    """The noise of the quietest tenth of the usable blocks, (B, 1); 0 unless more than half of all are usable."""
    usable = seen & (share > 0.5)
    room = torch.minimum(means, 1 - means) > 2.5 * noise  # closer to black or white, clipping has cut the noise off
    both = usable & room
    kept = torch.where(both.any(1, keepdim=True), both, usable)
    enough = usable.sum(1, keepdim=True) * 2 > seen.sum(1, keepdim=True)
    low = quantile(noise, kept, terms._QUIETEST)[:, None] * terms._QUIETEST_BIAS
    return low.masked_fill(~enough, 0)
