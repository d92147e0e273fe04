"""The pool: what it draws depends on the seed alone, each sample about `reuse` times, and its size is its bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from streamfix.training.dataset.dataset import Material
from streamfix.training.pool import Pool, SampleStream
from streamfix.training.recipe import Batch, Sample


class Counting:
    """Samples that bear their number, and a random one."""

    made = 0

    def network(self) -> nn.Module:
        return nn.Identity()

    def begin_with(self, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
        network.load_state_dict(dict(weights))

    def check(self, mix: Mapping[str, float]) -> None:
        pass

    def samples(self, material: Material, rng: np.random.Generator, mix: Mapping[str, float]) -> Iterator[Sample]:
        while True:
            yield {"number": np.array([self.made], np.float32), "random": rng.random(3, dtype=np.float32)}
            self.made += 1

    def augment(self, batch: Batch, rng: np.random.Generator) -> Batch:
        return batch

    def predict(self, network: nn.Module, batch: Batch, pairs: bool) -> tuple[Tensor, Tensor]:
        return batch["random"], batch["random"]

    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return batch["random"], batch["random"]

    def figures(self, network: nn.Module, batch: Batch) -> dict[str, float]:
        return {}

    def pictures(self, network: nn.Module, batch: Batch) -> Sequence[tuple[str, Tensor]]:
        return []


def nothing() -> Material:
    return Material({}, {})


def pool(seed: int = 1, size: int = 64, reuse: float = 4.0, workers: int = 0, recipe: Counting | None = None) -> Pool:
    stream = SampleStream(recipe or Counting(), nothing, {"any": 1.0}, seed)
    return Pool(stream, size, 8, reuse, workers, seed)


def draws(of: Pool, count: int) -> list[Batch]:
    return [of.draw() for _ in range(count)]


def same(a: Sequence[Batch], b: Sequence[Batch]) -> bool:
    return all(torch.equal(x[name], y[name]) for x, y in zip(a, b, strict=True) for name in x)


def test_the_same_seed_draws_the_same_batches() -> None:
    a, b, other = (draws(pool(seed), 30) for seed in (5, 5, 6))
    assert same(a, b) and not same(a, other)


def test_a_worker_process_draws_what_the_trainer_itself_would() -> None:
    assert same(draws(pool(workers=0), 12), draws(pool(workers=1), 12))


def test_two_workers_have_random_numbers_of_their_own_and_repeat_them() -> None:
    runs = [draws(pool(workers=2), 20) for _ in range(2)]
    assert same(*runs)
    by_number: dict[float, set[float]] = {}
    for batch in runs[0]:
        for number, random in zip(batch["number"][:, 0].tolist(), batch["random"][:, 0].tolist(), strict=True):
            by_number.setdefault(number, set()).add(random)
    assert max(map(len, by_number.values())) == 2  # sample n of one is not sample n of the other


@pytest.mark.parametrize("reuse", [2.0, 4.0, 8.0])
def test_a_sample_is_drawn_as_often_as_it_is_to_be(reuse: float) -> None:
    """In the long run as many samples come in as are drawn, divided by `reuse`."""
    recipe = Counting()
    of = pool(reuse=reuse, recipe=recipe)
    draws(of, 40)
    before = recipe.made
    draws(of, 400)
    assert 400 * 8 / (recipe.made - before) == pytest.approx(reuse, rel=0.05)


def test_the_pool_holds_the_newest_and_no_more_than_its_size() -> None:
    recipe = Counting()
    of = pool(size=64, recipe=recipe)
    for _ in range(300):
        number = of.draw()["number"]
        assert recipe.made - 64 < float(number.min()) and float(number.max()) <= recipe.made


def test_the_first_batch_waits_for_some_batches_and_not_for_the_whole_pool() -> None:
    recipe = Counting()
    of = pool(size=4096, recipe=recipe)
    of.draw()
    assert 8 * 8 <= recipe.made + 1 <= 8 * 8 + 32


def test_samples_apart_are_every_so_manieth_of_the_stream() -> None:
    chunks = [next(iter(SampleStream(Counting(), nothing, {"any": 1.0}, 1, apart))) for apart in (1, 3)]
    assert [c["number"][:, 0].tolist() for c in chunks] == [list(range(16)), list(range(0, 48, 3))]


def test_a_pool_smaller_than_what_workers_send_still_draws() -> None:
    batch = draws(pool(size=4), 5)[-1]
    assert batch["random"].shape == (8, 3) and batch["random"].dtype == torch.float16


@pytest.mark.parametrize("workers", [0, 2])
def test_a_pool_that_is_never_refilled_is_whole_at_once_and_keeps_what_it_has(workers: int) -> None:
    recipe = Counting()
    of = pool(size=64, reuse=0, workers=workers, recipe=recipe)
    made = recipe.made
    seen = {tuple(x.tolist()) for batch in draws(of, 200) for x in batch["random"]}
    assert len(seen) == 64
    assert recipe.made == made
