"""How well a warped picture matches a frame, compared with what noise alone would explain, on tensors.

The tensor twin of `fusion.agreement`, with its constants: half-size luma (B, 1, h, w), one value of each stream
(B, 1, 1, 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import agreement as terms
from ..agreement import FLOOR, Trust
from .planes import box, median, quantile, slopes

_GAUSS = [exp(-((d / terms.FINE_BLUR) ** 2) / 2) for d in range(-2, 3)]  # as long as OpenCV makes it


@dataclass(frozen=True, slots=True)
class Residual:
    """Mean absolute difference around each pixel, and what noise alone is expected to make of it."""

    found: Tensor
    expected: Tensor


class Judge:
    """Compares pictures with a frame. sigma: of the frame's noise at full size, times its grain's factor."""

    def __init__(self, guide: Tensor, sigma: Tensor) -> None:
        self._low = box(guide, 3)
        self._expected = sigma * (0.8 / 2 / 3)

    def __call__(self, picture: Tensor, variance: Tensor) -> Residual:
        """variance: noise of both pictures together, beyond the 1 of a single frame; capped at 1."""
        expected = variance.clamp(max=1).add_(1).sqrt_().mul_(self._expected).clamp_(min=FLOOR)
        return Residual(box((box(picture, 3) - self._low).abs_(), 3), expected)


def doubted(residual: Residual, grain: Tensor, moving: Tensor) -> Residual:
    """See `fusion.agreement.Grain.doubt`. grain: its factor. moving: 1 where motion was followed."""
    less = grain**terms._DOUBT - 1
    return Residual(residual.found, residual.expected * (1 + less * moving))


def grain_seen(residual: Residual, history: Tensor, grain: Tensor) -> Tensor:
    """The factor that one frame shows, see `fusion.agreement.Grain.follow`. history: already warped."""
    across, down = slopes(history[..., ::2, ::2])
    slope = (across.abs() + down.abs()).flatten(1)
    ratio = (residual.found / residual.expected)[..., ::2, ::2].flatten(1)
    flattest = quantile(slope, torch.ones_like(slope, dtype=torch.bool), terms._FLAT, between=False)
    low = quantile(ratio, slope <= flattest[:, None], terms._LOWER, between=False)[:, None, None, None]
    x = grain / terms._WHITE * low
    (few, some, most), (one, _, _) = terms._GRAIN
    return torch.minimum(one + (x - few) * ((some - one) / (some - few)), x).clamp_(one, most)


def confidence(residual: Residual, trust: Trust) -> Tensor:
    """1 where the picture differs by no more than noise explains, falling to 0."""
    return (residual.found / residual.expected).sub_(trust.tolerance).clamp_(min=0).square_().neg_().exp_()


def moves(moved: Residual, still: Tensor) -> Tensor:
    """1 where motion explains the frame, 0 where standing still does as well. still: the unwarped picture's `found`."""
    return box((moved.found + terms.STATIC_BIAS * moved.expected < still).float(), 5)


def blur(flow: Tensor, sigma: Tensor, trust: Trust) -> Tensor:
    """Cost of moving by fractions of a pixel, as variance relative to the noise."""
    full = flow * 2
    cost = (full - full.round()).abs_().sum(1, keepdim=True)
    detail = (trust.blurred_detail / sigma.clamp(min=FLOOR)).square().clamp_(max=3)
    return cost * (trust.blur_cost + detail)


def another_scene(trusted: Tensor, guide: Tensor, moved: Tensor, sigma: Tensor) -> Tensor:
    """(B, 1, 1, 1): whether the warped picture shows another scene, or the same in another light."""
    h, w = guide.shape[-2:]
    change = F.adaptive_avg_pool2d(guide - moved, (max(h // 16, 1), max(w // 16, 1)))
    brightening = median(change.flatten(1))[:, None, None, None].abs()
    unlike = trusted.mean((1, 2, 3), keepdim=True) < terms.LEAST_CONFIDENCE
    return unlike | (brightening > (sigma / 4).clamp(min=2 / 255))


def before_flow(guide: Tensor) -> Tensor:
    """Prepare a noisy picture's half-size luma for flow estimation: a Gaussian blur of `FINE_BLUR`."""
    for axis, edge in ((-1, (2, 2, 0, 0)), (-2, (0, 0, 2, 2))):
        wide = F.pad(guide, edge, mode="reflect" if min(guide.shape[-2:]) > 2 else "replicate")
        parts = (wide.narrow(axis, start, guide.shape[axis]) for start in range(5))
        guide = torch.stack([weight / sum(_GAUSS) * part for weight, part in zip(_GAUSS, parts, strict=True)]).sum(0)
    return guide


def busy_cells(still: Residual) -> Tensor:
    """0 in cells in which and around which noise alone explains the frame if nothing moves, else 1."""
    h, w = still.found.shape[-2:]
    size = max(h // terms._CELL, 1), max(w // terms._CELL, 1)
    ratio = F.adaptive_avg_pool2d(still.found, size) / F.adaptive_avg_pool2d(still.expected, size)
    flat = ratio.flatten(1)
    calmest = quantile(flat, torch.ones_like(flat, dtype=torch.bool), 0.25)[:, None, None, None]
    busy = F.max_pool2d((ratio > terms._CALM * calmest.clamp(max=1)).float(), 3, 1, 1)
    return F.interpolate(busy, size=(h, w), mode="nearest")
