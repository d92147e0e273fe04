"""What a task tells the trainer, and what tasks share: kinds of degradation, samples in pairs, figures, pictures."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import ModelError, UsageError
from ..registry import Registry
from .augment import turn_batch
from .dataset.dataset import Material
from .losses import planes_of, psnr

Sample = dict[str, NDArray[np.float32]]
Batch = dict[str, Tensor]
ClipT = TypeVar("ClipT")


class Recipe(Protocol):
    """A task's part of its training. Made with the options of the configuration's table [recipe].

    Pictures are packed 4:2:0 (6 planes), R'G'B' (3) or luma (1); those that the network restores may be larger than
    those that it sees. `BaseRecipe` has most of this.
    """

    def network(self) -> nn.Module:
        """A new network, not trained."""

    def begin_with(self, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
        """Put the weights of an earlier run into a new network. Raises RuntimeError or ModelError if they do not fit.

        Where weights of another task are of use, take from them what fits: see `copy_fitting`.
        """

    def check(self, mix: Mapping[str, float]) -> None:
        """Raise UsageError if the mix names a kind that there is not, or wants none of them."""

    def samples(self, material: Material, rng: np.random.Generator, mix: Mapping[str, float]) -> Iterator[Sample]:
        """Samples without end, each a dictionary of arrays that always have the same shapes.

        mix: names of the recipe's kinds of degradation, and how often each is wanted. The samples of one clip come one
        after another.
        """

    def augment(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Turn and mirror a batch, without harm to what it says."""

    def predict(self, network: nn.Module, batch: Batch, pairs: bool) -> tuple[Tensor, Tensor]:
        """(restored, target), both (B, C, H, W), or (B, 2, C, H, W) if pairs of consecutive pictures are wanted.

        C is 6 (packed 4:2:0), 3 (R'G'B') or 1 (luma); H and W are the target's, whatever the network sees.
        """

    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(inputs, targets) of the network for a batch: what it sees, and what it should answer.

        (B, C, H, W) each, of sizes and numbers of planes of their own.
        """

    def figures(self, network: nn.Module, batch: Batch) -> dict[str, float]:
        """What validation reports, by name."""

    def pictures(self, network: nn.Module, batch: Batch) -> Sequence[tuple[str, Tensor]]:
        """Columns of the sample sheet: titles and pictures (B, C, H, W), C as for `predict`, of any sizes."""


#: Every task that can be trained; packages announce theirs under the entry-point group `streamfix.recipes`.
RECIPES: Registry[Recipe] = Registry("recipe", group="streamfix.recipes")


class BaseRecipe(ABC, Generic[ClipT]):
    """A recipe whose samples are pairs of consecutive pictures, cut from degraded clips.

    Each array of a sample begins with an axis of 2, the earlier picture first. "target" is what the network should
    restore; the others, named as the recipe likes, are what `restored` and `lesson` need. ClipT is what a kind of
    degradation makes: a clip made worse, its clean original and what is known of it. A recipe sets these attributes
    and writes the abstract methods:

    task: its name, for messages. kinds: by name what makes a degraded clip of the material, given random numbers,
    a number of pictures and the side of the clean ones. side: that side, pixels of luma. turned: names of the arrays
    that are pictures, turned together by `augment`; see `turn`.
    """

    task: ClassVar[str]
    kinds: Mapping[str, Callable[[Material, np.random.Generator, int, int], ClipT]]
    turned: ClassVar[Sequence[str]]
    side: int

    @abstractmethod
    def network(self) -> nn.Module:
        """See `Recipe`."""

    @abstractmethod
    def clip_frames(self, rng: np.random.Generator) -> int:
        """Pictures of the next clip."""

    @abstractmethod
    def cut(self, clip: ClipT, rng: np.random.Generator) -> Iterable[Sample]:
        """The samples of one clip."""

    @abstractmethod
    def restored(self, network: nn.Module, one: Batch) -> Tensor:
        """What the network makes of a batch, (B, C, H, W) as the target's. one: a batch of single pictures."""

    @abstractmethod
    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """See `Recipe`; `latest` has the single pictures of a batch."""

    def shown(self, one: Batch) -> Sequence[tuple[str, Tensor]]:
        """Titles and pictures (B, C, H, W) that validation shows before the restored ones: what the network sees."""
        return ()

    def begin_with(self, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
        network.load_state_dict(dict(weights))

    def check(self, mix: Mapping[str, float]) -> None:
        check_mix(self.task, mix, self.kinds)

    def samples(self, material: Material, rng: np.random.Generator, mix: Mapping[str, float]) -> Iterator[Sample]:
        self.check(mix)
        while True:
            frames = self.clip_frames(rng)
            yield from self.cut(self.kinds[draw_kind(mix, rng)](material, rng, frames, self.side), rng)

    def augment(self, batch: Batch, rng: np.random.Generator) -> Batch:
        return turn_batch(batch, self.turned, rng)

    def predict(self, network: nn.Module, batch: Batch, pairs: bool) -> tuple[Tensor, Tensor]:
        if pairs:
            flat = {name: values.flatten(0, 1) for name, values in batch.items()}
            return self.restored(network, flat).unflatten(0, (-1, 2)), batch["target"]
        one = latest(batch)
        return self.restored(network, one), one["target"]

    def figures(self, network: nn.Module, batch: Batch) -> dict[str, float]:
        """PSNR (dB) of what is shown and of what is restored, luma and chroma apart; of what has the target's size."""
        *columns, (_, target) = self.pictures(network, batch)
        return {
            f"psnr_{title}_{plane}": float(psnr(pictures[:, at], target[:, at]))
            for title, pictures in columns
            if pictures.shape == target.shape
            for plane, at in planes_of(target).items()
        }

    def pictures(self, network: nn.Module, batch: Batch) -> Sequence[tuple[str, Tensor]]:
        one = latest(batch)
        return [*self.shown(one), ("restored", self.restored(network, one)), ("clean", one["target"])]


def latest(batch: Batch) -> Batch:
    """The later picture of each pair."""
    return {name: values[:, 1] for name, values in batch.items()}


def check_mix(task: str, mix: Mapping[str, float], kinds: Collection[str]) -> None:
    """Raise UsageError unless all that `mix` names are `kinds` of the task's recipe and any of them is wanted."""
    for name in mix:
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise UsageError(f"{task} recipe: no kind of degradation {name!r}{hint}; there are: {', '.join(kinds)}")
    if not sum(mix.values()) > 0 or min(mix.values()) < 0:
        raise UsageError(f"{task} recipe: mix {dict(mix)}: no share may be negative, and one must be above 0")


def draw_kind(mix: Mapping[str, float], rng: np.random.Generator) -> str:
    """One of the names in `mix`, each as often as its share says. The shares need not add up to 1."""
    return str(rng.choice(list(mix), p=np.array(list(mix.values())) / sum(mix.values())))


def copy_fitting(network: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """Copy those of the weights that have the name and the shape of one of the network's; the others stay as they are.

    For a task that begins with what another has learnt, and whose first or last layer is another. Returns the names of
    the network's weights that were not found. Raises ModelError where none fits.
    """
    own = network.state_dict()
    fitting = {name: weights[name] for name, old in own.items() if name in weights and weights[name].shape == old.shape}
    if not fitting:
        raise ModelError(f"none of {len(weights)} weights has the name and shape of one of the network's {len(own)}")
    network.load_state_dict(fitting, strict=False)
    return [name for name in own if name not in fitting]
