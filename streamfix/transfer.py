"""Pictures to a device and back: as codes, a quarter of what float32 takes, each way in one copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from .frame import Planes
from .yuv420 import packed


def uploaded(planes: Planes, device: torch.device | str) -> Tensor:
    """4:2:0 planes as the layout `yuv420`, (6, h, w) float32 in [0, 1], on the device: what `yuv420.packed` makes.

    To a GPU they go from page-locked memory, without waiting for it.
    """
    if torch.device(device).type == "cpu":
        return torch.from_numpy(packed(planes))  # OpenCV is quicker
    return unpacked_there(planes, device)


def unpacked_there(planes: Planes, device: torch.device | str) -> Tensor:
    """The way that `uploaded` takes to a GPU, for any device."""
    y, u, v = planes.data
    h, w = u.shape
    wide = y.dtype.itemsize > 1
    codes = torch.empty(6 * h * w, dtype=torch.int16 if wide else torch.uint8, pin_memory=_locks(device))
    values = codes.numpy().view(np.uint16 if wide else np.uint8)
    luma = values[: 4 * h * w].reshape(2 * h, 2 * w)
    luma[: y.shape[0], : y.shape[1]] = y
    luma[y.shape[0] :] = luma[y.shape[0] - 1]  # odd sizes repeat the last row and column
    luma[:, y.shape[1] :] = luma[:, y.shape[1] - 1 : y.shape[1]]
    values[4 * h * w :].reshape(2, h, w)[:] = u, v
    there = codes.to(device, non_blocking=True)
    if wide:
        there = there.to(torch.int32).bitwise_and_(0xFFFF)
    there = there.to(torch.float32) * (1 / planes.format.max_code)
    split = F.pixel_unshuffle(there[: 4 * h * w].view(1, 2 * h, 2 * w), 2)
    return torch.cat((split, there[4 * h * w :].view(2, h, w)))


def downloaded(codes: Tensor) -> NDArray[Any]:
    """A tensor's values in an array; from a GPU into page-locked memory."""
    if codes.device.type == "cpu":
        return codes.contiguous().numpy()
    here = torch.empty(codes.shape, dtype=codes.dtype, pin_memory=_locks(codes.device))
    return here.copy_(codes).numpy()


def _locks(device: torch.device | str) -> bool:
    return torch.device(device).type == "cuda"
