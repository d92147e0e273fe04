"""Where networks run: `cpu` or `cuda`. The only room that knows of CUDA streams."""

from __future__ import annotations

import torch

from ..errors import DeviceError


def choose(name: str = "auto") -> torch.device:
    """The torch device of that name: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:1".

    Raises DeviceError with what there is.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(f"device {name!r} is not known; there are: {', '.join(available())}") from error
    if device.type == "cpu":
        return device
    if device.type != "cuda" or not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"device {name!r} is not there; there are: {', '.join(available())}")
    return device


def available() -> list[str]:
    """Names of the devices of this machine."""
    return ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]


def network_dtype(device: torch.device) -> torch.dtype:
    """What networks compute in: half precision on a GPU, single on a CPU."""
    return torch.float16 if device.type == "cuda" else torch.float32
