"""How strong a codec's artifacts are, measured from one picture alone.

Codecs tell their quantiser, see `told`, but not of the encodings before the last one, and many not at all: recordings
are transcoded, H.265 and VP9 hide it. A tiny network that has seen how far coded pictures are
from their originals tells it for all of them, for each macroblock.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from streamfix.fusion import Noise
from streamfix.models import WeightsStore, array_library

if TYPE_CHECKING:
    from torch import Tensor

    from .level_network import LevelNetwork

    Array = TypeVar("Array", Tensor, NDArray[np.float32])
else:
    Array = TypeVar("Array")

CELL = 8  # packed pixels on a side, 16 of luma: a macroblock
_FLOOR = 0.25 / 255  # a level below a quarter of a code counts as none
_OCTAVES = 4.0  # octaves of level to one unit of the network's answer


def store() -> WeightsStore:
    """The network's weights; it comes in one size, named s."""
    return WeightsStore(Path(__file__).parent / "weights" / "levels", "deblock-levels", _network)


def _network(tier: str) -> LevelNetwork:
    from .level_network import level_network

    return level_network(tier)


def decode(answer: Array) -> Array:
    """Standard deviations in [0, 1] units of what the network answers."""
    found: Array = array_library(answer).exp2(answer * _OCTAVES) * _FLOOR
    return found


def encode(sigma: Array) -> Array:
    """The opposite of `decode`; levels below its floor become the floor."""
    lib = array_library(sigma)
    answer: Array = lib.log2(lib.clip(sigma / _FLOOR, 1, None)) / _OCTAVES
    return answer


def true_answer(coded: Tensor, clean: Tensor) -> Tensor:
    """What the network should answer for packed pictures (B, 6, H, W), given their originals: (B, 2, H/8, W/8).

    The root mean square is taken over three by three macroblocks.
    """
    import torch
    import torch.nn.functional as F

    squares = (coded - clean).square()
    squares = torch.stack((squares[:, :4].mean(1), squares[:, 4:].mean(1)), 1)
    return encode(F.avg_pool2d(F.avg_pool2d(squares, CELL), 3, 1, 1, count_include_pad=False).sqrt())


def mean_level(answer: Array) -> list[Noise]:
    """The level of each picture as a whole, as the fuser is told it: the mean over macroblocks."""
    return [Noise(float(luma), float(chroma)) for luma, chroma in decode(answer).mean((2, 3))]


def level_map(answer: Array, size: tuple[int, int]) -> Array:
    """The levels of macroblocks, interpolated for each packed pixel: (B, 2, H, W). size: (H, W)."""
    return decode(interpolated(answer, size))


def interpolated(blocks: Array, size: tuple[int, int]) -> Array:
    """Values of macroblocks (B, C, h, w) for each packed pixel: (B, C, H, W). size: (H, W)."""
    if isinstance(blocks, np.ndarray):
        out = np.empty((*blocks.shape[:2], *size), np.float32)
        for given, large in zip(blocks.reshape(-1, *blocks.shape[2:]), out.reshape(-1, *size), strict=True):
            cv2.resize(given, size[::-1], dst=large, interpolation=cv2.INTER_LINEAR)
        return out
    import torch.nn.functional as F

    return F.interpolate(blocks, size=size, mode="bilinear", align_corners=False)


@cache
def example() -> Tensor:
    """A picture with detail and blocks, (1, 6, 184, 320): to time the network on."""
    import torch
    import torch.nn.functional as F

    seeded = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 6, 23, 40, generator=seeded)
    return 0.5 * F.interpolate(coarse, (184, 320), mode="bilinear") + 0.3 * F.interpolate(coarse, (184, 320))
