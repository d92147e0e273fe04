"""Which blur a picture has, where, and how noisy it is: measured from the picture alone.

A tiny network tells the line and the disc that each macroblock was blurred by (see `wiener`). What is soft by its lens,
its camera or its size was shown to it as not blurred.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from streamfix.models import Tier, WeightsStore

CELL = 8  # packed pixels on a side, 16 of luma: a macroblock
LONGEST, WIDEST = 24.0, 6.0  # pixels: the longest line and the largest disc that are believed
_LINE, _DISC = 8.0, 3.0  # pixels to one unit of the network's answer
_FLOOR, _OCTAVES = 0.25 / 255, 4.0  # of noise: a level below the floor counts as none; octaves to one unit
_WIDTHS = (32, 48, 64)
_MEANS, _CONTRASTS = 9, 33  # sides of the windows of local means and contrasts, packed pixels
_FAINT = 1.5 / 255  # contrasts are not taken for lower than this


class KernelNetwork(nn.Module):
    """Answers line, disc and noise of each macroblock, for pictures of any contrast.

    A blur shows at edges, most of all where all over the picture it is one. So what is found everywhere is averaged and
    told to every place, as in `deblock`'s measurement of levels. 0.2 million parameters, some 2,000 multiplications a
    pixel of luma.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third = _WIDTHS
        self.look = nn.Sequential(
            nn.Conv2d(5, first, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(second, third, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(third, third, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(third, third, 3, padding=1),
            nn.ReLU(),
        )
        self.whole = nn.Sequential(nn.Conv2d(third, third, 1), nn.ReLU(), nn.Conv2d(third, third, 1))
        self.judge = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(third, third, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(third, 4, 1),
        )

    def forward(self, packed: Tensor) -> Tensor:
        """packed: (B, 6, H, W) in [0, 1], H and W multiples of 8. Returns (B, 4, H/8, W/8), see `decode`."""
        luma = packed[:, :4]
        means = F.avg_pool2d(luma.mean(1, keepdim=True), _MEANS, 1, _MEANS // 2, count_include_pad=False)
        detail = luma - means
        squares = detail.square().mean(1, keepdim=True)
        contrast = F.avg_pool2d(squares, _CONTRASTS, 1, _CONTRASTS // 2, count_include_pad=False).sqrt() + _FAINT
        seen = self.look(torch.cat((detail / contrast, torch.log2(contrast / _FAINT) / 4), 1))
        result: Tensor = self.judge(seen + self.whole(seen.mean((2, 3), keepdim=True)))
        return result


@dataclass(frozen=True, slots=True)
class Blurs:
    """The blur of each macroblock. line: (B, 2, h, w). disc: (B, h, w). noise: (B, h, w), in [0, 1] units of luma."""

    line: Tensor
    disc: Tensor
    noise: Tensor


def store() -> WeightsStore:
    """The network's weights; it comes in one size, named s."""

    def network(tier: Tier) -> nn.Module:
        return KernelNetwork()

    return WeightsStore(Path(__file__).parent / "weights" / "kernels", "deblur-kernels", network)


def decode(answer: Tensor) -> Blurs:
    """What the network's answer, (B, 4, h, w), says."""
    return Blurs(answer[:, :2] * _LINE, answer[:, 2] * _DISC, torch.exp2(answer[:, 3] * _OCTAVES) * _FLOOR)


def encode(line: Tensor, disc: Tensor, noise: Tensor) -> Tensor:
    """The opposite of `decode`; noise below its floor becomes the floor."""
    levels = torch.log2(noise.clamp_min(_FLOOR) / _FLOOR) / _OCTAVES
    return torch.cat((line / _LINE, disc[:, None] / _DISC, levels[:, None]), 1)


@cache
def example() -> Tensor:
    """A picture with detail, (1, 6, 184, 320): to time the network on."""
    seeded = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 6, 23, 40, generator=seeded)
    return 0.5 * F.interpolate(coarse, (184, 320), mode="bilinear") + 0.3 * F.interpolate(coarse, (184, 320))
