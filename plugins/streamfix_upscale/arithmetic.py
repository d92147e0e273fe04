"""What the networks see of a frame, and how what they answer becomes the picture at the new size.

The functions take NumPy arrays, for which PyTorch is not loaded, or tensors, on any device and with gradients; both get
the same formulas.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from streamfix import NetworkInfo
from streamfix.fusion import Floats
from streamfix.models import array_library

from . import bicubic
from .bicubic import Array

if TYPE_CHECKING:
    from torch import Tensor

    from streamfix.networks import Dense, Flat

Tier = Literal["s", "q"]
Scale = Literal[2, 4]

GAIN = 16.0  # brings detail, which is what is left without local means, to the size that layers are initialised for
_STEP = 0.1  # of the correction that a network answers
_GREY = 0.5
_WINDOW = 8  # of local means, pixels; they are half a window apart
_CLASSIC = 4.0  # contrast of what the filter `classic` shows its networks
_DENSE = ("x4-q-clean",)
_DENSE_FIELD = 20  # of the residual dense network, `streamfix.networks.Dense.field`
_SIZES = MappingProxyType({"s": (16, 4), "q": (48, 4)})  # width and residual blocks
_kept = threading.local()  # each thread's input of a network, see `seen`


def network(name: str) -> Flat | Dense:
    """A new, untrained network of this name; `seen` makes its input, `picture` its result.

    name: scale and tier, such as "x2-s"; "x2-s-clean", the one for clean pictures. Some are residual dense networks: of
    as many parameters, they reach more at four times the size.
    """
    from streamfix.networks import Dense, Flat

    planes = int(name[1]) ** 2
    return Dense(3 + planes, planes) if name in _DENSE else Flat(3 + planes, planes, *_SIZES[name[3]])


def info(name: str) -> NetworkInfo:
    """What the network of this name takes and gives: planes of its own, not pictures."""
    planes, (_, blocks) = int(name[1]) ** 2, _SIZES[name[3]]
    field = _DENSE_FIELD if name in _DENSE else 2 + 2 * blocks
    return NetworkInfo(channels=3 + planes, results=planes, receptive_field=field)


def seen(luma: Array, remembered: Array | None, trust: Array | None, scale: int, *, reuse: bool = False) -> Array:
    """A network's input: the luma without its local means, the means, and what the history adds to bicubic.

    luma: (B, 1, H, W), multiples of 8. remembered: (B, 1, H * scale, W * scale), the history minus the bicubic
    enlargement. trust: (B, 1, H, W). Both are None without a history.
    reuse: the result is overwritten by the next such call of this thread; for NumPy arrays.
    Returns (B, 3 + scale * scale, H, W).
    """
    lib = array_library(luma)
    batch, _, height, width = luma.shape
    x = _input(luma, (batch, 3 + scale * scale, height, width), reuse)
    means = x[:, 1:2]
    means[...] = _local_means(luma)
    detail = lib.subtract(luma, means, out=x[:, :1])
    detail *= GAIN
    if remembered is None or trust is None:
        x[:, 2:] = 0
        return x
    x[:, 2:3] = trust
    weight = trust[:, 0] * GAIN
    for at in range(scale * scale):
        lib.multiply(remembered[:, 0, *bicubic.in_larger(at, scale)], weight, out=x[:, 3 + at])
    return x


def for_clean(x: Array) -> Array:
    """The input for the network that enlarges clean pictures, made of what `seen` gives, in place.

    Its means are about grey, so that what convolutions pad with, 0, is no black border, which darkens the pixels
    beside it by up to 2 codes. The other networks were trained with that.
    """
    x[:, 1:2] -= _GREY
    return x


def adapted_for_clean(weights: Mapping[str, Tensor], planes: int = 0) -> dict[str, Tensor]:
    """Weights of a network for any picture, so changed that they give the same of the input that `for_clean` makes.

    Also those of the filter `classic`'s RDN, which sees luma alone. planes: of the network's input.
    """
    found = dict(weights)
    if "first.weight" in found:
        luma = found["first.weight"] * _CLASSIC
        first = luma.new_zeros(luma.shape[0], planes, *luma.shape[2:])
        first[:, 0], first[:, 1] = luma[:, 0] / GAIN, luma[:, 0]
        return {**found, "first.weight": first}
    found["head.bias"] = found["head.bias"] + _GREY * found["head.weight"][:, 1].sum((1, 2))
    return found


def picture(enlarged: Array, answer: Array, scale: int, *, reuse: bool = False) -> Array:
    """The bicubic enlargement (B, 6, H * scale, W * scale), packed, its luma corrected by what the network answers.

    reuse: the enlargement itself is overwritten with it.
    """
    result = enlarged
    if not reuse:
        result = bicubic.empty(enlarged, tuple(enlarged.shape))
        result[...] = enlarged
    bicubic.add_luma(result[:, :4], answer, scale, _STEP)
    return result


def answer_for(enlarged: Tensor, target: Tensor, scale: int) -> Tensor:
    """What a network should answer so that `picture` gives the luma of `target`."""
    import torch.nn.functional as F

    answer: Tensor = F.pixel_unshuffle(bicubic.luma_of((target - enlarged) / _STEP), scale)
    return answer


def keep_means(result: Array, packed: Array, scale: int) -> None:
    """Make the mean over each pixel of the frame equal to that pixel, luma and chroma, in place.

    result: (B, 6, H * scale, W * scale); packed: (B, 6, H, W).
    """
    luma = bicubic.luma_of(packed) - _means_over(bicubic.luma_of(result), scale)
    chroma = packed[:, 4:] - _means_over(result[:, 4:], scale)
    bicubic.add_luma(result[:, :4], luma[:, [0] * scale**2], scale)
    for at in range(scale * scale):
        place = result[:, 4:, *bicubic.in_larger(at, scale)]
        place += chroma


@cache
def example(name: str, size: tuple[int, int] = (180, 320)) -> Tensor:
    """An input of the network for a frame with detail and blocks, to time it on. size: packed."""
    import torch
    import torch.nn.functional as F

    seeded = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 6, 23, 40, generator=seeded)
    grow = partial(F.interpolate, size=size)
    packed = 0.5 * grow(coarse, mode="bilinear") + 0.3 * grow(coarse)
    x: Tensor = seen(bicubic.luma_of(packed), None, None, int(name[1]))
    return x


def _input(like: Any, shape: tuple[int, ...], reuse: bool) -> Any:
    """An array of that shape and of the kind that `like` is, to be filled; reuse: this thread's own, in NumPy."""
    if not (reuse and isinstance(like, np.ndarray)):
        return bicubic.empty(like, shape)
    if getattr(_kept, "shape", None) != shape:
        _kept.shape, _kept.array = shape, np.empty(shape, np.float32)
    return _kept.array


