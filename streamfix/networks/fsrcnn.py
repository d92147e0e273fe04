"""FSRCNN: SRCNN made fast by working at the small size, in few channels, and enlarging last.

Dong, Loy and Tang, "Accelerating the super-resolution convolutional neural network", ECCV 2016, arXiv:1608.00367:
FSRCNN(56, 12, 4). Its 9x9 deconvolution is computed as the convolution 5x5 to one channel for each sub-pixel that it is
the same as (Shi et al., arXiv:1609.07009), which is faster on a CPU. It gives a correction of the picture enlarged by
bicubic interpolation.
"""

from __future__ import annotations

from torch import Tensor, nn

from .plain import initialise

_WIDE, _NARROW, _MAPS = 56, 12, 4


class FSRCNN(nn.Module):
    """14 thousand parameters, and as many multiplications a pixel of the small luma. scale: how many times larger."""

    field = 8

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, _WIDE, 5, padding=2), nn.PReLU(_WIDE)]
        layers += [nn.Conv2d(_WIDE, _NARROW, 1), nn.PReLU(_NARROW)]
        for _ in range(_MAPS):
            layers += [nn.Conv2d(_NARROW, _NARROW, 3, padding=1), nn.PReLU(_NARROW)]
        layers += [nn.Conv2d(_NARROW, _WIDE, 1), nn.PReLU(_WIDE)]
        self.body = nn.Sequential(*layers)
        self.enlarge = nn.Conv2d(_WIDE, scale**2, 5, padding=2)
        self.shuffle = nn.PixelShuffle(scale)
        initialise(self, self.enlarge)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 1, H, W), small luma. Returns (B, 1, H * scale, W * scale)."""
        result: Tensor = self.shuffle(self.enlarge(self.body(x)))
        return result
