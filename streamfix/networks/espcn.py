"""ESPCN: the network that introduced sub-pixel convolution, fast enough for video when it came.

Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
network", CVPR 2016, arXiv:1609.05158: layers of 5x5, 3x3 and 3x3, 64 and 32 channels wide, with rectifiers in the place
of tanh, as its authors' later work has them. It gives a correction of the picture enlarged by bicubic interpolation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .plain import initialise


class ESPCN(nn.Module):
    """21 thousand parameters, and as many multiplications a pixel of the small luma. scale: how many times larger."""

    field = 4

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 64, 5, padding=2)
        self.second = nn.Conv2d(64, 32, 3, padding=1)
        self.sub_pixels = nn.Conv2d(32, scale**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(scale)
        initialise(self, self.sub_pixels)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 1, H, W), small luma. Returns (B, 1, H * scale, W * scale)."""
        inner = torch.relu_(self.second(torch.relu_(self.first(x))))
        result: Tensor = self.shuffle(self.sub_pixels(inner))
        return result
