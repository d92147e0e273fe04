"""A convolutional autoencoder with skips from each of its scales down to the same scale up.

After Mao, Shen and Yang, "Image restoration using very deep convolutional encoder-decoder networks with symmetric skip
connections" (RED-Net), NIPS 2016, arXiv:1603.09056, whose layers stay at full size; here the encoder halves its picture
twice, which is a tenth of the work.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .plain import initialise

_WIDTHS = (32, 64, 96)


class Autoencoder(nn.Module):
    """0.45 million parameters, 61 thousand multiplications a pixel of luma; height and width are multiples of 4."""

    multiple = 4
    field = 28

    def __init__(self) -> None:
        super().__init__()
        full, half, quarter = _WIDTHS
        self.head = nn.Conv2d(1, full, 3, padding=1)
        self.encode_full = nn.Conv2d(full, full, 3, padding=1)
        self.to_half = nn.Conv2d(full, half, 3, stride=2, padding=1)
        self.encode_half = nn.Conv2d(half, half, 3, padding=1)
        self.to_quarter = nn.Conv2d(half, quarter, 3, stride=2, padding=1)
        self.middle = nn.ModuleList(nn.Conv2d(quarter, quarter, 3, padding=1) for _ in range(3))
        self.from_quarter = nn.ConvTranspose2d(quarter, half, 2, stride=2)
        self.decode_half = nn.Conv2d(half, half, 3, padding=1)
        self.from_half = nn.ConvTranspose2d(half, full, 2, stride=2)
        self.decode_full = nn.Conv2d(full, full, 3, padding=1)
        self.tail = nn.Conv2d(full, 1, 3, padding=1)
        initialise(self, self.tail)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 1, H, W). Returns as much."""
        full = torch.relu(self.encode_full(torch.relu(self.head(x))))
        half = torch.relu(self.encode_half(torch.relu(self.to_half(full))))
        code = torch.relu(self.to_quarter(half))
        for layer in self.middle:
            code = torch.relu(layer(code))
        half = torch.relu(self.decode_half(torch.relu(self.from_quarter(code) + half)))
        full = torch.relu(self.decode_full(torch.relu(self.from_half(half) + full)))
        result: Tensor = self.tail(full)
        return result
