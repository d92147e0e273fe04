"""The arithmetic around the network: what it sees, and how its result corrects the fused frame."""

from __future__ import annotations

import torch
from torch import Tensor

INPUTS, OUTPUTS = 16, 6
_SIGMA_SCALE = 8.0  # brings noise levels to the size of pictures
_LEAST = 0.02  # the network's reach where there is no noise: 5 codes


def sigma_left(variance: Tensor, sigma: Tensor) -> Tensor:
    """Standard deviation of the noise that is left in the fused frame, in [0, 1] units.

    variance: (B, 1, H, W), relative to one frame's. sigma: (B, 2), one frame's in luma and chroma.
    Returns (B, 2, H, W), luma and chroma.
    """
    return sigma[:, :, None, None] * variance.sqrt()


def seen(fused: Tensor, frame: Tensor, left: Tensor, sigma: Tensor) -> Tensor:
    """What the network is given, (B, 16, H, W).

    fused, frame: (B, 6, H, W), packed 4:2:0 in [0, 1]; left: as from `sigma_left`; sigma: (B, 2).
    """
    whole = sigma[:, :, None, None].expand(-1, -1, *fused.shape[-2:])
    return torch.cat((fused, frame, left * _SIGMA_SCALE, whole * _SIGMA_SCALE), 1)


def corrected(fused: Tensor, left: Tensor, correction: Tensor) -> Tensor:
    """The restored frame: the fused one less the network's estimate of its error, measured in units of its noise.

    All (B, 6, H, W) but left, (B, 2, H, W).
    """
    reach = torch.cat((left[:, :1].expand(-1, 4, -1, -1), left[:, 1:].expand(-1, 2, -1, -1)), 1)
    return fused - (2 * reach + _LEAST) * correction
