"""Arithmetic in units of noise: what a network sees of a fused frame, and how its output corrects that frame.

Everything is measured in units of the remaining noise, so noise of any strength looks the same to the network. What it
removes is then a fixed fraction of what it sees. Measured in codes, that fraction would have to depend on another
input; a network whose finest scale is linear then removed the same fraction of any noise.
"""

from __future__ import annotations

import threading
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ..networks import UNet
from ..threads import alone
from .tiers import SIZES, Tier

INPUTS, OUTPUTS = 19, 6
_SIGMA_SCALE = 8.0  # scales noise levels to the magnitude of pictures
_LEAST = 0.01  # 2.5 codes: the unit where there is no noise
_LUMA, _CHROMA = slice(0, 4), slice(4, 6)  # channels of packed planes
_buffers = threading.local()  # each thread's input of a network, see `seen`
_WINDOW = 8  # side of the local mean's window, in pixels of the packed planes


def correction_network(tier: Tier) -> UNet:
    """A new, untrained network of this tier. It takes the output of `seen` and makes the correction for `corrected`."""
    return SIZES[tier].unet(INPUTS, OUTPUTS)


@alone
def sigma_left(variance: Tensor, sigma: Tensor) -> Tensor:
    """Standard deviation of the noise left in the fused frame, in [0, 1] units.

    variance: (B, 1, H, W), relative to one frame's. sigma: of one frame, luma and chroma: (B, 2), or (B, 2, H, W)
    where it differs from pixel to pixel.
    Returns (B, 2, H, W), luma and chroma.
    """
    return _per_pixel(sigma) * variance.sqrt()


@alone
def seen(fused: Tensor, frame: Tensor, left: Tensor, sigma: Tensor, *, reuse: bool = False) -> Tensor:
    """The network's input, (B, 19, H, W), H and W multiples of 4.

    In units of the remaining noise: the fused frame minus its local means, and the recorded frame minus the fused one.
    Then the local means, the remaining noise, and one frame's noise.
    fused, frame: (B, 6, H, W), packed 4:2:0 in [0, 1]; left: from `sigma_left`; sigma: as for it.
    reuse: the result is overwritten by the next such call of this thread. Without gradients only. At 1920x1080 the
    system would otherwise hand over its 39 MB page by page, each time anew, which takes as long as filling them.
    """
    batch, _, height, width = fused.shape
    shape = (batch, INPUTS, height, width)
    x = _kept(fused, shape) if reuse else fused.new_empty(shape)
    # filled in place: concatenating costs as much as computing
    luma, chroma, means = x[:, _LUMA], x[:, _CHROMA], x[:, 12:15]
    means.copy_(_local_means(fused))
    torch.sub(fused[:, _LUMA], means[:, :1], out=luma)
    torch.sub(fused[:, _CHROMA], means[:, 1:], out=chroma)
    torch.sub(frame, fused, out=x[:, 6:12])
    per_unit = (left + _LEAST).reciprocal_()
    for part, unit in ((luma, 0), (chroma, 1), (x[:, 6:10], 0), (x[:, 10:12], 1)):
        part *= per_unit[:, unit : unit + 1]
    torch.mul(left, _SIGMA_SCALE, out=x[:, 15:17])
    x[:, 17:] = _per_pixel(sigma * _SIGMA_SCALE)
    return x


def _kept(like: Tensor, shape: tuple[int, ...]) -> Tensor:
    """This thread's tensor of that shape, of the kind that `like` is."""
    kind = (shape, like.dtype, like.device, torch.is_inference_mode_enabled())
    if getattr(_buffers, "kind", None) != kind:
        _buffers.kind, _buffers.tensor = kind, like.new_empty(shape)
    tensor: Tensor = _buffers.tensor
    return tensor


@alone
def corrected(fused: Tensor, left: Tensor, correction: Tensor) -> Tensor:
    """The restored frame: the fused one minus the network's estimate of its error, which is in units of its noise.

    All are (B, 6, H, W), except left: (B, 2, H, W).
    """
    return fused - _unit(left) * correction


def wanted(fused: Tensor, left: Tensor, restored: Tensor) -> Tensor:
    """The correction from which `corrected` makes `restored`: the network's training target."""
    return (fused - restored) / _unit(left)


@cache
def example() -> Tensor:
    """The output of `seen` for a picture with detail and noise, (1, 19, 180, 320), for timing a network."""
    seeded = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 6, 23, 40, generator=seeded)
    clean = F.interpolate(coarse, (180, 320), mode="bilinear") * 0.6 + 0.2
    variance = torch.rand(1, 1, 180, 320, generator=seeded) * 0.5 + 0.05
    sigma = torch.tensor([[20 / 255, 15 / 255]])
    noise = torch.randn(1, 6, 180, 320, generator=seeded) * 20 / 255
    left = sigma_left(variance, sigma)
    return seen(clean + noise * variance.sqrt(), clean + noise, left, sigma)


def per_plane(of: Tensor) -> Tensor:
    """Values of luma and chroma, (B, 2, ...), for the six packed planes: (B, 6, ...)."""
    return of.repeat_interleave(torch.tensor([4, 2], device=of.device), 1)


def _per_pixel(sigma: Tensor) -> Tensor:
    return sigma[:, :, None, None] if sigma.dim() == 2 else sigma


def _unit(left: Tensor) -> Tensor:
    unit = left + _LEAST
    return torch.cat((unit[:, :1].expand(-1, 4, -1, -1), unit[:, 1:].expand(-1, 2, -1, -1)), 1)


def _local_means(packed: Tensor) -> Tensor:
    """Smooth local means of luma and of each chroma plane, (B, 3, H, W)."""
    planes = torch.cat((packed[:, :4].mean(1, keepdim=True), packed[:, 4:]), 1)
    pad = (_WINDOW - 4) // 2
    means = F.avg_pool2d(planes, _WINDOW, 4, pad, count_include_pad=False)
    return F.interpolate(means, size=packed.shape[-2:], mode="bilinear")
