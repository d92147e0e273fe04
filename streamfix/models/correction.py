"""Arithmetic in units of noise: what a network sees of a fused frame, and how its output corrects that frame.

Everything is measured in units of the remaining noise, so noise of any strength looks the same to the network. What it
removes is then a fixed fraction of what it sees. Measured in codes, that fraction would have to depend on another
input; a network whose finest scale is linear then removed the same fraction of any noise.

The functions take tensors, on any device and with gradients, or NumPy arrays, for which PyTorch is not loaded; both get
the same formulas.
"""

from __future__ import annotations

import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..threads import alone
from .tiers import SIZES, Tier

if TYPE_CHECKING:
    from torch import Tensor

    from ..networks import UNet

    Array = TypeVar("Array", Tensor, NDArray[np.float32])
else:
    Array = TypeVar("Array")

INPUTS, OUTPUTS = 19, 6
_SIGMA_SCALE = 8.0  # scales noise levels to the magnitude of pictures
_LEAST = 0.01  # 2.5 codes: the unit where there is no noise
_LUMA, _CHROMA = slice(0, 4), slice(4, 6)  # channels of packed planes
_PARTS = ((_LUMA, slice(0, 1)), (_CHROMA, slice(1, 2)))  # of a picture, and of what is given for luma and chroma
_buffers = threading.local()  # each thread's input of a network, see `seen`
_WINDOW = 8  # side of the local mean's window, in pixels of the packed planes


def correction_network(tier: Tier) -> UNet:
    """A new, untrained network of this tier. It takes the output of `seen` and makes the correction for `corrected`."""
    return SIZES[tier].unet(INPUTS, OUTPUTS)


@alone
def sigma_left(variance: Array, sigma: Array) -> Array:
    """Standard deviation of the noise left in the fused frame, in [0, 1] units.

    variance: (B, 1, H, W), relative to one frame's. sigma: of one frame, luma and chroma: (B, 2), or (B, 2, H, W)
    where it differs from pixel to pixel.
    Returns (B, 2, H, W), luma and chroma.
    """
    left: Array = _per_pixel(sigma) * array_library(variance).sqrt(variance)
    return left


@alone
def seen(fused: Array, frame: Array, left: Array, sigma: Array, *, reuse: bool = False) -> Array:
    """The network's input, (B, 19, H, W), H and W multiples of 4.

    In units of the remaining noise: the fused frame minus its local means, and the recorded frame minus the fused one.
    Then the local means, the remaining noise, and one frame's noise.
    fused, frame: (B, 6, H, W), packed 4:2:0 in [0, 1]; left: from `sigma_left`; sigma: as for it.
    reuse: the result is overwritten by the next such call of this thread. Without gradients only. At 1920x1080 the
    system would otherwise hand over its 39 MB page by page, each time anew, which takes as long as filling them.
    """
    batch, _, height, width = fused.shape
    shape = (batch, INPUTS, height, width)
    x: Array = _kept(fused, shape) if reuse else _empty(fused, shape)
    lib: Any = array_library(fused)
    # filled in place: concatenating costs as much as computing
    means = x[:, 12:15]
    means[...] = _local_means(fused)
    lib.subtract(fused[:, _LUMA], means[:, :1], out=x[:, _LUMA])
    lib.subtract(fused[:, _CHROMA], means[:, 1:], out=x[:, _CHROMA])
    lib.subtract(frame, fused, out=x[:, 6:12])
    per_unit = 1 / (left + _LEAST)
    for first in (0, 6):
        for part, unit in _PARTS:
            scaled = x[:, first + part.start : first + part.stop]
            scaled *= per_unit[:, unit]
    lib.multiply(left, _SIGMA_SCALE, out=x[:, 15:17])
    x[:, 17:] = _per_pixel(sigma * _SIGMA_SCALE)
    return x


@alone
def corrected(fused: Array, left: Array, correction: Array, *, reuse: bool = False) -> Array:
    """The restored frame: the fused one minus the network's estimate of its error, which is in units of its noise.

    All are (B, 6, H, W), except left: (B, 2, H, W). reuse: of arrays, the result is in the correction's place.
    """
    if isinstance(fused, np.ndarray):  # without pictures in between, which at 1920x1080 are 12 MB each
        result = correction if reuse else np.empty_like(fused)
        for part, unit in _PARTS:
            np.multiply(correction[:, part], left[:, unit] + _LEAST, out=result[:, part])
        return np.subtract(fused, result, out=result)
    restored: Array = fused - _unit(left) * correction
    return restored


