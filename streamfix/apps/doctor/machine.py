"""The machine: processor, cores, GPUs, cameras, folders."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from .finding import Finding

_GPUS = Path("/proc/driver/nvidia/gpus")


def all_of_it() -> list[Finding]:
    """What there is to compute on and to read from."""
    return [*_processor(), *_gpu(), *_cameras(), *_cache()]


def _processor() -> Iterator[Finding]:
    from ... import cores

    yield Finding("ok", f"{platform.system()} {platform.release()} {platform.machine()}")
    said = f"{cores.count()} of {os.cpu_count()} cores may be used"
    if cores.threads() != cores.count():
        said += f", by a network {cores.threads()} (OMP_NUM_THREADS)"
    yield Finding("ok", said)


def _gpu() -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding(
            "wrong",
            f"PyTorch cannot be imported: {str(error).splitlines()[0]}",
            f"{sys.executable} -m pip install --force-reinstall torch torchvision",
        )
        return
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            yield Finding("ok", f"cuda:{number} is {torch.cuda.get_device_name(number)}, by CUDA {torch.version.cuda}")
    elif _GPUS.is_dir() and any(_GPUS.iterdir()):
        built = torch.version.cuda
        yield Finding(
            "wrong",
            "there is an NVIDIA GPU, and PyTorch "
            + (f"sees none: its CUDA {built} and the driver do not go together" if built else "is built without CUDA"),
            f"{sys.executable} -m pip install --force-reinstall torch torchvision; see https://pytorch.org/get-started",
        )
    else:
        yield Finding("note", "no CUDA GPU; everything is computed on the CPU")


def _cameras() -> Iterator[Finding]:
    for device in sorted(Path("/dev").glob("video*")):
        if os.access(device, os.R_OK | os.W_OK):
            yield Finding("ok", f"{device} can be opened")
        else:
            yield Finding("missing", f"{device} may not be opened by this user", "sudo usermod -aG video $USER")


def _cache() -> Iterator[Finding]:
    from ...folders import user_cache_folder

    folder = user_cache_folder()
    if folder is None:
        yield Finding("note", "no home: compiled networks are not kept", "export XDG_CACHE_HOME=/var/cache/streamfix")
        return
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if os.access(nearest, os.W_OK):
        yield Finding("ok", f"compiled networks are kept in {folder}")
    else:
        yield Finding(
            "missing", f"{nearest} is not writable, so compiled networks are not kept", f"chmod u+w {nearest}"
        )
