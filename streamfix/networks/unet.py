"""The one backbone of our own networks: a small U-Net of plain 3x3 convolutions, without normalisation.

Plain convolutions of 32 channels and more run at three to five times the arithmetic rate of depthwise ones on a CPU.
After Ronneberger et al., "U-Net" (2015), with the residual blocks of Lim et al., "EDSR" (2017).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """x + conv(ReLU(conv(x))), 3x3, of one width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.second(torch.relu(self.first(x)))
        return x + change


class UNet(nn.Module):
    """Three scales; height and width must be multiples of 4.

    inputs, outputs: planes in and out.
    widths: channels at the full, half and quarter size of its input.
    blocks: residual blocks at full, half, quarter, and on the way up at half and full size.

    The last convolution starts at zero, so an untrained network gives zeros: as a correction it changes nothing.
    """

    multiple = 4

    def __init__(
        self, inputs: int, outputs: int, widths: Sequence[int] = (32, 64, 96), blocks: Sequence[int] = (0, 1, 2, 1, 0)
    ) -> None:
        super().__init__()
        if len(widths) != 3 or len(blocks) != 5:
            raise ValueError(f"a UNet has 3 widths and 5 counts of blocks, got {tuple(widths)} and {tuple(blocks)}")
        full, half, quarter = widths

        def row(width: int, count: int) -> nn.Sequential:
            return nn.Sequential(*(ResidualBlock(width) for _ in range(count)))

        self.head = nn.Conv2d(inputs, full, 3, padding=1)
        self.full_down = row(full, blocks[0])
        self.to_half = nn.Conv2d(full, half, 2, stride=2)
        self.half_down = row(half, blocks[1])
        self.to_quarter = nn.Conv2d(half, quarter, 2, stride=2)
        self.quarter = row(quarter, blocks[2])
        self.from_quarter = nn.ConvTranspose2d(quarter, half, 2, stride=2)
        self.half_up = row(half, blocks[3])
        self.from_half = nn.ConvTranspose2d(half, full, 2, stride=2)
        self.full_up = row(full, blocks[4])
        self.tail = nn.Conv2d(full, outputs, 3, padding=1)
        self._initialise()

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, H, W). Returns (B, outputs, H, W)."""
        # Rectifiers stand inside the blocks only: noise passes from the input to the correction as it is.
        # Behind rectifiers a tenth of it was left whatever the picture, 3 dB lost on single frames.
        full = self.full_down(self.head(x))
        half = self.half_down(self.to_half(full))
        quarter = self.quarter(self.to_quarter(half))
        half = self.half_up(self.from_quarter(quarter) + half)
        full = self.full_up(self.from_half(half) + full)
        result: Tensor = self.tail(full)
        return result

    def late(self) -> list[nn.Parameter]:
        """The weights of the last two levels, on the way up: those that are adapted to one camera."""
        parts = (self.half_up, self.from_half, self.full_up, self.tail)
        return [weights for part in parts for weights in part.parameters()]

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        for module in self.modules():
            if isinstance(module, ResidualBlock):
                module.second.weight.data.mul_(0.1)  # a block begins near the identity
        nn.init.zeros_(self.tail.weight)
