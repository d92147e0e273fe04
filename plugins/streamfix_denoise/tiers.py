"""The sizes of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streamfix.networks import UNet

from .correction import INPUTS, OUTPUTS

Tier = Literal["xs", "s", "m"]


@dataclass(frozen=True, slots=True)
class Size:
    """widths and blocks: see `UNet`. kmac: thousand multiplications a pixel of luma."""

    widths: tuple[int, int, int]
    blocks: tuple[int, int, int, int, int]
    kmac: float


SIZES: dict[Tier, Size] = {
    "xs": Size((16, 32, 48), (1, 1, 2, 1, 1), 7.3),
    "s": Size((32, 64, 96), (1, 1, 2, 1, 1), 27.2),
    "m": Size((64, 128, 192), (1, 1, 3, 1, 1), 115.6),
}


def build(tier: Tier) -> UNet:
    """A new network of that size, not trained."""
    size = SIZES[tier]
    return UNet(INPUTS, OUTPUTS, size.widths, size.blocks)
