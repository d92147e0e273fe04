"""The training loop, on a toy task: a network that has to learn one number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from streamfix import InputError, ModelError, UsageError
from streamfix.training import losses, run_folder
from streamfix.training.config import Config, CurriculumStage, Log, PoolSize, Schedule
from streamfix.training.dataset.dataset import Material
from streamfix.training.loop import Trainer, _rate
from streamfix.training.recipe import Batch, Sample


class Toy:
    """The picture is to be halved; `double` asks for the opposite."""

    def network(self) -> nn.Module:
        return nn.Conv2d(6, 6, 1)

    def begin_with(self, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
        network.load_state_dict(dict(weights))

    def check(self, mix: Mapping[str, float]) -> None:
        if not mix.keys() <= {"half", "double"}:
            raise UsageError(f"no {min(mix)}")

    def samples(self, material: Material, rng: np.random.Generator, mix: Mapping[str, float]) -> Iterator[Sample]:
        while True:
            x = rng.random((6, 16, 16), dtype=np.float32)
            yield {"x": x, "y": x * np.float32(2 if "double" in mix else 0.5)}

    def augment(self, batch: Batch, rng: np.random.Generator) -> Batch:
        return batch

    def predict(self, network: nn.Module, batch: Batch, pairs: bool) -> tuple[Tensor, Tensor]:
        return network(batch["x"]), batch["y"]

    def lesson(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return batch["x"], batch["y"]

    def figures(self, network: nn.Module, batch: Batch) -> dict[str, float]:
        return {"error": float((network(batch["x"]) - batch["y"]).abs().mean())}

    def pictures(self, network: nn.Module, batch: Batch) -> Sequence[tuple[str, Tensor]]:
        return [("x", batch["x"]), ("y", batch["y"])]


def nothing() -> Material:
    return Material({}, {})


def config(steps: int = 200, **schedule: object) -> Config:
    return Config(
        Schedule(steps, batch=8, rate=0.03, warmup_steps=5, ema_decay=0.9, precision="fp32", **schedule),  # type: ignore[arg-type]
        (CurriculumStage(1.0, {"half": 1.0}),),
        pool=PoolSize(64, 2, 0),
        log=Log(50, 100, 100, 16),
    )


def trainer(out: Path, of: Config | None = None, recipe: Toy | None = None) -> Trainer:
    return Trainer(recipe or Toy(), of or config(), nothing, nothing, out, torch.device("cpu"))


def weights(of: Trainer) -> Tensor:
    return torch.cat([p.detach().flatten() for p in of.network.parameters()])


def test_it_learns_and_leaves_its_files(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    made.run()
    with torch.no_grad():
        assert made.recipe.figures(made.network, _batch())["error"] < 0.03
    assert {"checkpoint.pt", "weights.safetensors", "sheets", "tensorboard"} <= {p.name for p in tmp_path.iterdir()}
    assert list((tmp_path / "sheets").glob("*.png")) and any((tmp_path / "tensorboard").iterdir())


def _batch() -> Batch:
    x = torch.rand(4, 6, 16, 16, generator=torch.Generator().manual_seed(3))
    return {"x": x, "y": x / 2}


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    runs = [trainer(tmp_path / str(i), config(40, seed=seed)) for i, seed in enumerate((1, 1, 2))]
    for run in runs:
        run.run()
    a, b, other = map(weights, runs)
    assert torch.equal(a, b) and not torch.equal(a, other)


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first = trainer(tmp_path)
    first.run(100)
    second = trainer(tmp_path)
    second.resume()
    assert second.step == 100 and torch.equal(weights(first), weights(second))
    assert second.optimizer.state_dict()["state"].keys() == first.optimizer.state_dict()["state"].keys()
    second.run()
    assert second.step == 200


def test_what_a_later_stage_asks_for_is_checked_at_the_start(tmp_path: Path) -> None:
    base = config()
    stages = (CurriculumStage(0.5, {"half": 1.0}), CurriculumStage(1.0, {"double": 1.0, "blur": 1.0}))
    with pytest.raises(UsageError, match=r"^stages\[1\]\.mix: no blur"):
        trainer(tmp_path, Config(base.schedule, stages, pool=base.pool, log=base.log))


def test_a_start_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def gone() -> Material:
        raise InputError("no data")

    for training, validation in ((gone, nothing), (nothing, gone)):
        with pytest.raises(InputError, match="no data"):
            Trainer(Toy(), config(), training, validation, tmp_path / "run", torch.device("cpu")).run()
        assert not list(tmp_path.iterdir())


def test_few_of_the_samples_held_out_are_of_one_clip(tmp_path: Path) -> None:
    """Neighbours in a clip are much alike: 48 of them from four clips are no more than four samples."""
    per_clip = 11

    class Clips(Toy):
        def samples(self, material: Material, rng: np.random.Generator, mix: Mapping[str, float]) -> Iterator[Sample]:
            for n in count():
                yield {"clip": np.array([n // per_clip], np.float32), "place": np.array([n % per_clip], np.float32)}

    base = config()
    log = Log(validation_samples=48)
    held_out = trainer(tmp_path, Config(base.schedule, base.stages, pool=base.pool, log=log), Clips())._held_out()
    assert len(held_out["clip"]) == 48
    assert int(held_out["clip"].flatten().int().bincount().max()) <= 3
    assert len(held_out["place"].unique()) == per_clip  # early and late, first frames too


def test_there_is_nothing_to_resume_at_first(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no checkpoint to resume from; leave --resume out"):
        trainer(tmp_path).resume()


def test_a_batch_that_overflows_does_not_end_the_run(tmp_path: Path) -> None:
    class Overflows(Toy):
        def predict(self, network: nn.Module, batch: Batch, pairs: bool) -> tuple[Tensor, Tensor]:
            restored, target = super().predict(network, batch, pairs)
            return (restored * float("inf") if batch["x"][0, 0, 0, 0] < 0.3 else restored), target

    made = trainer(tmp_path, config(60), Overflows())
    made.run()
    assert torch.isfinite(weights(made)).all() and made.step == 60


def test_the_curriculum_changes_what_is_learnt(tmp_path: Path) -> None:
    stages = (CurriculumStage(0.5, {"half": 1.0}), CurriculumStage(1.0, {"double": 1.0}))
    base = config(300)
    made = trainer(tmp_path, Config(base.schedule, stages, pool=base.pool, log=base.log))
    made.run()
    x = _batch()["x"]
    with torch.no_grad():
        restored = made.network(x)
    assert float((restored - 2 * x).abs().mean()) < float((restored - x / 2).abs().mean())


def test_the_average_follows_at_once_and_then_slowly(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    for p in made.network.parameters():
        p.data.fill_(1.0)
    for _ in range(3):
        made.average.update_parameters(made.network)
    assert all(float((p.detach() - 1).abs().max()) < 0.05 for p in made.average.module.parameters())


def test_the_average_is_between_what_it_was_and_the_network_and_moves_less_each_time(tmp_path: Path) -> None:
    """Of a network that jumps from 0 to 1 the average takes 1 - min(decay, (1 + n) / (10 + n)) at its n-th update."""
    made = trainer(tmp_path)
    (weight, *_), (mean, *_) = made.network.parameters(), made.average.module.parameters()
    shares = []
    for n in range(1, 200):
        made.average.n_averaged.fill_(n)
        weight.data.fill_(1.0)
        mean.data.zero_()
        made.average.update_parameters(made.network)
        shares.append(float(mean.detach().max()))
    assert shares[0] == pytest.approx(1 - 2 / 11)
    assert all(later <= sooner for sooner, later in pairwise(shares))
    assert shares[-1] == pytest.approx(1 - 0.9, rel=1e-4)


def test_a_resumed_run_has_the_whole_state(tmp_path: Path) -> None:
    first, second = trainer(tmp_path), trainer(tmp_path)
    first.run(60)
    second.resume()
    for a, b in ((first.network, second.network), (first.average, second.average)):
        assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    moments = [[s for p in t.optimizer.state_dict()["state"].values() for s in p.values()] for t in (first, second)]
    assert moments[0] and all(torch.equal(x, y) for x, y in zip(*moments, strict=True))
    batch, steps = _batch(), []
    for run in (first, second):  # and so the next step is the same, to the bit
        run._learn(run.network, batch, 0.3)
        steps.append(weights(run))
    assert torch.equal(*steps)


class Larger(Toy):
    def network(self) -> nn.Module:
        return nn.Conv2d(6, 6, 3, padding=1)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path).save()
    with pytest.raises(ModelError, match=r"checkpoint.pt: of another network .*another --out"):
        trainer(tmp_path, recipe=Larger()).resume()


def test_the_weights_written_are_the_average(tmp_path: Path) -> None:
    made = trainer(tmp_path)
    made.run(20)
    written, want = load_file(tmp_path / "weights.safetensors"), made.average.module.state_dict()
    assert written.keys() == want.keys() and all(torch.equal(written[n], want[n]) for n in want)
    with safe_open(tmp_path / "weights.safetensors", "pt") as file:
        assert file.metadata() == {"step": "20", "steps": "200", "seed": "1"}


def test_a_batch_that_is_not_finite_changes_no_weight(tmp_path: Path) -> None:
    made, bad = trainer(tmp_path), _batch()
    bad["y"] = bad["y"] * float("nan")
    before = weights(made)
    made._learn(made.network, bad, 0.0)
    assert torch.equal(weights(made), before)
    made._learn(made.network, _batch(), 0.0)
    assert not torch.equal(weights(made), before)


def test_pairs_are_asked_for_once_the_temporal_loss_counts(tmp_path: Path) -> None:
    asked = []

    class Asked(Toy):
        def predict(self, network: nn.Module, batch: Batch, pairs: bool) -> tuple[Tensor, Tensor]:
            asked.append(pairs)
            restored, target = super().predict(network, batch, pairs)
            return (restored[:, None].expand(-1, 2, -1, -1, -1), target[:, None].expand(-1, 2, -1, -1, -1))

    base = config(10)
    loss = losses.LossWeights(temporal=0.1, temporal_from=0.8)
    trainer(tmp_path, Config(base.schedule, base.stages, pool=base.pool, loss=loss, log=base.log), Asked()).run()
    assert asked == [False] * 8 + [True] * 2


def test_the_rate_warms_up_and_falls_to_the_last_one() -> None:
    schedule = Schedule(100, rate=1.0, final_rate=0.01, warmup_steps=10)
    rates = [_rate(schedule, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == rates[10] == pytest.approx(1.0)
    assert all(a < b for a, b in pairwise(rates[:10]))
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert rates[55] == pytest.approx((1 + 0.01) / 2) and rates[100] == pytest.approx(0.01)


def test_a_run_begins_with_the_weights_of_an_earlier_one(tmp_path: Path) -> None:
    """In the network and in its average; those of another network are refused, and so is what are no weights."""
    earlier = trainer(tmp_path / "a")
    earlier.run()
    path = tmp_path / "a" / "weights.safetensors"
    later = trainer(tmp_path / "b")
    later.begin_with(path)
    want = run_folder.load_weights(path)
    for network in (later.network, later.average.module):
        assert all(torch.equal(tensor, want[name]) for name, tensor in network.state_dict().items())
    with pytest.raises(ModelError, match=r"weights.safetensors: of another network than the recipe's"):
        trainer(tmp_path / "c", recipe=Larger()).begin_with(path)
    for bad in (tmp_path / "none.safetensors", tmp_path / "a" / "checkpoint.pt"):
        with pytest.raises(ModelError, match=r"give weights.safetensors of an earlier run"):
            later.begin_with(bad)
