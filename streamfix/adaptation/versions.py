"""Weights of one camera on disk: the newest under their name, those before beside them, and the way back."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from ..errors import ModelError, OutputError
from ..models import read_given
from ..training.run_folder import export_weights

PREVIOUS = "previous"


def keep(path: Path, network: nn.Module, facts: Mapping[str, str]) -> str:
    """Write new weights to `path`; what was there is kept beside it under its hash. Returns the new weights' sha256.

    A crash leaves either the old ones or the new ones under `path`, whole.
    """
    if not path.parent.is_dir():
        raise OutputError(f"{path.parent}: it is no folder; name another place with --out")
    before = {}
    if path.exists():
        before = {PREVIOUS: _aside(path).name}
    partial = path.with_name(f".{path.name}.partial")
    try:
        export_weights(network, partial, {**facts, **before})
        digest = hashlib.sha256(partial.read_bytes()).hexdigest()
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{path}: {error.strerror}; name another place with --out") from error
    return digest


def back(path: Path) -> str:
    """Put the weights before the present ones in their place. Returns their sha256. Raises ModelError if none are."""
    facts = read_given(path).facts
    name = facts.get(PREVIOUS)
    if name is None:
        raise ModelError(
            f"{path}: these are its first weights; the way back is `denoise` without `weights`, the base they began "
            f"with ({facts.get('base', 'unknown')})"
        )
    older = path.with_name(name)
    if not older.is_file():
        raise ModelError(f"{older}: the weights before {path} are gone; run `streamfix train adapt` again")
    read_given(older)  # whole, before anything is replaced
    _aside(path)
    digest = hashlib.sha256(older.read_bytes()).hexdigest()
    graph_of(path).unlink(missing_ok=True)  # it belongs to the others
    os.replace(older, path)
    return digest


def graph_of(path: Path) -> Path:
    """Where the int8 graph of weights lies, if there is one."""
    return path.with_suffix(".int8")


def _aside(path: Path) -> Path:
    """Copy the present weights beside themselves, under a name with their hash."""
    data = path.read_bytes()
    kept = path.with_name(f"{path.stem}.{hashlib.sha256(data).hexdigest()[:12]}{path.suffix}")
    partial = path.with_name(f".{kept.name}.partial")
    partial.write_bytes(data)
    os.replace(partial, kept)
    return kept
