"""A residual dense network, small: in each block every layer sees all layers before it.

Zhang, Tian, Kong, Zhong and Fu, "Residual dense network for image super-resolution", CVPR 2018, arXiv:1802.08797, with
4 blocks of 4 layers in the place of 16 of 8, and 32 channels that grow by 16.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .plain import initialise

_WIDTH, _GROWTH, _LAYERS, _BLOCKS = 32, 16, 4, 4


class DenseBlock(nn.Module):
    """A residual dense block: x + a mixture of x and of all its layers' results. x: (B, 32, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(_WIDTH + i * _GROWTH, _GROWTH, 3, padding=1) for i in range(_LAYERS))
        self.fuse = nn.Conv2d(_WIDTH + _LAYERS * _GROWTH, _WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        found = x
        for layer in self.layers:
            found = torch.cat((found, torch.relu(layer(found))), 1)
        change: Tensor = self.fuse(found)
        return x + change


class Dense(nn.Module):
    """The network at the size of what it sees. inputs, outputs: its numbers of channels; the outputs begin at zero."""

    field = 2 + _BLOCKS * _LAYERS + 2

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, _WIDTH, 3, padding=1)
        self.second = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)
        self.blocks = nn.ModuleList(DenseBlock() for _ in range(_BLOCKS))
        self.fuse = nn.Conv2d(_BLOCKS * _WIDTH, _WIDTH, 1)
        self.smooth = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1)
        self.sub_pixels = nn.Conv2d(_WIDTH, outputs, 3, padding=1)
        initialise(self, self.sub_pixels)
        for block in self.blocks:
            assert isinstance(block, DenseBlock)
            block.fuse.weight.data.mul_(0.1)  # a block begins near the identity

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, inputs, H, W). Returns (B, outputs, H, W)."""
        shallow = self.first(x)
        y = self.second(shallow)
        found = []
        for block in self.blocks:
            y = block(y)
            found.append(y)
        deep = self.smooth(self.fuse(torch.cat(found, 1))) + shallow
        result: Tensor = self.sub_pixels(deep)
        return result


class RDN(Dense):
    """0.17 million parameters, and as many multiplications a pixel of the small luma. scale: how many times larger.

    It gives a correction of the picture enlarged by bicubic interpolation.
    """

    def __init__(self, scale: int = 2) -> None:
        super().__init__(1, scale**2)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 1, H, W), small luma. Returns (B, 1, H * scale, W * scale)."""
        return nn.functional.pixel_shuffle(super().forward(x), self.scale)