def wanted(fused: Array, left: Array, restored: Array) -> Array:
    """The correction from which `corrected` makes `restored`: the network's training target."""
    correction: Array = (fused - restored) / _unit(left)
    return correction


@cache
def example() -> Tensor:
    """The output of `seen` for a picture with detail and noise, (1, 19, 180, 320), for timing a network."""
    import torch
    import torch.nn.functional as F

    seeded = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 6, 23, 40, generator=seeded)
    clean = F.interpolate(coarse, (180, 320), mode="bilinear") * 0.6 + 0.2
    variance = torch.rand(1, 1, 180, 320, generator=seeded) * 0.5 + 0.05
    sigma = torch.tensor([[20 / 255, 15 / 255]])
    noise = torch.randn(1, 6, 180, 320, generator=seeded) * 20 / 255
    left = sigma_left(variance, sigma)
    return seen(clean + noise * variance.sqrt(), clean + noise, left, sigma)


def per_plane(of: Array) -> Array:
    """Values of luma and chroma, (B, 2, ...), for the six packed planes: (B, 6, ...)."""
    return of[:, [0, 0, 0, 0, 1, 1]]


def array_library(x: Any) -> Any:
    """The library that computes with x: NumPy or PyTorch. Both know many functions by one name."""
    return np if isinstance(x, np.ndarray) else sys.modules["torch"]


def _empty(like: Any, shape: tuple[int, ...]) -> Any:
    return np.empty(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_empty(shape)


def _kept(like: Any, shape: tuple[int, ...]) -> Any:
    """This thread's array of that shape, of the kind that `like` is."""
    kind: tuple[Any, ...] = (shape, like.dtype)
    if not isinstance(like, np.ndarray):
        kind = (*kind, like.device, array_library(like).is_inference_mode_enabled())
    if getattr(_buffers, "kind", None) != kind:
        _buffers.kind, _buffers.array = kind, _empty(like, shape)
    return _buffers.array


def _per_pixel(sigma: Any) -> Any:
    return sigma[:, :, None, None] if sigma.ndim == 2 else sigma


def _unit(left: Any) -> Any:
    return per_plane(left + _LEAST)


def _local_means(packed: Any) -> Any:
    """Smooth local means of luma and of each chroma plane, (B, 3, H, W)."""
    if isinstance(packed, np.ndarray):
        return _means_of_arrays(packed)
    torch = array_library(packed)
    planes = torch.cat((packed[:, :4].mean(1, keepdim=True), packed[:, 4:]), 1)
    pad = (_WINDOW - 4) // 2
    means = torch.nn.functional.avg_pool2d(planes, _WINDOW, 4, pad, count_include_pad=False)
    return torch.nn.functional.interpolate(means, size=packed.shape[-2:], mode="bilinear")


def _means_of_arrays(packed: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same in NumPy: means over windows of 8, four apart, as sums of two neighbouring halves of 4 on each side."""
    batch, _, height, width = packed.shape
    out = np.empty((batch, 3, height, width), np.float32)
    counts = _windows(height // 2)[:, None] * _windows(width // 2)[None]
    for picture, means in zip(packed, out, strict=True):
        luma = np.asarray(cv2.addWeighted(picture[0], 0.25, picture[1], 0.25, 0), np.float32)
        cv2.scaleAdd(picture[2], 0.25, luma, dst=luma)
        cv2.scaleAdd(picture[3], 0.25, luma, dst=luma)
        for plane, mean in zip((luma, picture[4], picture[5]), means, strict=True):
            # 2x2 pixels each, and of those 4x4 every other: beyond the picture there is nothing to count
            small = cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
            sums = cv2.boxFilter(small, -1, (4, 4), anchor=(1, 1), normalize=False, borderType=cv2.BORDER_CONSTANT)
            found = np.ascontiguousarray(sums[::2, ::2]) / counts
            cv2.resize(found, (width, height), dst=mean, interpolation=cv2.INTER_LINEAR)
    return out


@cache
def _windows(pairs: int) -> NDArray[np.float32]:
    """How many of so many neighbours in a row lie in each window of four, from one before every other one."""
    first = np.arange(0, pairs, 2) - 1
    return np.asarray(np.minimum(first + 4, pairs) - np.maximum(first, 0), np.float32)
