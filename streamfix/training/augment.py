"""Turning and mirroring of packed 4:2:0 pictures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

_PACKED = 6  # planes of a packed 4:2:0 picture: the luma's four sub-pixels, then both planes of chroma


def turn(pictures: Tensor, across: bool, down: bool, swap: bool) -> Tensor:
    """Mirror pictures left-right if `across`, up-down if `down`, and along the diagonal if `swap`, in this order.

    pictures: (..., C, H, W). C = 6 is packed 4:2:0, whose sub-pixels of luma change their places with the picture; so
    does each of several packed pictures that lie behind one another (C = 12, 18, ...). C under 4 is planes of whole
    pixels: R'G'B', luma, a map. Raises ValueError for another C. Returns (..., C, W, H) where `swap`.
    """
    order = _order(pictures.shape[-3], across, down, swap)
    if across:
        pictures = pictures.flip(-1)
    if down:
        pictures = pictures.flip(-2)
    if swap:
        pictures = pictures.transpose(-1, -2)
    return pictures.index_select(-3, order.to(pictures.device))


def turn_batch(batch: dict[str, Tensor], pictures: Iterable[str], rng: np.random.Generator) -> dict[str, Tensor]:
    """The batch with its tensors `pictures` turned as by `turn`, all in the same of the eight ways, drawn from `rng`.

    They may differ in size and in number of planes, but are square: a turn by a quarter keeps their shapes.
    """
    across, down, swap = rng.integers(0, 2, 3)
    return batch | {name: turn(batch[name], bool(across), bool(down), bool(swap)) for name in pictures}


def _order(planes: int, across: bool, down: bool, swap: bool) -> Tensor:
    """The order of the planes after the turn."""
    order = torch.arange(planes)
    if planes < 4:
        return order
    if planes % _PACKED:
        raise ValueError(f"{planes} planes are no packed 4:2:0 pictures of {_PACKED}; turn them apart")
    packed = order.view(-1, _PACKED)
    for wanted, places in ((across, (1, 0, 3, 2)), (down, (2, 3, 0, 1)), (swap, (0, 2, 1, 3))):
        if wanted:
            packed = torch.cat((packed[:, list(places)], packed[:, 4:]), 1)
    return packed.flatten()
