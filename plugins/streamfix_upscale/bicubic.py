"""Bicubic interpolation of packed 4:2:0 pictures: what the networks correct.

Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29(6), 1981, with a = -0.5, as in
MATLAB and in the literature's tables. Luma is scaled about its pixels' centres; chroma keeps its siting, level with the
left luma sample (H.273, type 0).
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

_A = -0.5
_TAPS = 5  # two neighbours on both sides
_REACH = _TAPS // 2


def enlarged(packed: Tensor, scale: int) -> Tensor:
    """Packed pictures (B, 6, H, W) `scale` times as large: (B, 6, H * scale, W * scale). scale: 2 or 4."""
    luma = luma_of(packed)
    return torch.cat((packed_luma(luma_planes(luma, scale), scale), chroma(packed[:, 4:], scale)), 1)


def luma_planes(luma: Tensor, scale: int) -> Tensor:
    """The luma (B, 1, H, W) enlarged: (B, scale * scale, H, W), the pixels that lie in each old one, row by row."""
    return _phases(luma, scale, 0.0)


def chroma(planes: Tensor, scale: int) -> Tensor:
    """Planes of chroma (B, 2, H, W) enlarged: (B, 2, H * scale, W * scale)."""
    batch, count, height, width = planes.shape
    phases = _phases(planes.reshape(batch * count, 1, height, width), scale, 0.5)
    return F.pixel_shuffle(phases, scale).reshape(batch, count, height * scale, width * scale)


def luma_of(packed: Tensor) -> Tensor:
    """The luma (B, 1, 2H, 2W) of packed pictures (B, 6, H, W)."""
    return F.pixel_shuffle(packed[:, :4], 2)


def packed_luma(planes: Tensor, scale: int) -> Tensor:
    """The packed luma (B, 4, H * scale / 2, W * scale / 2) of `luma_planes` (B, scale * scale, H, W)."""
    if scale == 2:
        return planes
    batch, _, height, width = planes.shape
    half = scale // 2
    cells = planes.reshape(batch, half, 2, half, 2, height, width)  # row's half and sub-row, column's half and sub-
    return cells.permute(0, 2, 4, 5, 1, 6, 3).reshape(batch, 4, height * half, width * half)


def _phases(plane: Tensor, scale: int, left: float) -> Tensor:
    """(B, 1, H, W) -> (B, scale * scale, H, W). left: how far samples lie left of the middle of their cell."""
    padded = F.pad(plane, (_REACH,) * 4, mode="replicate")
    across = _kernels(scale, left).to(plane)[:, None, None]  # (scale, 1, 1, taps)
    down = _kernels(scale, 0.0).to(plane)[:, None, :, None]  # (scale, 1, taps, 1)
    rows = F.conv2d(padded, down)  # (B, scale, H, W + 4)
    batch, _, height, width = rows.shape
    both = F.conv2d(rows.reshape(batch * scale, 1, height, width), across)
    return both.reshape(batch, scale * scale, plane.shape[-2], plane.shape[-1])


@cache
def _kernels(scale: int, left: float) -> Tensor:
    """Weights of the neighbours for each of the `scale` new samples, (scale, 5). left: 0, or 0.5 for left-sited ones.

    A left-sited sample of chroma lies half a luma pixel left of its cell's middle, a quarter of its own pitch. Scaled,
    new samples keep that distance in new pixels.
    """
    shift = left / 2  # of the pitch of chroma
    at = (torch.arange(scale, dtype=torch.float64) + 0.5 - shift) / scale - 0.5 + shift
    distance = (at[:, None] - torch.arange(-_REACH, _REACH + 1)).abs()
    near = (_A + 2) * distance**3 - (_A + 3) * distance**2 + 1
    far = _A * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    weights = torch.where(distance <= 1, near, torch.where(distance < 2, far, 0.0))
    return weights.float()
