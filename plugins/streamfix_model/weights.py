"""Reads tensors from a weights file, and nothing else."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from streamfix import ModelError


def read(path: Path) -> dict[str, Any]:
    """Read the file's top-level dictionary, all tensors on the CPU.

    A pickle can name any function and have it called. PyTorch's restricted
    unpickler (weights_only) builds only tensors and plain containers and refuses
    everything else. Raises ModelError if the file asks for more, or cannot be read.
    """
    if path.suffix.lower() == ".safetensors":
        try:
            return dict(load_file(path))
        except SafetensorError as error:
            raise ModelError(f"{path}: no safetensors file, or a damaged one ({error}); download it again") from error
    if _is_torchscript(path):
        raise ModelError(
            f"{path}: refused: it is a TorchScript archive, a program; "
            "save its state_dict() as .safetensors or export it to .onnx"
        )
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)  # such files are refused below
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        with path.open("rb") as file:
            is_pickle = file.read(1) == pickle.PROTO
        if asked is None and not is_pickle:
            raise _unreadable(path) from error
        raise ModelError(
            f"{path}: refused: this pickle asks for {asked[1] if asked else 'more than tensors'}, which may run any "
            "program; if you trust the file, convert it to .safetensors"
        ) from error
    except (EOFError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError) as error:
        # How the unpickler fails on bytes that are not a pickle.
        raise _unreadable(path) from error
    if not isinstance(found, dict):
        raise ModelError(f"{path}: holds a {type(found).__name__}; a dictionary of weights (a state_dict) is needed")
    return found


def _is_torchscript(path: Path) -> bool:
    """True for an archive that contains code besides its tensors."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _unreadable(path: Path) -> ModelError:
    return ModelError(f"{path}: no PyTorch checkpoint, or a damaged one; download it again")
