"""The network that measures a codec's artifacts, see `levels`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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

        Returns (B, 2, H/8, W/8), luma and chroma; `levels.decode` makes standard deviations of it.
        """
        planes = torch.cat((packed[:, :4].mean(1, keepdim=True).expand(-1, 4, -1, -1), packed[:, 4:]), 1)
        means = F.avg_pool2d(planes, _MEANS, 1, _MEANS // 2, count_include_pad=False)
        seen = self.look((packed - means) * _GAIN)
        result: Tensor = self.judge(seen + self.whole(seen.mean((2, 3), keepdim=True)))
        return result


def level_network(tier: str) -> LevelNetwork:
    """A new, untrained one. It comes in one size, named s."""
    return LevelNetwork()
