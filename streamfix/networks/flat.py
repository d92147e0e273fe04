"""Networks that stay at one size: what upscaling needs, whose finest detail must not be averaged away."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .unet import ResidualBlock


class Flat(nn.Module):
    """A row of residual blocks between two 3x3 convolutions, without normalisation.

    The last convolution starts at zero: as a correction, an untrained network changes nothing. After Lim et al.,
    "Enhanced deep residual networks for single image super-resolution" (EDSR), CVPR workshops 2017.
    """

    multiple = 1

    def __init__(self, inputs: int, outputs: int, width: int = 48, blocks: int = 4) -> None:
        super().__init__()
        self.head = nn.Conv2d(inputs, width, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.tail = nn.Conv2d(width, outputs, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        for block in self.blocks:
            assert isinstance(block, ResidualBlock)
            block.second.weight.data.mul_(0.1)  # it begins near the identity
        nn.init.zeros_(self.tail.weight)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, H, W). Returns (B, outputs, H, W)."""
        head = self.head(x)
        result: Tensor = self.tail(torch.relu(self.blocks(head) + head))
        return result
