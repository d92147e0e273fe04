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
_HELD_OUT = 16  # every so many photographs one is kept for validation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", choices=list(RECIPES), help="what to train")
    parser.add_argument("--config", type=Path, required=True, help="training configuration, a TOML file")
    parser.add_argument("--data", type=Path, required=True, help="dataset, as `streamfix train data` writes it")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on from the run's checkpoint")
    parser.add_argument("--weights", type=Path, help="start from these, weights.safetensors of an earlier run")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    parser.add_argument("--threads", type=int, help="threads of PyTorch (default: one a core)")
    parser.add_argument("--steps", type=int, help="stop at this step of the schedule, which stays as long as it is")


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
    device = devices.choose(arguments.device)
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
        raise UsageError(f"{arguments.out} holds a run already; --resume goes on with it, another --out starts anew")
    elif arguments.weights is not None:
        trainer.begin_with(arguments.weights)
    trainer.run(arguments.steps)
    return 0


def _check_writable(out: Path) -> None:
    """Raise OutputError where the folder cannot be made: better than after the first thousand steps."""
    there = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"--out {out}: nothing can be written into {there}; name another folder")


def material(data: Path, held_out: bool) -> Callable[[], Material]:
    """What opens the dataset in a worker process: what is held out of it, or the rest."""
    return partial(_open, data, held_out)


def _open(data: Path, held_out: bool) -> Material:
    """The split for validation, or the one to train on; decoded.

    Of a set that has none for validation every so many photographs are held out, or clips where there are none.
    """
    whole = Dataset(data)
    if any(entry.split == "val" for entry in whole.entries):
        return Dataset(data, "val" if held_out else "train").load()
    several = whole.stills or whole.clips
    part = [name for i, name in enumerate(several) if (i % _HELD_OUT == 0) == held_out]
    names, clips = (part, () if held_out else whole.clips) if whole.stills else ((), part)
    if not names and not clips:
        raise UsageError(f"{data}: of its {len(several)} members none is left to train on; make a set with more")
    return Material({name: whole.still(name) for name in names}, {name: whole.clip(name) for name in clips})
