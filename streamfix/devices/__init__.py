"""Where filters and networks run: `cpu` or `cuda`. The only room that may know of CUDA streams."""

from __future__ import annotations

import torch

from ..errors import DeviceError, UsageError


def choose(name: str = "auto") -> torch.device:
    """The torch device of that name: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N".

    Raises UsageError for a name that is none, DeviceError for one that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"no device {name!r}; there are auto, cpu, cuda and cuda:N") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(f"device {name}: PyTorch sees {torch.cuda.device_count()} CUDA GPUs here; use cpu or auto")
    return device