def _local_means(planes: Any) -> Any:
    """Smooth local means of planes (B, 1, H, W), of windows that end with the picture."""
    if isinstance(planes, np.ndarray):
        return np.stack([_means_of(plane[0]) for plane in planes])[:, None]
    F = array_library(planes).nn.functional
    pad = (_WINDOW - _WINDOW // 2) // 2
    means = F.avg_pool2d(planes, _WINDOW, _WINDOW // 2, pad, count_include_pad=False)
    return F.interpolate(means, size=planes.shape[-2:], mode="bilinear")


def _means_of(plane: Floats) -> Floats:
    """The same by OpenCV, of one plane (H, W): sums of four by four means of two by two, every other of them."""
    height, width = plane.shape
    sums = _sums(cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    means = sums / _counts(height // 2, width // 2)
    return np.asarray(cv2.resize(means, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _sums(small: cv2.typing.MatLike) -> Floats:
    side, edge = (_WINDOW // 2, _WINDOW // 2), (_WINDOW // 8, _WINDOW // 8)
    sums = cv2.boxFilter(small, -1, side, anchor=edge, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(sums[::2, ::2], np.float32)


@cache
def _counts(height: int, width: int) -> Floats:
    """How many pixels each window has that `_sums` adds up."""
    return _sums(np.ones((height, width), np.float32))


def _means_over(planes: Any, by: int) -> Any:
    """Means over by * by pixels each of planes (B, C, H * by, W * by)."""
    if not isinstance(planes, np.ndarray):
        return array_library(planes).nn.functional.avg_pool2d(planes, by)
    batch, count, height, width = planes.shape
    size = width // by, height // by
    flat = planes.reshape(-1, height, width)
    means = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in flat]
    return np.stack(means).reshape(batch, count, height // by, width // by)
