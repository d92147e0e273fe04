"""Bicubic interpolation of packed 4:2:0 pictures: what the networks correct.

Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29(6), 1981, with a = -0.5, as in
MATLAB and in the literature's tables. Luma is scaled about its pixels' centres; chroma keeps its siting, level with the
left luma sample (H.273, type 0).
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

_A = -0.5
_TAPS = 5  # two neighbours on both sides
_REACH = _TAPS // 2


def enlarged(packed: Tensor, scale: int) -> Tensor:
    """Packed pictures (B, 6, H, W) `scale` times as large: (B, 6, H * scale, W * scale). scale: 2 or 4."""
    batch, _, height, width = packed.shape
    result = packed.new_empty(batch, 6, height * scale, width * scale)
    add_luma(result[:, :4].zero_(), luma_planes(luma_of(packed), scale), scale)
    interleave(chroma_planes(packed[:, 4:], scale), scale, out=result[:, 4:])
    return result


def luma_planes(luma: Tensor, scale: int) -> Tensor:
    """The luma (B, 1, H, W) enlarged: (B, scale * scale, H, W), the pixels that lie in each old one, row by row."""
    return _phases(luma, scale, 0.0)


def chroma_planes(planes: Tensor, scale: int) -> Tensor:
    """Planes of chroma (B, 2, H, W) enlarged: (B, 2 * scale * scale, H, W), in the same order, plane by plane."""
    batch, count, height, width = planes.shape
    phases = _phases(planes.reshape(batch * count, 1, height, width), scale, 0.5)
    return phases.reshape(batch, count * scale * scale, height, width)


def luma_of(packed: Tensor) -> Tensor:
    """The luma (B, 1, 2H, 2W) of packed pictures (B, 6, H, W)."""
    return interleave(packed[:, :4], 2)


def add_luma(packed: Tensor, planes: Tensor, scale: int, step: float = 1.0) -> None:
    """Add `step` times `luma_planes` (B, scale * scale, H, W) to packed luma (B, 4, H * scale / 2, W * scale / 2)."""
    half = scale // 2
    for row in range(scale):
        for column in range(scale):
            place = packed[:, row % 2 * 2 + column % 2, row // 2 :: half, column // 2 :: half]
            place.add_(planes[:, row * scale + column], alpha=step)


def interleave(planes: Tensor, by: int, out: Tensor | None = None) -> Tensor:
    """(B, C * by * by, H, W) -> (B, C, H * by, W * by), as torch's pixel_shuffle; strided copies are much faster."""
    batch, count, height, width = planes.shape
    if out is None:
        out = planes.new_empty(batch, count // by**2, height * by, width * by)
    for at in range(by * by):
        out[:, :, at // by :: by, at % by :: by] = planes[:, at :: by * by]
    return out


def _phases(plane: Tensor, scale: int, left: float) -> Tensor:
    """(B, 1, H, W) -> (B, scale * scale, H, W). left: how far samples lie left of the middle of their cell."""
    across, down = _kernels(scale, left), _kernels(scale, 0.0)
    batch, _, height, width = plane.shape
    if plane.device.type == "cpu":  # OpenCV takes a sixth of the time that torch takes
        made = np.empty((batch, scale * scale, height, width), np.float32)
        for picture, phases in zip(plane[:, 0].numpy(), made, strict=True):
            for at, phase in enumerate(phases):
                taps = across[at % scale].numpy(), down[at // scale].numpy()
                cv2.sepFilter2D(picture, -1, *taps, dst=phase, borderType=cv2.BORDER_REPLICATE)
        return torch.from_numpy(made)
    padded = F.pad(plane, (_REACH,) * 4, mode="replicate")
    rows = F.conv2d(padded, down.to(plane)[:, None, :, None])
    both = F.conv2d(rows.reshape(batch * scale, 1, height, -1), across.to(plane)[:, None, None])
    return both.reshape(batch, scale * scale, height, width)


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
