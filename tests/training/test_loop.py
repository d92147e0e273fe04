"""The training loop, on a toy task: a network that has to learn one number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from streamfix import InputError, ModelError, UsageError
from streamfix.training import config as configuration
from streamfix.training.config import Config, Log, PoolSize, Schedule, Stage
from streamfix.training.loop import Trainer
from streamfix.training.packed import Decoded
from streamfix.training.recipe import Batch, Sample


class Toy:
    """The picture is to be halved; `double` asks for the opposite."""

    def network(self) -> nn.Module:
        return nn.Conv2d(6, 6, 1)

    def samples(self, material: Decoded, rng: np.random.Generator, mix: Mapping[str, float]) -> Iterator[Sample]:
        while True:
            x = rng.random((6, 16, 16), dtype=np.float32)
            yield {"x": x, "y": x * np.float32(2 if "double" in mix else 0.5)}

    def augment(self, batch: Batch, rng: np.random.Generator) -> Batch:
        return batch

    def predict(self, network: nn.Module, batch: Batch, pairs: bool) -> tuple[Tensor, Tensor]:
        return network(batch["x"]), batch["y"]

    def figures(self, network: nn.Module, batch: Batch) -> dict[str, float]:
        return {"error": float((network(batch["x"]) - batch["y"]).abs().mean())}

    def pictures(self, network: nn.Module, batch: Batch) -> Sequence[tuple[str, Tensor]]:
        return [("x", batch["x"]), ("y", batch["y"])]


def nothing() -> Decoded:
    return Decoded({}, {})


def config(steps: int = 200, **schedule: object) -> Config:
    return Config(
        Schedule(steps, batch=8, rate=0.03, warmup_steps=5, ema_decay=0.9, precision="fp32", **schedule),  # type: ignore[arg-type]
        (Stage(1.0, {"half": 1.0}),),
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
    stages = (Stage(0.5, {"half": 1.0}), Stage(1.0, {"double": 1.0}))
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
    assert all(float((p - 1).abs().max()) < 0.05 for p in made.average.module.parameters())


TEXT = "[schedule]\nsteps = 10\n[[stages]]\nuntil = 1.0\n[stages.mix]\ngaussian = 1.0\n"


def test_a_configuration_is_read(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TEXT, encoding="utf-8")
    assert configuration.load(path) == Config(Schedule(10), (Stage(1.0, {"gaussian": 1.0}),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("steps = 10", "stepz = 10"), r"\[schedule\] has no 'stepz' \(did you mean 'steps'\?\)"),
        (("steps = 10", "steps = 1.5"), r"schedule.steps = 1.5: it takes int"),
        (("steps = 10", 'steps = 10\nprecision = "fp8"'), r"schedule.precision = 'fp8': it takes fp32 or bf16"),
        (("until = 1.0", "until = 0.5"), r"stages: until=\[0.5\] must rise to 1"),
        (("[schedule]", "[schedul]"), r"the file has no 'schedul'"),
        (("steps = 10", "batch = 3"), r"\[schedule\]: .*steps"),
    ],
)
def test_a_wrong_configuration_is_named_with_its_place(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TEXT.replace(*change), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        configuration.load(path)
    with pytest.raises(InputError, match="give a training configuration"):
        configuration.load(tmp_path / "none.toml")


RECIPES = sorted((Path(__file__).parents[2] / "plugins").glob("*/recipes/*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_shipped_configurations_are_sound(path: Path) -> None:
    from streamfix_denoise.clips import check
    from streamfix_denoise.recipe import Recipe

    found = configuration.load(path)
    assert Recipe(**found.recipe).tier == path.stem
    for stage in found.stages:
        check(stage.mix)
