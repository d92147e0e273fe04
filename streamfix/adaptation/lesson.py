"""The pairs of one camera's footage, and what is learnt from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ..backends.quantise import Calibration
from ..fusion import Floats
from ..models import WeightsStore
from ..training.recipe import Batch, Sample
from .targets import Aligner

_WARM = 4  # first frames, whose history is short, are not learnt from
_HELD_OUT = 0.25  # the last part of the footage judges what the first has taught
_GAP = 2  # frames between the two parts
_STEPS, _BATCH, _SIDE = 240, 4, 48  # side of a crop: half-size pixels
_RATE = 2e-4
_FURTHEST = 0.05  # of the norm of the weights that learn: they get no further from where they began
_HELD = 4.0  # weight of what the network is held to, where nothing can be learnt
_MOSTLY = 0.5  # a tile judges when this share of it shows the same in both frames
_MEAN = 17  # half-size pixels: means over so many are left as they were, see `_missed`


Network: TypeAlias = Callable[[Tensor], Any]  # a module, or an open runner


@runtime_checkable
class Adaptable(Protocol):
    """What adaptation asks of a task's recipe. Its network has `late()`, the weights that learn."""

    @property
    def store(self) -> WeightsStore:
        """The shipped weights."""

    def inputs(self, frames: Sequence[Floats]) -> Iterator[Sample]:
        """What the network sees of each frame (6, H/2, W/2) of a stream: arrays by name, as `restored` wants them."""

    def restored(self, network: Any, one: Batch) -> Tensor:
        """What the network makes of a batch, (B, 6, H/2, W/2)."""

    def asked(self, one: Batch) -> tuple[Tensor, Tensor]:
        """What the network sees of a batch that has a "target", and what it should answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """seen: of one frame, whole. target: a noisy neighbour, moved onto it. mask: (1, H/2, W/2), where they agree.

    before: what the network made of the frame before it learnt.
    """

    seen: Sample
    target: Floats
    mask: Floats
    before: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """to_learn come before to_judge in time."""

    to_learn: Sequence[Pair]
    to_judge: Sequence[Pair]


def pairs(recipe: Adaptable, network: nn.Module, frames: Sequence[Floats], lag: int) -> Pairs:
    """Pair each frame with the one `lag` frames after it. frames: (6, H/2, W/2), of one shot, multiples of 8
    pixels wide and high. network: as it is now.

    With a lag above 1 only what stands still is compared.
    """
    seen = list(recipe.inputs(frames))
    with torch.inference_mode():
        restored = [recipe.restored(network, _batch([one]))[0].numpy() for one in seen]
    align = Aligner(*(2 * side for side in frames[0].shape[1:]))
    found = [
        Pair(seen[t], *align(frames[t + lag], restored[t + lag], restored[t], still=lag > 1), restored[t])
        for t in range(_WARM, len(frames) - lag)
    ]
    judged = max(round(len(found) * _HELD_OUT), 1)
    return Pairs(found[: -judged - lag - _GAP], found[-judged:])


def learn(recipe: Adaptable, network: nn.Module, given: Sequence[Pair], steps: int = _STEPS, seed: int = 1) -> float:
    """Teach the network's last two levels, in place. Returns how far they have moved, relative to their norm.

    Where a frame has no partner, as in what moves, the network is held to what it made of it before. Each pixel's error
    counts in units of its plane's noise, squared: the mean of noisy targets is then the clean one.
    """
    random = np.random.default_rng(seed)
    network.requires_grad_(False)
    learning = [weights.requires_grad_() for weights in network.late()]  # type: ignore[operator]
    began = [weights.detach().clone() for weights in learning]
    furthest = _FURTHEST * float(torch.linalg.vector_norm(torch.stack([w.norm() for w in began])))
    optimiser = torch.optim.Adam(learning, _RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
    moved = 0.0
    for _ in range(steps):
        batch = _batch([_crop(given, random) for _ in range(_BATCH)])
        optimiser.zero_grad()
        _error(recipe, network, batch).mean().backward()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            moved = float(
                torch.linalg.vector_norm(torch.stack([(w - b).norm() for w, b in zip(learning, began, strict=True)]))
            )
            if moved > furthest:
                for weights, begin in zip(learning, began, strict=True):
                    weights.copy_(begin + (weights - begin) * (furthest / moved))
                moved = furthest
    network.requires_grad_(False)
    return moved * _FURTHEST / furthest


def errors(recipe: Adaptable, network: Network, given: Sequence[Pair]) -> NDArray[np.float64]:
    """Mean squared difference to the noisy target, luma and chroma, of each tile of each pair: (tiles, 2), codes².

    Tiles that hardly show the same are left out.
    """
    found = []
    with torch.inference_mode():
        for pair in given:
            batch = _batch([_whole_pair(pair)])
            squares = _missed(recipe.restored(network, batch), batch)[0].double().square().numpy() * 255**2
            mask = pair.mask[0]
            for top in range(0, mask.shape[0] - _SIDE + 1, _SIDE):
                for left in range(0, mask.shape[1] - _SIDE + 1, _SIDE):
                    at = np.s_[top : top + _SIDE, left : left + _SIDE]
                    if mask[at].mean() >= _MOSTLY:
                        tile, same = squares[:, *at], mask[at]
                        found.append([(tile[part] * same).mean() / same.mean() for part in (np.s_[:4], np.s_[4:])])
    return np.array(found).reshape(-1, 2)


def calibration(recipe: Adaptable, given: Sequence[Pair], crops: int = 32) -> Calibration:
    """What the ranges of an int8 graph are taken from: crops of the footage, and their noisy targets."""
    random = np.random.default_rng(1)
    return Calibration(*recipe.asked(_batch([_crop(given, random) for _ in range(crops)])))


def _missed(restored: Tensor, batch: Batch) -> Tensor:
    """What the restored picture misses of the noisy target, but for local means; 0 where the two differ otherwise.

    Where black or white cuts the noise off, and behind a gamma curve, the mean of noisy pictures is not the clean one:
    a network that learnt it would brighten the dark.
    """
    difference = batch["mask"] * (restored - batch["target"])
    share = functional.avg_pool2d(batch["mask"], _MEAN, 1, _MEAN // 2) + 1e-3
    means = functional.avg_pool2d(difference, _MEAN, 1, _MEAN // 2) / share
    return difference - batch["mask"] * means


def _error(recipe: Adaptable, network: Network, batch: Batch) -> Tensor:
    sigma = batch["sigma"][:, [0, 0, 0, 0, 1, 1], None, None] + 1 / 255
    restored: Tensor = recipe.restored(network, batch)
    changed = (1 - batch["mask"]) * (restored - batch["before"])
    return (_missed(restored, batch) / sigma).square() + _HELD * (changed / sigma).square()


def _whole_pair(pair: Pair) -> Sample:
    return {**pair.seen, "target": pair.target, "mask": pair.mask, "before": pair.before}


def _crop(given: Sequence[Pair], random: np.random.Generator) -> Sample:
    whole = _whole_pair(given[int(random.integers(len(given)))])
    height, width = whole["frame"].shape[1:]
    side = min(_SIDE, height, width)
    top, left = (random.integers(0, (have - side) // 2 + 1) * 2 for have in (height, width))
    at = np.s_[..., top : top + side, left : left + side]
    return {name: part[at] if part.ndim == 3 else part for name, part in whole.items()}


def _batch(samples: Sequence[Sample]) -> Batch:
    names: Mapping[str, object] = samples[0]
    return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in names}
