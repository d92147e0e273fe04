"""A training run's state on disk, written so that a crash leaves the one before."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError

NAME = "checkpoint.pt"


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state`, tensors and plain values only, in place of what was there."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def load(path: Path) -> dict[str, Any]:
    """Raises ModelError if there is none, or it is damaged."""
    if not path.exists():
        raise ModelError(f"{path}: there is no checkpoint to resume from; leave --resume out")
    if not zipfile.is_zipfile(path):  # torch takes it for a pickle of old, which fails in any way at all
        raise ModelError(f"{path}: damaged (no zip archive); start again without --resume")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, OSError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"{path}: damaged ({str(error).partition(chr(10))[0]}); start again without --resume"
        ) from error
    return dict(state)


def weights(path: Path) -> dict[str, Tensor]:
    """What `export` has written. Raises ModelError if it is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: {error}; give weights.safetensors of an earlier run") from error


def export(module: nn.Module, path: Path, metadata: dict[str, str]) -> None:
    """Write the weights as safetensors, fp32, in the order of the module, with the metadata given."""
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {n: t.detach().cpu().float().contiguous() for n, t in module.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata)
