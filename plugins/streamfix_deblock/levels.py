"""How strong a codec's artifacts are, measured from one picture alone.

Codecs tell their quantiser, see `told`, but not of the encodings before the last one, and many not at all: recordings
are transcoded, H.265 and VP9 hide it. A tiny network that has seen how far coded pictures are
from their originals tells it for all of them, for each macroblock.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from streamfix.fusion import Noise
from streamfix.models import Tier, WeightsStore

CELL = 8  # packed pixels on a side, 16 of luma: a macroblock
_FLOOR = 0.25 / 255  # a level below a quarter of a code counts as none
_OCTAVES = 4.0  # octaves of level to one unit of the network's answer
_WIDTHS = (32, 48, 64)
_MEANS = 9  # side of the window of local means, packed pixels
_GAIN = 16.0  # brings what is left of the picture without its means to the size that layers are initialised for


class LevelNetwork(nn.Module):
    """Estimates the root mean square of the artifacts around each macroblock, luma and chroma apart.

    What is soft and what a codec has smoothed look alike in one place; over a whole picture they do not. So what is
    found everywhere is averaged and told to every place (Hu et al., "Squeeze-and-excitation networks", CVPR 2018,
    without the gate). 0.16 million parameters, some 700 multiplications a pixel of luma.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third = _WIDTHS
        self.look = nn.Sequential(
            nn.Conv2d(6, first, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(second, third, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(third, third, 3, padding=1),
            nn.ReLU(),
        )
        self.whole = nn.Sequential(nn.Conv2d(third, third, 1), nn.ReLU(), nn.Conv2d(third, third, 1))
        self.judge = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(third, third, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(third, 2, 1),
        )

    def forward(self, packed: Tensor) -> Tensor:
        """packed: (B, 6, H, W) in [0, 1], H and W multiples of 8.

        Returns (B, 2, H/8, W/8), luma and chroma; `decode` makes standard deviations of it.
        """
        planes = torch.cat((packed[:, :4].mean(1, keepdim=True).expand(-1, 4, -1, -1), packed[:, 4:]), 1)
        means = F.avg_pool2d(planes, _MEANS, 1, _MEANS // 2, count_include_pad=False)
        seen = self.look((packed - means) * _GAIN)
        result: Tensor = self.judge(seen + self.whole(seen.mean((2, 3), keepdim=True)))
        return result


def store() -> WeightsStore:
    """The network's weights; it comes in one size, named s."""

    def network(tier: Tier) -> nn.Module:
        return LevelNetwork()

    return WeightsStore(Path(__file__).parent / "weights" / "levels", "deblock-levels", network)


def decode(answer: Tensor) -> Tensor:
    """Standard deviations in [0, 1] units of what the network answers."""
    return torch.exp2(answer * _OCTAVES) * _FLOOR


def encode(sigma: Tensor) -> Tensor:
    """The opposite of `decode`; levels below its floor become the floor."""
    return torch.log2(sigma.clamp_min(_FLOOR) / _FLOOR) / _OCTAVES


def true_answer(coded: Tensor, clean: Tensor) -> Tensor:
    """What the network should answer for packed pictures (B, 6, H, W), given their originals: (B, 2, H/8, W/8).

    The root mean square is taken over three by three macroblocks.
    """
    squares = (coded - clean).square()
    squares = torch.stack((squares[:, :4].mean(1), squares[:, 4:].mean(1)), 1)
    return encode(F.avg_pool2d(F.avg_pool2d(squares, CELL), 3, 1, 1, count_include_pad=False).sqrt())


def mean_level(answer: Tensor) -> list[Noise]:
    """The level of each picture as a whole, as the fuser is told it: the mean over macroblocks."""
    return [Noise(float(luma), float(chroma)) for luma, chroma in decode(answer).mean((2, 3))]


def level_map(answer: Tensor, size: tuple[int, int]) -> Tensor:
    """The levels of macroblocks, interpolated for each packed pixel: (B, 2, H, W). size: (H, W)."""
    return decode(F.interpolate(answer, size=size, mode="bilinear", align_corners=False))


@cache
def example() -> Tensor:
    """A picture with detail and blocks, (1, 6, 184, 320): to time the network on."""
    seeded = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 6, 23, 40, generator=seeded)
    return 0.5 * F.interpolate(coarse, (184, 320), mode="bilinear") + 0.3 * F.interpolate(coarse, (184, 320))
