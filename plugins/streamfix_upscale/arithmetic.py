"""What the networks see of a frame, and how what they answer becomes the picture at the new size."""

from __future__ import annotations

from functools import cache, partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from streamfix import NetworkInfo
from streamfix.models import SIZES
from streamfix.networks import Flat

from . import bicubic

Tier = Literal["s", "q"]
Scale = Literal[2, 4]

GAIN = 16.0  # brings detail, which is what is left without local means, to the size that layers are initialised for
_STEP = 0.1  # of the correction that a network answers
_WINDOW = 8  # of local means, in pixels of the network's input
_Q_WIDTH, _Q_BLOCKS = 48, 4


def network(name: str) -> nn.Module:
    """A new, untrained network of this name, such as "x2-s"; `seen` makes its input, `picture` its result."""
    scale, tier = int(name[1]), name[3:]
    planes = scale * scale
    if tier == "q":
        return Flat(3 + planes, planes, _Q_WIDTH, _Q_BLOCKS)
    return SIZES["s"].unet(10 + 4 * planes, 6 * planes)


def info(name: str) -> NetworkInfo:
    """What the network of this name takes and gives: planes of its own, not pictures."""
    scale, tier = int(name[1]), name[3:]
    planes = scale * scale
    if tier == "q":
        return NetworkInfo(channels=3 + planes, results=planes, receptive_field=2 + 2 * _Q_BLOCKS)
    return NetworkInfo(channels=10 + 4 * planes, results=6 * planes, multiple=4)


def seen(tier: str, packed: Tensor, remembered: Tensor, trust: Tensor, scale: int) -> Tensor:
    """A network's input: the frame without its local means, the means, and what the history adds to bicubic.

    packed: (B, 6, H, W), multiples of 4. remembered: (B, 1, 2H * scale, 2W * scale), the history minus the bicubic
    enlargement. trust: (B, 1, 2H, 2W).
    Returns (B, planes, 2H, 2W) for tier q, which sees luma alone, pixel by pixel; else (B, planes, H, W).
    """
    batch, _, height, width = packed.shape
    planes = scale * scale
    if tier == "q":
        luma = bicubic.luma_of(packed)
        means = _local_means(luma)
        x = packed.new_empty(batch, 3 + planes, 2 * height, 2 * width)
        torch.sub(luma, means, out=x[:, :1]).mul_(GAIN)
        x[:, 1:2], x[:, 2:3] = means, trust
        for at in range(planes):
            torch.mul(remembered[:, 0, at // scale :: scale, at % scale :: scale], trust[:, 0], out=x[:, 3 + at])
        x[:, 3:] *= GAIN
        return x
    x = packed.new_empty(batch, 10 + 4 * planes, height, width)
    means = _local_means(torch.cat((packed[:, :4].mean(1, keepdim=True), packed[:, 4:]), 1))
    torch.sub(packed[:, :4], means[:, :1], out=x[:, :4])
    torch.sub(packed[:, 4:], means[:, 1:], out=x[:, 4:6])
    x[:, :6] *= GAIN
    x[:, 6:9], x[:, 9:10] = means, F.avg_pool2d(trust, 2)
    side = 2 * scale  # of what lies in one packed pixel
    for at in range(planes):
        for sub in range(4):
            row, column = sub // 2 * scale + at // scale, sub % 2 * scale + at % scale
            trusted = trust[:, 0, sub // 2 :: 2, sub % 2 :: 2]
            torch.mul(remembered[:, 0, row::side, column::side], trusted, out=x[:, 10 + 4 * at + sub])
    x[:, 10:] *= GAIN
    return x


def picture(tier: str, enlarged: Tensor, answer: Tensor, scale: int) -> Tensor:
    """The bicubic enlargement (B, 6, H * scale, W * scale), packed, corrected by what the network answers."""
    if tier == "q":
        result = enlarged.clone()
        bicubic.add_luma(result[:, :4], answer, scale, _STEP)
        return result
    return enlarged + bicubic.interleave(answer * _STEP, scale)


def answer_for(tier: str, enlarged: Tensor, target: Tensor, scale: int) -> Tensor:
    """What a network should answer so that `picture` gives `target`."""
    wanted = (target - enlarged) / _STEP
    if tier == "q":
        return F.pixel_unshuffle(bicubic.luma_of(wanted), scale)
    return F.pixel_unshuffle(wanted, scale)


def kept(result: Tensor, packed: Tensor, scale: int) -> Tensor:
    """The result with the mean over each pixel of the frame made equal to that pixel, luma and chroma.

    result: (B, 6, H * scale, W * scale); packed: (B, 6, H, W).
    """
    missed = bicubic.luma_of(packed) - F.avg_pool2d(bicubic.luma_of(result), scale)
    luma = F.pixel_unshuffle(F.interpolate(missed, scale_factor=scale, mode="nearest"), 2)
    missed = packed[:, 4:] - F.avg_pool2d(result[:, 4:], scale)
    chroma = F.interpolate(missed, scale_factor=scale, mode="nearest")
    return result + torch.cat((luma, chroma), 1)


def example(name: str, size: tuple[int, int] = (180, 320)) -> Tensor:
    """An input of the network for a frame with detail and blocks, to time it on. size: packed."""
    return _example(name, size)


@cache
def _example(name: str, size: tuple[int, int]) -> Tensor:
    seeded = torch.Generator().manual_seed(1)
    scale, tier = int(name[1]), name[3:]
    coarse = torch.rand(1, 6, 23, 40, generator=seeded)
    grow = partial(F.interpolate, size=size)
    packed = 0.5 * grow(coarse, mode="bilinear") + 0.3 * grow(coarse)
    remembered = torch.zeros(1, 1, 2 * size[0] * scale, 2 * size[1] * scale)
    return seen(tier, packed, remembered, torch.zeros(1, 1, 2 * size[0], 2 * size[1]), scale)


def _local_means(planes: Tensor) -> Tensor:
    pad = (_WINDOW - 4) // 2
    means = F.avg_pool2d(planes, _WINDOW, 4, pad, count_include_pad=False)
    return F.interpolate(means, size=planes.shape[-2:], mode="bilinear")
