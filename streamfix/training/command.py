"""`streamfix train TASK`: the command."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from .. import devices
from ..errors import OutputError, UsageError
from . import config as configuration
from .dataset.dataset import Dataset, Material
from .loop import Trainer
from .recipe import RECIPES
from .run_folder import CHECKPOINT

_log = logging.getLogger(__name__)
_HELD_OUT = 16  # one photograph in so many is kept for validation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", choices=list(RECIPES), help="what to train")
    parser.add_argument("--config", type=Path, required=True, help="training configuration, a TOML file")
    parser.add_argument("--data", type=Path, required=True, help="dataset, as `streamfix train data` writes it")
    parser.add_argument("--out", type=Path, required=True, help="folder for the run's files")
    parser.add_argument("--resume", action="store_true", help="continue from the run's checkpoint")
    parser.add_argument("--weights", type=Path, help="start from the weights.safetensors of an earlier run")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--threads", type=int, help="threads that PyTorch uses (default: one per core)")
    parser.add_argument("--steps", type=int, help="stop at this step; the schedule keeps its length")


def run(arguments: argparse.Namespace) -> int:
    """Train. Raises a StreamfixError."""
    for name in ("threads", "steps"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value}: it takes 1 or more")
    if arguments.resume and arguments.weights is not None:
        raise UsageError("--weights and --resume: the checkpoint has its own weights; give one of them")
    if arguments.data.is_dir():
        raise UsageError(f"--data {arguments.data} is a folder; make one dataset of it: streamfix train data")
    config = configuration.load(arguments.config)
    device = devices.choose(arguments.device).for_torch()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if (
        config.schedule.precision == "bf16"
        and device.type == "cpu"
        and not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    ):
        _log.warning("this CPU has no bfloat16 arithmetic: fp32 is used")
        config = dataclasses.replace(config, schedule=dataclasses.replace(config.schedule, precision="fp32"))
    recipe = RECIPES.create(arguments.task, dict(config.recipe))
    _check_writable(arguments.out)
    trainer = Trainer(
        recipe, config, material(arguments.data, False), material(arguments.data, True), arguments.out, device
    )
    if arguments.resume:
        trainer.resume()
    elif (arguments.out / CHECKPOINT).exists():
        raise UsageError(
            f"{arguments.out} holds a run already; continue it with --resume, or start another with a different --out"
        )
    elif arguments.weights is not None:
        trainer.begin_with(arguments.weights)
    trainer.run(arguments.steps)
    return 0


def _check_writable(out: Path) -> None:
    """Raise OutputError where the folder cannot be made, before the first step rather than at the first checkpoint."""
    there = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"--out {out}: nothing can be written into {there}; name another folder")


def material(data: Path, held_out: bool) -> Callable[[], Material]:
    """A function that worker processes open the dataset with: the part held out for validation, or the rest."""
    return partial(_open, data, held_out)


def _open(data: Path, held_out: bool) -> Material:
    """Decode the split for validation, or the one to train on.

    A dataset without a split for validation has one photograph in 16 held out, or one clip in 16 where it has no
    photographs. Raises UsageError where nothing is left.
    """
    whole = Dataset(data)
    if any(entry.split == "val" for entry in whole.entries):
        return Dataset(data, "val" if held_out else "train").load()
    several = whole.stills or whole.clips
    part = [name for i, name in enumerate(several) if (i % _HELD_OUT == 0) == held_out]
    names, clips = (part, () if held_out else whole.clips) if whole.stills else ((), part)
    if not names and not clips:
        raise UsageError(f"{data}: none of its {len(several)} members is left to train on; make a dataset with more")
    return Material({name: whole.still(name) for name in names}, {name: whole.clip(name) for name in clips})
