"""SRCNN: the first network that enlarged pictures better than examples of patches had.

Dong, Loy, He and Tang, "Image super-resolution using deep convolutional networks", TPAMI 2016, arXiv:1501.00092: the
9-5-5 network, 64 and 32 channels wide. Here it gives a correction of the enlarged picture, not the picture itself.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .plain import initialise


class SRCNN(nn.Module):
    """57 thousand parameters, and as many multiplications a pixel of the enlarged luma."""

    field = 8

    def __init__(self) -> None:
        super().__init__()
        self.extract = nn.Conv2d(1, 64, 9, padding=4)
        self.map = nn.Conv2d(64, 32, 5, padding=2)
        self.reconstruct = nn.Conv2d(32, 1, 5, padding=2)
        initialise(self, self.reconstruct)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 1, H, W), luma enlarged already. Returns as much."""
        result: Tensor = self.reconstruct(torch.relu_(self.map(torch.relu_(self.extract(x)))))
        return result
