"""A recipe as a plugin's author writes it, in one file: pictures of half the size are enlarged.

What is degraded, what the network sees and the size of its output are other than `denoise` has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import cv2
import numpy as np
from torch import Tensor, nn

from streamfix.fusion import pack420
from streamfix.training import (
    BaseRecipe,
    Batch,
    Coding,
    Material,
    Planes420,
    Sample,
    clean_planes,
    code_clip,
    copy_fitting,
    latest,
    quantise,
)

Pair = tuple[Planes420, Planes420]  # (small, large)


def shrunk(material: Material, rng: np.random.Generator, frames: int, side: int) -> Pair:
    """A clip beside itself at half the size, every plane shrunk by area."""
    large = clean_planes(material, rng, frames, side)
    y, uv = (
        np.stack([cv2.resize(p, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for p in planes]).astype(np.float32)
        for planes in (large.y, large.uv)
    )
    return quantise(Planes420(y, uv)), large


def coded(material: Material, rng: np.random.Generator, frames: int, side: int) -> Pair:
    """The same, its small copy coded hard."""
    small, large = shrunk(material, rng, frames, side)
    return code_clip(small, Coding(quality=35.0)).planes, large


class Upscale(BaseRecipe[Pair]):
    """x2 on packed planes: a network of one layer, whose output is shuffled to the larger size."""

    task = "upscale"
    kinds = MappingProxyType({"shrunk": shrunk, "coded": coded})
    turned = ("small", "target")
    side = 64

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Conv2d(6, 24, 3, padding=1), nn.PixelShuffle(2))

    def begin_with(self, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
        copy_fitting(network, weights)

    def clip_frames(self, rng: np.random.Generator) -> int:
        return 3

    def cut(self, clip: Pair, rng: np.random.Generator) -> Iterable[Sample]:
        small, large = ([pack420(y, uv) for y, uv in zip(planes.y, planes.uv, strict=True)] for planes in clip)
        for t in range(1, len(small)):
            yield {"small": np.stack(small[t - 1 : t + 1]), "target": np.stack(large[t - 1 : t + 1])}

    def restored(self, network: nn.Module, one: Batch) -> Tensor:
        enlarged: Tensor = network(one["small"])
        return enlarged

    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        one = latest(batch)
        return one["small"], one["target"]

    def shown(self, one: Batch) -> Sequence[tuple[str, Tensor]]:
        return [("small", one["small"])]
