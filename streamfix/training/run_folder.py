"""What a training run leaves on disk: its checkpoint, its weights and its figures."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError, UsageError

CHECKPOINT, WEIGHTS = "checkpoint.pt", "weights.safetensors"  # names in the run's folder


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint at `path` by `state`, tensors and plain values only; a crash leaves the one before."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state that `save_checkpoint` wrote, on the CPU. Raises ModelError if there is none, or it is damaged."""
    if not path.exists():
        raise ModelError(f"{path}: there is no checkpoint to resume from; leave --resume out")
    if not zipfile.is_zipfile(path):  # torch would take it for a pickle of its old format, whose errors are of any type
        raise ModelError(f"{path}: damaged (no zip archive); start again without --resume")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, OSError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"{path}: damaged ({str(error).partition(chr(10))[0]}); start again without --resume"
        ) from error
    return dict(state)


def load_weights(path: Path) -> dict[str, Tensor]:
    """The tensors that `export_weights` wrote, by name. Raises ModelError if the file is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: {error}; give weights.safetensors of an earlier run") from error


def export_weights(module: nn.Module, path: Path, metadata: dict[str, str]) -> None:
    """Write the weights as safetensors, fp32, in the order of the module, with the metadata given."""
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {n: t.detach().cpu().float().contiguous() for n, t in module.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata)


class FigureLog:
    """Writes a run's figures for TensorBoard into `folder`.

    The folder is made with the first figures, so that a start that fails leaves none behind. Raises UsageError at
    once where TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UsageError('training writes TensorBoard logs: pip install "streamfix[train]"') from error
        self._open, self._folder = SummaryWriter, folder
        self._writer: Any = None

    def add(self, figures: Mapping[str, float], step: int) -> None:
        """Log the figures of this step; they are on disk on return."""
        if self._writer is None:
            self._writer = self._open(str(self._folder))
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
