"""Pictures as PyTorch tensors, see `handling`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from fractions import Fraction
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .. import layout as layouts
from ..frame import Frame, Layout
from .base import Filter


class Tensors:
    """device: where the filter takes them."""

    noun = "torch tensor"

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)

    def in_layout(self, frame: Frame, layout: Layout) -> Frame:
        return layouts.in_layout(frame, layout, self._device)

    def window(self, frames: Sequence[Frame], layout: Layout) -> Tensor:
        tensors = [layouts.to_layout(frame, layout, self._device) for frame in frames]
        return (tensors[0][None] if len(tensors) == 1 else torch.stack(tensors))[None]

    def padded(self, x: Tensor, multiple: int) -> Tensor:
        return pad_to_multiple(x, multiple)

    def calling(self) -> AbstractContextManager[Any]:
        return torch.inference_mode()

    def is_floating(self, result: Any) -> bool | None:
        return result.dtype.is_floating_point if isinstance(result, Tensor) else None

    def is_finite(self, pictures: Tensor) -> bool:
        # One reduction tells: a sum with one of them is one of them. Half precision could overflow by itself.
        total = pictures.sum(dtype=torch.float32)
        return bool(torch.isfinite(total)) or bool(torch.isfinite(pictures).all())

    def frame(self, frame: Frame, picture: Tensor, layout: Layout, scale: int | Fraction) -> Frame:
        return layouts.from_tensor(frame, picture, layout, scale)

    def is_memory_error(self, error: Exception) -> bool:
        return isinstance(error, torch.OutOfMemoryError)


def called(filter: Filter[Any], x: Tensor, states: Sequence[Any]) -> Tensor:
    """A filter's result for a tensor, whichever arrays it computes with."""
    if filter.arrays == "torch":
        result: Tensor = filter(x, states)
        return result
    return torch.from_numpy(np.asarray(filter(x.numpy(), states)))


def in_two_parts(filter: Filter[Any], x: Tensor, states: Sequence[Any]) -> Callable[[], Tensor]:
    """Like `called`, by `Filter.begin`."""
    if filter.arrays == "torch":
        return filter.begin(x, states)
    rest = filter.begin(x.numpy(), states)
    return lambda: torch.from_numpy(np.asarray(rest()))


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column of x (B, T, C, H, W) until height and width are multiples."""
    bottom, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    if not (bottom or right):
        return x
    padded = F.pad(x.flatten(0, 1), (0, right, 0, bottom), mode="replicate")
    return padded.reshape(*x.shape[:2], *padded.shape[1:])


def enlarged(frame: Frame, given: Frame, scale: int | Fraction) -> Frame:
    """`frame` with the picture of `given` at `scale` times its size, by bicubic interpolation."""
    from ..frame import scaled

    luma = layouts.to_layout(given, "luma")
    size = scaled(given.height, scale), scaled(given.width, scale)
    larger = F.interpolate(luma[None], size=size, mode="bicubic", align_corners=False)[0]
    return layouts.from_tensor(frame, larger.clamp_(0, 1), "luma", scale)
