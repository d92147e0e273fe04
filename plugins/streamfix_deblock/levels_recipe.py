"""How `LevelNetwork` is trained: coded pictures, and how far they are from their originals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from streamfix import BadOption
from streamfix.fusion import pack420
from streamfix.models import per_plane
from streamfix.training import BaseRecipe, Batch, Sample, latest

from . import levels
from .clips import LEVEL_KINDS, CodedClip
from .level_network import LevelNetwork

_PICTURES = 4  # taken from a clip


class Recipe(BaseRecipe[CodedClip]):
    """The task `deblock-levels`. crop: side of a sample in pixels of luma. frames: length of the clips.

    What it restores and compares are not pictures but the network's answers, each given as six packed planes: the
    luma's four times, the chroma's twice.
    """

    task = "deblock-levels"
    kinds = LEVEL_KINDS
    turned = ("frame", "target")

    def __init__(self, crop: int = 128, frames: int = 14) -> None:
        if crop % 16:
            raise BadOption(f"deblock-levels recipe: crop={crop} must be a multiple of 16")
        if frames < _PICTURES:
            raise BadOption(f"deblock-levels recipe: frames={frames} must be {_PICTURES} or more")
        self.side, self.frames = crop, frames

    def network(self) -> nn.Module:
        return LevelNetwork()

    def clip_frames(self, rng: np.random.Generator) -> int:
        return self.frames

    def cut(self, clip: CodedClip, rng: np.random.Generator) -> Iterator[Sample]:
        for t in rng.choice(self.frames, _PICTURES, replace=False):
            two = max(t - 1, 0), t
            yield {
                "frame": np.stack([pack420(clip.coded.y[i], clip.coded.uv[i]) for i in two]),
                "target": np.stack([pack420(clip.clean.y[i], clip.clean.uv[i]) for i in two]),
            }

    def predict(self, network: nn.Module, batch: Batch, pairs: bool) -> tuple[Tensor, Tensor]:
        inputs, answers = self.lesson(batch)
        return per_plane(network(inputs).float()), per_plane(answers)

    def restored(self, network: nn.Module, one: Batch) -> Tensor:
        answer: Tensor = network(one["frame"])
        return per_plane(answer.float())

    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        one = latest(batch)
        return one["frame"], levels.true_answer(one["frame"], one["target"])

    def figures(self, network: nn.Module, batch: Batch) -> dict[str, float]:
        """Mean error in octaves, for macroblocks and for whole pictures."""
        inputs, true = self.lesson(batch)
        found = levels.decode(network(inputs).float()), levels.decode(true)
        names = ("y", "uv")
        blocks = (found[0] / found[1]).log2().abs().mean((0, 2, 3))
        whole = (found[0].mean((2, 3)) / found[1].mean((2, 3))).log2().abs().mean(0)
        return {
            **{f"octaves_{name}": float(value) for name, value in zip(names, blocks, strict=True)},
            **{f"octaves_of_pictures_{name}": float(value) for name, value in zip(names, whole, strict=True)},
        }

    def pictures(self, network: nn.Module, batch: Batch) -> Sequence[tuple[str, Tensor]]:
        one = latest(batch)
        size = one["frame"].shape[-2:]
        answers = {"found": network(one["frame"]).float(), "true": self.lesson(batch)[1]}
        shown = [(name, F.interpolate(per_plane(answer), size=size)) for name, answer in answers.items()]
        return [("coded", one["frame"]), *shown, ("clean", one["target"])]
