"""Where filters and networks run: `cpu` or `cuda`. The only room that may know of CUDA streams."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ..errors import DeviceError, UsageError

if TYPE_CHECKING:
    import torch

_NAME = re.compile(r"(cpu|cuda)(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Device:
    """One of this machine's. type: cpu or cuda. index: which GPU, None for the usual one."""

    type: str
    index: int | None = None

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def for_torch(self) -> torch.device:
        """PyTorch's name for it."""
        import torch

        return torch.device(str(self))


class Movable(Protocol):
    """A filter, as far as this module is concerned."""

    arrays: Literal["torch", "numpy"]

    def to(self, device: Any) -> None: ...


def move(filter: Movable, device: Device) -> None:
    """Move a filter to the device. For one that computes in NumPy torch is not loaded: it gets the `Device`."""
    filter.to(device.for_torch() if filter.arrays == "torch" else device)


def arrays_on(device: torch.device | Device) -> Literal["torch", "numpy"]:
    """What a filter with both an implementation in NumPy and one on tensors computes with there: NumPy on a CPU.

    With STREAMFIX_FRONT=torch in the environment it is tensors on a CPU too, several times slower: as on a GPU, for
    tests and comparisons.
    """
    asked = os.environ.get("STREAMFIX_FRONT", "auto")
    if asked not in ("auto", "torch"):
        raise UsageError(f"STREAMFIX_FRONT={asked} in the environment: it is torch, or auto, which is as without it")
    return "torch" if asked == "torch" or device.type != "cpu" else "numpy"


def choose(name: str = "auto") -> Device:
    """The device of that name: "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:N".

    torch is loaded only where there may be a GPU. Raises UsageError for a name that is none, DeviceError for one that
    is not there.
    """
    if name == "auto":
        return Device("cuda" if _gpus() else "cpu")
    found = _NAME.fullmatch(name)
    if found is None:
        raise UsageError(f"no device {name!r}; there are auto, cpu, cuda and cuda:N")
    device = Device(found[1], None if found[2] is None or found[1] == "cpu" else int(found[2]))
    if device.type == "cuda" and (device.index or 0) >= _gpus():
        raise DeviceError(f"device {name}: PyTorch sees {_gpus()} CUDA GPUs here; use cpu or auto")
    return device


def _gpus() -> int:
    """How many GPUs PyTorch can use."""
    if not _may_have_gpus():
        return 0
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


@cache
def _may_have_gpus() -> bool:
    """False only if PyTorch will certainly find none, which is seen without loading it: that takes seconds."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return not _is_for_nvidia()
    return True


def _is_for_nvidia() -> bool:
    """True if the installed PyTorch knows no GPUs but NVIDIA's; False if it is AMD's, or cannot be told."""
    spec = find_spec("torch")
    version = Path(spec.origin).with_name("version.py") if spec is not None and spec.origin else None
    if version is None or not version.is_file():
        return False
    text = version.read_text(encoding="utf-8", errors="replace")
    return re.search(r"^hip\b[^=]*= *None", text, re.MULTILINE) is not None
