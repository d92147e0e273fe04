"""How the network of `deblur` is trained: blurs are undone by kernels known about as well as they are measured.

The network begins with the weights of `denoise`, whose inputs and arithmetic it shares: what Wiener's filter leaves is
noise to it. Kernels are not those that `KernelNetwork` finds: both can be trained at any time, in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from streamfix import BadOption
from streamfix.fusion import pack420
from streamfix.models import Tier, corrected, correction_network, seen, wanted
from streamfix.training import BaseRecipe, Batch, Sample, latest

from .clips import KINDS, BlurredClip
from .wiener import sharpened

Floats = NDArray[np.float32]

_PAIRS = 2  # samples taken from a clip
# how far kernels are wrong: of their sizes, radians at 8 pixels, of the noise
_WRONG, _TURNED, _NOISE = 0.04, 0.04, 0.3
_FAR, _FARTHER = 0.15, 3.0  # share of the kernels that are this many times as wrong
_LINE_LEAST, _LINE_MOST, _DISC_LEAST, _DISC_MOST = 2.5, 9.0, 1.4, 3.0  # of kernels that were found and are not there


class Recipe(BaseRecipe[BlurredClip]):
    """The task `deblur`.

    tier: of the network. crop: side of a sample in pixels of luma. margin: pixels around it that the kernel is undone
    in as well. frames: length of the clips.
    """

    task = "deblur"
    kinds = KINDS
    turned = ("frame", "fused", "target", "left")

    def __init__(self, tier: Tier = "s", crop: int = 128, margin: int = 32, frames: int = 4) -> None:
        if crop % 16 or margin % 16:
            raise BadOption(f"deblur recipe: crop={crop} and margin={margin} must be multiples of 16")
        if frames < _PAIRS:
            raise BadOption(f"deblur recipe: frames={frames} must be {_PAIRS} or more")
        self.tier, self.crop, self.margin, self.side = tier, crop, margin, crop + 2 * margin
        self.frames = frames

    def network(self) -> nn.Module:
        return correction_network(self.tier)

    def clip_frames(self, rng: np.random.Generator) -> int:
        return self.frames

    def cut(self, clip: BlurredClip, rng: np.random.Generator) -> Iterator[Sample]:
        noise = float((clip.recorded.y - clip.smooth.y).std())
        where = torch.from_numpy(cv2.resize(clip.where, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        for t in rng.choice(self.frames, _PAIRS, replace=False):
            two = max(t - 1, 0), t
            frame, target = (
                np.stack([pack420(planes.y[i], planes.uv[i]) for i in two]) for planes in (clip.recorded, clip.clean)
            )
            line, disc = _found(clip, rng)
            told = noise * float(np.exp(rng.normal(0, _NOISE)))
            share = where if clip.where.any() else torch.ones_like(where)
            given = torch.from_numpy(frame)
            lines, discs, noises = (torch.tensor([v, v], dtype=torch.float32) for v in (line, disc, told))
            one = sharpened(given, lines, discs, noises)
            top, left = rng.integers(0, self.margin + 1, 2)
            at = (..., slice(top, top + self.crop // 2), slice(left, left + self.crop // 2))
            yield {
                "frame": frame[at],
                "target": target[at],
                "fused": torch.lerp(given, one.packed, share).numpy()[at],
                "left": (one.left * share).numpy()[at],
                "sigma": one.sigma.numpy(),
            }

    def restored(self, network: nn.Module, one: Batch) -> Tensor:
        correction: Tensor = network(seen(one["fused"], one["frame"], one["left"], one["sigma"]))
        return corrected(one["fused"], one["left"], correction.float())

    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        one = latest(batch)
        inputs = seen(one["fused"], one["frame"], one["left"], one["sigma"])
        return inputs, wanted(one["fused"], one["left"], one["target"])

    def shown(self, one: Batch) -> Sequence[tuple[str, Tensor]]:
        return [("frame", one["frame"]), ("fused", one["fused"])]


def _found(clip: BlurredClip, rng: np.random.Generator) -> tuple[tuple[float, float], float]:
    """The clip's line and disc, about as well as they are measured; some that are not there where it has none."""
    length, twice = float(np.hypot(*clip.line)), float(np.arctan2(clip.line[1], clip.line[0]))
    disc = clip.disc
    if not clip.where.any():
        twice = float(rng.uniform(0, 2 * np.pi))
        draw = rng.random()
        length = float(rng.uniform(_LINE_LEAST, _LINE_MOST)) if draw < 0.7 else 0.0
        disc = float(rng.uniform(_DISC_LEAST, _DISC_MOST)) if draw > 0.5 else 0.0
    wrong = _FARTHER if rng.random() < _FAR else 1.0
    length *= float(np.exp(rng.normal(0, _WRONG * wrong)))
    disc *= float(np.exp(rng.normal(0, _WRONG * wrong)))
    twice += float(rng.normal(0, 2 * _TURNED * wrong)) * 8 / max(length, 4)
    return (length * np.cos(twice), length * np.sin(twice)), disc
