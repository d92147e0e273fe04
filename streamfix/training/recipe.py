"""What a task tells the trainer: its network, its samples, what it computes with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..registry import Registry
from .dataset.dataset import Decoded

Sample = dict[str, NDArray[np.float32]]
Batch = dict[str, Tensor]


class Recipe(Protocol):
    """A task's part of its training. Made with the options of the configuration's table [recipe]."""

    def network(self) -> nn.Module:
        """A new network, not trained."""

    def check(self, mix: Mapping[str, float]) -> None:
        """Raises UsageError if the mix names a kind that there is not, or wants none of them."""

    def samples(self, material: Decoded, rng: np.random.Generator, mix: Mapping[str, float]) -> Iterator[Sample]:
        """Samples without end, each a dictionary of arrays that always have the same shapes.

        mix: names of the recipe's kinds of degradation, and how often each is wanted; asked again for every clip. The
        samples of one clip come one after another.
        """

    def augment(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Turn and mirror a batch, without harm to what it says."""

    def predict(self, network: nn.Module, batch: Batch, pairs: bool) -> tuple[Tensor, Tensor]:
        """(restored, target), both (B, 6, H, W) packed 4:2:0, or (B, 2, 6, H, W) if pairs are wanted."""

    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(inputs, targets) of the network for a batch: what it sees, and what it should answer. (B, C, H, W) each."""

    def figures(self, network: nn.Module, batch: Batch) -> dict[str, float]:
        """What validation reports, by name."""

    def pictures(self, network: nn.Module, batch: Batch) -> Sequence[tuple[str, Tensor]]:
        """Columns of the sample sheet: titles and packed pictures (B, 6, H, W)."""


#: Every task that can be trained; packages announce theirs under the entry-point group `streamfix.recipes`.
RECIPES: Registry[Recipe] = Registry("recipe", group="streamfix.recipes")
