"""What recipes share, on the recipe of a second task that a plugin could bring: `tests/training/upscale.py`."""

from __future__ import annotations

import ast
from collections import Counter
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

import streamfix
import streamfix.training
from streamfix import ModelError, UsageError
from streamfix.training import Batch, Material, check_mix, copy_fitting, draw_kind, run_folder
from streamfix.training.config import Config, CurriculumStage, Log, PoolSize, Schedule
from streamfix.training.loop import Trainer
from streamfix.training.losses import LossWeights
from tests.training import upscale
from tests.training.scenes import still
from tests.training.upscale import Upscale

MIX = {"shrunk": 0.8, "coded": 0.2}


def material() -> Material:
    return Material({f"p{i}": still(120, 160, i) for i in range(3)}, {})


def config(steps: int = 3) -> Config:
    return Config(
        Schedule(steps, batch=4, rate=1e-3, warmup_steps=1, precision="fp32"),
        (CurriculumStage(1.0, MIX),),
        pool=PoolSize(16, 2, 0),
        loss=LossWeights(fft=0.05, gradient=0.05, temporal=0.1, temporal_from=0.6),
        log=Log(1, 3, 3, 8),
    )


def trainer(out: Path) -> Trainer:
    return Trainer(Upscale(), config(), material, material, out, torch.device("cpu"))


def batch(count: int = 4) -> Batch:
    samples = list(islice(Upscale().samples(material(), np.random.default_rng(1), MIX), count))
    return {name: torch.from_numpy(np.stack([sample[name] for sample in samples])) for name in samples[0]}


def test_a_second_tasks_recipe_is_one_file_that_imports_only_public_names() -> None:
    tree = ast.parse(Path(upscale.__file__).read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    froms = {node.module: {alias.name for alias in node.names} for node in found if isinstance(node, ast.ImportFrom)}
    ours = {module for module in froms if module and module.startswith(("streamfix", "tests"))}
    assert ours == {"streamfix.fusion", "streamfix.training"}
    assert {module.split(".")[1] for module in ours} <= set(streamfix.__all__)
    assert froms["streamfix.training"] <= set(streamfix.training.__all__)
    assert not any("streamfix" in alias.name for n in found if isinstance(n, ast.Import) for alias in n.names)


def test_its_network_is_trained_and_leaves_weights_and_a_sheet(tmp_path: Path) -> None:
    """Three steps of the real loop, the last ones with pairs; what comes out is larger than what goes in."""
    made = trainer(tmp_path)
    before = [p.detach().clone() for p in made.network.parameters()]
    made.run()
    assert made.step == 3
    assert not any(torch.equal(a, b) for a, b in zip(before, made.network.parameters(), strict=True))
    weights = load_file(tmp_path / run_folder.WEIGHTS)
    assert {name: tuple(t.shape) for name, t in weights.items()} == {"0.weight": (24, 6, 3, 3), "0.bias": (24,)}
    sheet = cv2.imread(str(tmp_path / "sheets" / "0000003.png"))
    assert sheet is not None and sheet.shape == (18 + 8 * (64 + 4), 3 * (64 + 4), 3)  # small, restored, clean


def test_it_predicts_at_the_targets_size_alone_and_in_pairs() -> None:
    recipe, given = Upscale(), batch()
    network = recipe.network()
    for pairs, shape in ((True, (4, 2, 6, 32, 32)), (False, (4, 6, 32, 32))):
        restored, target = recipe.predict(network, given, pairs)
        assert restored.shape == target.shape == shape
    both, alone = (recipe.predict(network, given, pairs)[0] for pairs in (True, False))
    assert torch.allclose(both[:, 1], alone, atol=1e-6)


def test_figures_are_of_what_has_the_targets_size() -> None:
    recipe = Upscale()
    with torch.no_grad():
        figures = recipe.figures(recipe.network(), batch())
    assert list(figures) == ["psnr_restored_y", "psnr_restored_uv"]
    assert all(0 < value < 60 for value in figures.values())


def test_augmenting_turns_the_small_and_the_large_picture_alike() -> None:
    given = batch()
    shrunk = nn.functional.avg_pool2d  # the luma of a packed picture at half the size is the mean of its sub-pixels
    for seed in range(8):
        turned = Upscale().augment(given, np.random.default_rng(seed))
        large = nn.functional.pixel_shuffle(turned["target"].flatten(0, 1)[:, :4], 2)
        small = nn.functional.pixel_shuffle(turned["small"].flatten(0, 1)[:, :4], 2)
        assert float((shrunk(large, 2) - small).abs().mean()) < 3 / 255


def test_a_run_may_begin_with_the_weights_of_another_task(tmp_path: Path) -> None:
    """Those that have the name and shape of one of its own are taken, the others are left as they are."""
    first = nn.Conv2d(19, 24, 3, padding=1)
    other = nn.Sequential(first, nn.Conv2d(24, 6, 3))
    run_folder.export_weights(other, tmp_path / "other.safetensors", {})
    made = trainer(tmp_path / "run")
    before = made.network.state_dict()["0.weight"].clone()
    made.begin_with(tmp_path / "other.safetensors")
    for network in (made.network, made.average.module):
        found = network.state_dict()
        assert torch.equal(found["0.bias"], first.state_dict()["bias"]) and torch.equal(found["0.weight"], before)
    run_folder.export_weights(nn.Linear(2, 2), tmp_path / "none.safetensors", {})
    with pytest.raises(ModelError, match=r"none.safetensors: .*none of 2 weights has the name and shape"):
        made.begin_with(tmp_path / "none.safetensors")


def test_what_did_not_fit_is_named() -> None:
    first, second = nn.Conv2d(6, 8, 1), nn.Conv2d(8, 6, 1)
    network = nn.Sequential(first, second)
    weights = {name: torch.zeros_like(tensor) for name, tensor in network.state_dict().items()}
    weights["1.weight"] = torch.zeros(12, 8, 1, 1)
    del weights["1.bias"]
    assert copy_fitting(network, weights) == ["1.weight", "1.bias"]
    assert not first.weight.any() and second.weight.any()


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        (
            {"shrunkk": 1.0},
            r"upscale recipe: no kind of degradation 'shrunkk' \(did you mean 'shrunk'\?\); there are: ",
        ),
        ({"snow": 1.0}, "no kind of degradation 'snow'; there are: shrunk, coded"),
        ({"coded": 0.0}, "one must be above 0"),
        ({"coded": -1.0, "shrunk": 3.0}, "no share may be negative"),
        ({}, "one must be above 0"),
    ],
)
def test_a_wrong_mix_is_named(mix: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_mix("upscale", mix, ["shrunk", "coded"])
    with pytest.raises(UsageError, match=message):
        Upscale().check(mix)


def test_kinds_are_drawn_as_often_as_the_mix_says() -> None:
    rng = np.random.default_rng(2)
    drawn = Counter(draw_kind({"a": 3.0, "b": 1.0, "never": 0.0}, rng) for _ in range(2000))
    assert drawn["a"] / 2000 == pytest.approx(0.75, abs=0.04) and drawn["never"] == 0
