"""Motion between pictures as batched tensor operations, for any device. See `planes` for what a flow is.

Coarse to fine: at each size, patches step towards each other by least squares (Lucas and Kanade, "An iterative image
registration technique", 1981), pixels may take over a neighbour's motion (Barnes et al., "PatchMatch", 2009), and the
flow is smoothed. On noisy video, fusing along it is as good as along OpenCV's DIS, see tests/bench/bench_fronts.py.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ... import motion
from .planes import box, doubled, halved, median, sampled, slopes

_COARSEST = 16  # pixels: no size is halved below this
_PATCH, _APART = 8, 4  # pixels
_ROUNDS = 2  # of least squares at each size
_STIFF = 2e-4  # squared slope below which a patch hardly moves
_OUTLIER = 0.1  # a pixel that differs by this much counts half
_NEIGHBOUR = 6  # pixels to the neighbours whose motion is tried
_OWN = 0.1 / 255  # how much better it must fit
_SMOOTH = 7  # pixels


def flow_between(now: Tensor, before: Tensor) -> Tensor:
    """Flow (B, 2, H, W) from `now` to `before`, (B, 1, H, W) in [0, 1]; zeros if the picture is too small for it."""
    if min(now.shape[-2:]) < motion.MIN_FLOW_SIZE:
        return torch.zeros_like(now.expand(-1, 2, -1, -1))
    sizes = [(now, before)]
    while min(sizes[-1][0].shape[-2:]) >= 2 * _COARSEST:
        sizes.append((halved(sizes[-1][0]), halved(sizes[-1][1])))
    flow = torch.zeros_like(sizes[-1][0].expand(-1, 2, -1, -1))
    for a, b in reversed(sizes):
        if flow.shape[-2:] != a.shape[-2:]:
            flow = doubled(2 * flow, a)
        for _ in range(_ROUNDS):
            flow = flow + _step(flow, a, b)
        flow = box(_neighbours(flow, a, b), _SMOOTH)
    return flow


def _step(flow: Tensor, now: Tensor, before: Tensor) -> Tensor:
    """What patches should move by, at most a pixel, for every pixel."""
    height, width = now.shape[-2:]
    moved = sampled(before, flow)
    missed = now - moved
    weight = 1 / (1 + (missed * (1 / _OUTLIER)).square())
    x, y = slopes(moved)
    wx, wy = weight * x, weight * y
    products = torch.cat((wx * x, wx * y, wy * y, wx * missed, wy * missed), 1)
    edge = (_PATCH - _APART) // 2
    wider = F.pad(products, (edge, edge + -width % _APART, edge, edge + -height % _APART), mode="replicate")
    sums = F.avg_pool2d(F.avg_pool2d(wider, (1, _PATCH), (1, _APART)), (_PATCH, 1), (_APART, 1))
    xx, xy, yy, xm, ym = sums.split(1, 1)
    step = _solved(xx + _STIFF, xy, yy + _STIFF, xm, ym).clamp_(-1, 1)
    return F.interpolate(step, scale_factor=_APART, mode="bilinear", align_corners=False)[..., :height, :width]


def _neighbours(flow: Tensor, now: Tensor, before: Tensor) -> Tensor:
    """The flow, each pixel's replaced by that of a neighbour where that fits better."""

    def misfit(tried: Tensor) -> Tensor:
        return box((now - sampled(before, tried)).abs(), 5)

    best, least = flow, misfit(flow) - _OWN
    for shift in ((0, _NEIGHBOUR), (0, -_NEIGHBOUR), (_NEIGHBOUR, 0), (-_NEIGHBOUR, 0)):
        tried = torch.roll(flow, shift, (2, 3))
        found = misfit(tried)
        better = found < least
        best, least = torch.where(better, tried, best), torch.where(better, found, least)
    return best


def _solved(xx: Tensor, xy: Tensor, yy: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return torch.cat((yy * x - xy * y, xx * y - xy * x), 1) / (xx * yy - xy * xy)


def refine(flow: Tensor, now: Tensor, before: Tensor, sigma: Tensor) -> Tensor:
    """One more step towards the half-size flow between full-size pictures, as `motion.refine` does it.

    flow: (B, 2, H/2, W/2). now, before: (B, 1, H, W). sigma: of the noise in their difference, (B, 1, 1, 1).
    """
    if min(now.shape[-2:]) < motion.MIN_FLOW_SIZE:
        return flow
    moved = sampled(before, doubled(2 * flow, now))
    missed = now - moved
    x, y = slopes(moved)
    products = box(halved(torch.cat((x * x, x * y, y * y, x * missed, y * missed), 1)), motion._WINDOW)
    prior = (sigma**2 + motion._LEAST_MISSED**2) / ((2 * motion._WINDOW) ** 2 * motion._PRIOR**2)
    xx, xy, yy, xm, ym = products.split(1, 1)
    return flow + (0.5 * _solved(xx + prior, xy, yy + prior, xm, ym)).clamp_(-0.5, 0.5)  # to half-size pixels


def steadied(flow: Tensor, expected: Tensor, reach: float) -> Tensor:
    """Move a flow halfway to the expected one where the two agree, see `motion.steadied`."""
    apart = expected - flow
    apart = apart - camera_motion(apart)
    share = torch.exp(box(apart.square().sum(1, keepdim=True), motion._WINDOW) * (-0.5 / reach**2))
    return flow + 0.5 * share * apart


def camera_motion(flow: Tensor) -> Tensor:
    """The median vector, (B, 2, 1, 1) in pixels: the camera's motion."""
    return median(flow[..., ::4, ::4].flatten(2))[..., None, None]


def typical_motion(flow: Tensor) -> Tensor:
    """Median length of the vectors, (B, 1, 1, 1): small where most of the picture stands still."""
    return median(length(flow[..., ::4, ::4]).flatten(2))[..., None, None]


def length(flow: Tensor) -> Tensor:
    """(B, 1, H, W)"""
    return flow.square().sum(1, keepdim=True).sqrt_()
