"""What the networks see of a frame, and how what they answer becomes the picture at the new size."""

from __future__ import annotations

from functools import cache, partial
from types import MappingProxyType
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from streamfix import NetworkInfo
from streamfix.networks import Flat

from . import bicubic

Tier = Literal["s", "q"]
Scale = Literal[2, 4]

GAIN = 16.0  # brings detail, which is what is left without local means, to the size that layers are initialised for
_STEP = 0.1  # of the correction that a network answers
_WINDOW = 8  # of local means, pixels
_SIZES = MappingProxyType({"s": (16, 4), "q": (48, 4)})  # width and residual blocks


def network(name: str) -> Flat:
    """A new, untrained network of this name, such as "x2-s"; `seen` makes its input, `picture` its result."""
    planes = int(name[1]) ** 2
    return Flat(3 + planes, planes, *_SIZES[name[3:]])


def info(name: str) -> NetworkInfo:
    """What the network of this name takes and gives: planes of its own, not pictures."""
    planes, (_, blocks) = int(name[1]) ** 2, _SIZES[name[3:]]
    return NetworkInfo(channels=3 + planes, results=planes, receptive_field=2 + 2 * blocks)


def seen(packed: Tensor, remembered: Tensor, trust: Tensor, scale: int) -> Tensor:
    """A network's input: the luma without its local means, the means, and what the history adds to bicubic.

    packed: (B, 6, H, W), multiples of 4. remembered: (B, 1, 2H * scale, 2W * scale), the history minus the bicubic
    enlargement. trust: (B, 1, 2H, 2W).
    Returns (B, 3 + scale * scale, 2H, 2W).
    """
    batch, _, height, width = packed.shape
    planes = scale * scale
    luma = bicubic.luma_of(packed)
    means = _local_means(luma)
    x = packed.new_empty(batch, 3 + planes, 2 * height, 2 * width)
    torch.sub(luma, means, out=x[:, :1]).mul_(GAIN)
    x[:, 1:2], x[:, 2:3] = means, trust
    for at in range(planes):
        torch.mul(remembered[:, 0, at // scale :: scale, at % scale :: scale], trust[:, 0], out=x[:, 3 + at])
    x[:, 3:] *= GAIN
    return x


def picture(enlarged: Tensor, answer: Tensor, scale: int) -> Tensor:
    """The bicubic enlargement (B, 6, H * scale, W * scale), packed, its luma corrected by what the network answers."""
    result = enlarged.clone()
    bicubic.add_luma(result[:, :4], answer, scale, _STEP)
    return result


def answer_for(enlarged: Tensor, target: Tensor, scale: int) -> Tensor:
    """What a network should answer so that `picture` gives the luma of `target`."""
    return F.pixel_unshuffle(bicubic.luma_of((target - enlarged) / _STEP), scale)


def kept(result: Tensor, packed: Tensor, scale: int) -> Tensor:
    """The result with the mean over each pixel of the frame made equal to that pixel, luma and chroma.

    result: (B, 6, H * scale, W * scale); packed: (B, 6, H, W).
    """
    missed = bicubic.luma_of(packed) - F.avg_pool2d(bicubic.luma_of(result), scale)
    luma = F.pixel_unshuffle(F.interpolate(missed, scale_factor=scale, mode="nearest"), 2)
    missed = packed[:, 4:] - F.avg_pool2d(result[:, 4:], scale)
    chroma = F.interpolate(missed, scale_factor=scale, mode="nearest")
    return result + torch.cat((luma, chroma), 1)


@cache
def example(name: str, size: tuple[int, int] = (180, 320)) -> Tensor:
    """An input of the network for a frame with detail and blocks, to time it on. size: packed."""
    seeded = torch.Generator().manual_seed(1)
    scale = int(name[1])
    coarse = torch.rand(1, 6, 23, 40, generator=seeded)
    grow = partial(F.interpolate, size=size)
    packed = 0.5 * grow(coarse, mode="bilinear") + 0.3 * grow(coarse)
    remembered = torch.zeros(1, 1, 2 * size[0] * scale, 2 * size[1] * scale)
    return seen(packed, remembered, torch.zeros(1, 1, 2 * size[0], 2 * size[1]), scale)


def _local_means(planes: Tensor) -> Tensor:
    pad = (_WINDOW - 4) // 2
    means = F.avg_pool2d(planes, _WINDOW, 4, pad, count_include_pad=False)
    return F.interpolate(means, size=planes.shape[-2:], mode="bilinear")
