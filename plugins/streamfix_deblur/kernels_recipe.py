"""How `KernelNetwork` is trained: blurred pictures, and what they were blurred by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from streamfix import BadOption
from streamfix.fusion import pack420
from streamfix.training import BaseRecipe, Batch, Sample, latest, turn

from . import kernels
from .clips import KINDS, BlurredClip

_PICTURES = 2  # taken from a clip
_CELL = 16  # pixels of luma


class Recipe(BaseRecipe[BlurredClip]):
    """The task `deblur-kernels`. crop: side of a sample in pixels of luma. frames: length of the clips.

    What it restores and compares are not pictures but the network's answers, given as the luma's four packed planes;
    the chroma's two are nothing.
    """

    task = "deblur-kernels"
    kinds = KINDS
    turned = ("frame",)

    def __init__(self, crop: int = 192, frames: int = 4) -> None:
        if crop % 16:
            raise BadOption(f"deblur-kernels recipe: crop={crop} must be a multiple of 16")
        if frames < _PICTURES:
            raise BadOption(f"deblur-kernels recipe: frames={frames} must be {_PICTURES} or more")
        self.side, self.frames = crop, frames

    def network(self) -> nn.Module:
        return kernels.KernelNetwork()

    def clip_frames(self, rng: np.random.Generator) -> int:
        return self.frames

    def cut(self, clip: BlurredClip, rng: np.random.Generator) -> Iterator[Sample]:
        cells = self.side // _CELL
        where = cv2.resize(clip.where, (cells, cells), interpolation=cv2.INTER_AREA)
        line = np.stack([of * where for of in clip.line])
        for t in rng.choice(self.frames, _PICTURES, replace=False):
            two = max(t - 1, 0), t
            noise = [_noise(clip.recorded.y[i] - clip.smooth.y[i]) for i in two]
            yield {
                "frame": np.stack([pack420(clip.recorded.y[i], clip.recorded.uv[i]) for i in two]),
                "line": np.stack([line, line]).astype(np.float32),
                "rest": np.stack([np.stack((clip.disc * where, of)) for of in noise]).astype(np.float32),
            }

    def augment(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Turn pictures and answers: a mirror makes an angle its negative, a swap of the axes its complement."""
        across, down, swap = (bool(draw) for draw in rng.integers(0, 2, 3))
        turned = {name: turn(values, across, down, swap) for name, values in batch.items()}
        signs = torch.tensor([-1.0 if swap else 1.0, -1.0 if across != down else 1.0])
        turned["line"] = turned["line"] * signs.to(turned["line"].device)[:, None, None]
        return turned

    def predict(self, network: nn.Module, batch: Batch, pairs: bool) -> tuple[Tensor, Tensor]:
        inputs, answers = self.lesson(batch)
        return _planes(network(inputs).float()), _planes(answers)

    def restored(self, network: nn.Module, one: Batch) -> Tensor:
        answer: Tensor = network(one["frame"])
        return _planes(answer.float())

    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        one = latest(batch)
        return one["frame"], kernels.encode(one["line"], one["rest"][:, 0], one["rest"][:, 1])

    def figures(self, network: nn.Module, batch: Batch) -> dict[str, float]:
        """Mean error in pixels of line and disc, where there is blur and where there is none; of noise in octaves."""
        inputs, answers = self.lesson(batch)
        found, true = kernels.decode(network(inputs).float()), kernels.decode(answers)
        wrong = torch.linalg.vector_norm(found.line - true.line, dim=1)
        blurred = (torch.linalg.vector_norm(true.line, dim=1) > 1) | (true.disc > 1)
        figures = {"noise_octaves": (found.noise / true.noise).log2().abs().mean()}
        for name, at in (("blurred", blurred), ("sharp", ~blurred)):
            if at.any():
                figures[f"line_{name}"] = wrong[at].mean()
                figures[f"disc_{name}"] = (found.disc - true.disc)[at].abs().mean()
        return {name: float(value) for name, value in figures.items()}

    def pictures(self, network: nn.Module, batch: Batch) -> Sequence[tuple[str, Tensor]]:
        one = latest(batch)
        size = one["frame"].shape[-2:]
        answers = {"found": network(one["frame"]).float(), "true": self.lesson(batch)[1]}
        shown = [(name, F.interpolate(_planes(answer), size=size) * 0.2 + 0.5) for name, answer in answers.items()]
        return [("recorded", one["frame"]), *shown]


def _noise(error: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root mean square over three by three macroblocks around each, (H/16, W/16)."""
    cells = error.shape[0] // _CELL
    squares = cv2.resize(error * error, (cells, cells), interpolation=cv2.INTER_AREA)
    return np.asarray(np.sqrt(cv2.blur(squares, (3, 3))), np.float32)


def _planes(answer: Tensor) -> Tensor:
    """(B, 4, h, w) as packed planes (B, 6, h, w)."""
    return F.pad(answer, (0, 0, 0, 0, 0, 2))
