"""`streamfix train quantise TASK`: the command that makes an int8 graph of trained weights."""

from __future__ import annotations

import argparse
import hashlib
import logging
from itertools import islice
from pathlib import Path

import torch

from ..backends.quantise import Calibration, export_int8
from ..errors import UsageError
from . import config as configuration
from . import run_folder
from .command import material
from .loop import APART, of_another
from .pool import CHUNK, SampleStream
from .recipe import RECIPES

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task", choices=list(RECIPES), help="what the network was trained for")
    parser.add_argument("--config", type=Path, required=True, help="the configuration that it was trained with")
    parser.add_argument("--data", type=Path, required=True, help="dataset, as `streamfix train data` writes it")
    parser.add_argument("--weights", type=Path, required=True, help="weights.safetensors of the trained run")
    parser.add_argument(
        "--out", type=Path, required=True, help="file to write the int8 graph to; OpenVINO runs it without NNCF"
    )
    parser.add_argument(
        "--samples", type=int, default=64, help="samples to calibrate the ranges with (default: %(default)s)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Quantise and log the loss of quality. Raises a StreamfixError; ModelError if the loss is too great."""
    if arguments.samples < 1:
        raise UsageError(f"--samples {arguments.samples}: it takes 1 or more")
    if not arguments.out.parent.is_dir():
        raise UsageError(f"--out {arguments.out}: there is no folder {arguments.out.parent}; make it first")
    config = configuration.load(arguments.config)
    recipe = RECIPES.create(arguments.task, dict(config.recipe))
    network = recipe.network()
    try:
        network.load_state_dict(run_folder.load_weights(arguments.weights))
    except RuntimeError as error:
        raise of_another(arguments.weights, error, "give the configuration that they were trained with") from error
    network.eval().requires_grad_(False)
    stream = SampleStream(recipe, material(arguments.data, False), config.stages[-1].mix, config.schedule.seed, APART)
    chunks = list(islice(stream, -(-arguments.samples // CHUNK)))
    batch = {name: torch.cat([chunk[name] for chunk in chunks])[: arguments.samples].float() for name in chunks[0]}
    given = Calibration(*recipe.lesson(batch))
    key = hashlib.sha256(arguments.weights.read_bytes()).hexdigest()
    facts = export_int8(network, given.inputs[:1], arguments.out, key=key, calibration=given)
    _log.info(
        "%s: int8 loses %.3f dB on %d samples; the first layer, the last and %s stay in floating point",
        arguments.out,
        facts["psnr_fp32_db"] - facts["psnr_int8_db"],
        len(given.inputs),
        ", ".join(facts["not_quantised"]) or "no other",
    )
    return 0
