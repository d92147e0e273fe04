"""Adapts a network to one camera: what may be learnt, what was, and whether it is worth keeping."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ..backends.quantise import export_int8
from ..backends.runner import open_runner
from ..errors import InputError, ModelError
from ..media.specs import InputSpec
from . import guard, lesson
from .footage import read
from .freshness import FAR, Freshness, freshness

FRAMES = 64  # that are read unless told
NEEDED = FAR + 24
_GAIN_DB, _LOSS_DB = 0.1, 0.05  # luma must gain so much and chroma lose no more than that to be kept
_SURE = 2.0  # standard errors by which the gain in luma must be above none
_KEPT = 0.8  # of the gain that int8 must keep
_NONE = 0.05  # codes²: a smaller error is none
_LEFT = 0.05  # of the noise's variance: the least error of a restored picture that is believed


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """network: the adapted one. gain_y, gain_uv: estimated on footage it has not learnt from, dB. certainty: of gain_y,
    in standard errors. moved: distance of the weights that learnt, relative to their norm. noise: as it was found.
    lag: frames between the two of a pair. pairs: what it has learnt from and was judged by.
    """

    network: nn.Module
    gain_y: float
    gain_uv: float
    certainty: float
    moved: float
    noise: Freshness
    lag: int
    pairs: lesson.Pairs

    @property
    def better(self) -> bool:
        """Whether it is worth keeping."""
        return self.gain_y >= _GAIN_DB and self.gain_uv >= -_LOSS_DB and self.certainty >= _SURE


def quantise(out: Path, recipe: lesson.Adaptable, found: Outcome, base: nn.Module, key: str) -> None:
    """Write the adapted network's int8 graph, if it keeps most of what was gained. key: sha256 of its weights.

    Raises ModelError if it does not, UsageError without OpenVINO or NNCF.
    """
    given = lesson.calibration(recipe, found.pairs.to_learn)
    export_int8(found.network, given.inputs[:1], out, key=key, calibration=given)
    runner = open_runner(found.network, given.inputs[:1], key=key, backend="openvino", precision="int8", int8=out)
    try:
        judged = [lesson.errors(recipe, one, found.pairs.to_judge)[:, 0] for one in (base, found.network, runner)]
    finally:
        runner.close()
    was, exact, now = (float(errors.mean()) for errors in judged)
    if was - now < _KEPT * (was - exact):
        out.unlink()
        raise ModelError(f"{out} is not written: int8 keeps {max(was - now, 0) / (was - exact):.0%} of what was gained")


def adapt(spec: InputSpec, recipe: lesson.Adaptable, base: nn.Module, frames: int = FRAMES, seed: int = 1) -> Outcome:
    """Learn from an input without clean targets. base: the network to begin with, which stays as it is.

    Raises InputError where nothing can be learnt, saying why.
    """
    footage = read(spec, frames, NEEDED)
    lag, noise = guard.lag(footage, spec.shown)
    network = copy.deepcopy(base)
    found = lesson.pairs(recipe, base, footage.frames, lag)
    if not found.to_learn:
        raise InputError(
            f"{spec.shown}: {len(footage.frames)} frames are too few for pairs {lag} frames apart; "
            f"read more with --frames {4 * lag + FRAMES}"
        )
    moved = lesson.learn(recipe, network, found.to_learn, seed=seed)
    before, after = (lesson.errors(recipe, one, found.to_judge) for one in (base, network))
    if len(before) < 2:
        raise InputError(
            f"{spec.shown}: hardly anything is the same in frames that follow each other; take a calmer part"
        )
    chroma = freshness(footage.chromas(), lag, min(max(FAR, 2 * lag), len(footage.frames) - 1)).sigma
    gain_y, gain_uv = (
        _gain_db(before[:, plane], after[:, plane], (sigma * 255) ** 2)
        for plane, sigma in enumerate((noise.sigma, 0.0 if np.isnan(chroma) else chroma))
    )
    gained = before[:, 0] - after[:, 0]
    certainty = float(gained.mean() / max(gained.std() / np.sqrt(len(gained)), 1e-9))
    return Outcome(network, gain_y, gain_uv, certainty, moved, noise, lag, found)


def _gain_db(before: NDArray[np.float64], after: NDArray[np.float64], noise: float) -> float:
    """How much nearer the restored picture came to the clean one, from its squared distances to noisy ones.

    noise: the variance that the noisy picture adds to both.
    """
    was = max(float(before.mean()) - noise, _LEFT * noise, _NONE)
    now = max(was - float((before - after).mean()), 1e-3 * was)
    return float(10 * np.log10(was / now))
