"""How the classics are trained: samples, noise that is new each time, depth by steps, the recipes that are shipped."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import streamfix_classic
from streamfix import BadOption, ModelError, UsageError
from streamfix.training import Batch, Material
from streamfix.training import config as configuration
from streamfix_classic.classics import CLASSICS, Name
from streamfix_classic.recipe import Recipe

RECIPES = sorted(Path(streamfix_classic.__file__).parent.glob("recipes/*.toml"))


def batch(recipe: Recipe, material: Material, seed: int = 1) -> Batch:
    drawn = recipe.samples(material, np.random.default_rng(seed), {recipe.kind: 1.0})
    samples = list(itertools.islice(drawn, 4))
    return {name: torch.from_numpy(np.stack([s[name] for s in samples])) for name in samples[0]}


@pytest.mark.parametrize("name", CLASSICS)
def test_samples_have_the_sizes_that_the_network_takes_and_gives(name: Name, material: Material) -> None:
    recipe = Recipe(name, crop=32)
    given = batch(recipe, material)
    small = 32 // CLASSICS[name].scale
    assert given["target"].shape == (4, 1, 32, 32) and given["seen"].shape == (4, 1, small, small)
    assert {values.dtype for values in given.values()} == {torch.float32}
    restored, target = recipe.predict(recipe.network(), recipe.augment(given, np.random.default_rng(1)), pairs=False)
    assert restored.shape == target.shape
    assert 16 / 255 - 0.05 < float(target.mean()) < 235 / 255


@pytest.mark.parametrize("name", ["espcn", "srcnn", "dncnn"])
def test_a_perfect_pupil_restores_the_target(name: Name, material: Material) -> None:
    """The lesson is the prediction's: a network that answers it restores the target."""
    recipe = Recipe(name, crop=32)
    given = batch(recipe, material)
    inputs, answers = recipe.lesson(given)

    class Pupil(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert torch.equal(x, inputs)
            return answers

    restored, target = recipe.predict(Pupil(), given, pairs=False)
    assert torch.allclose(restored, target, atol=1e-5)
    assert recipe.figures(Pupil(), given)["psnr_restored"] > 55


def test_the_same_seed_gives_the_same_samples(material: Material) -> None:
    recipe = Recipe("dncnn", crop=32)
    a, b, other = (batch(recipe, material, seed) for seed in (4, 4, 5))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["target"], other["target"])


def test_what_is_seen_is_the_target_made_small(material: Material) -> None:
    """Turned or not: the mean over each small pixel is nearly that of the target there."""
    recipe = Recipe("espcn", crop=32)
    given = recipe.augment(batch(recipe, material), np.random.default_rng(3))
    means = torch.nn.functional.avg_pool2d(given["target"], 2)
    assert float((means - given["seen"]).abs().mean()) < 0.02
    assert torch.allclose((given["seen"] * 255).round(), given["seen"] * 255, atol=1e-3)


def test_a_picture_has_other_noise_each_time_and_of_the_right_strength(material: Material) -> None:
    recipe, rng = Recipe("autoencoder", crop=48), np.random.default_rng(1)
    given = batch(recipe, material)
    one, two = (recipe.augment(given, rng) for _ in range(2))
    noises = [b["seen"] - b["target"] for b in (given, one, two)]
    for noise in noises:
        assert float(noise.std()) == pytest.approx(25 / 255, rel=0.05)
    assert not torch.equal(noises[1], noises[2])


def test_the_mix_has_the_one_kind_that_the_network_is_for() -> None:
    Recipe("espcn").check({"shrunk": 1.0})
    with pytest.raises(UsageError, match=r"classic recipe: no kind of degradation 'shrunk'.*there are: noisy"):
        Recipe("dncnn").check({"shrunk": 1.0})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": "edsr"}, "no network 'edsr'; there are: srcnn"),
        ({"network": "espcn", "crop": 40}, "crop=40 must be a multiple of 16"),
        ({"network": "espcn", "depth": 8}, "depth=8 is for vdsr and dncnn"),
        ({"network": "vdsr", "depth": 2}, "depth=2 is for vdsr and dncnn, and at least 3"),
    ],
)
def test_bad_options_name_their_remedy(options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        Recipe(**options)


def test_without_photographs_it_says_what_to_do(material: Material) -> None:
    with pytest.raises(ModelError, match="no photographs; make one with: streamfix train data"):
        batch(Recipe("espcn"), Material({}, material.clips))


def test_a_deep_network_begins_with_the_weights_of_a_shallow_one() -> None:
    shallow, deep = Recipe("vdsr", depth=4), Recipe("vdsr")
    weights, network = shallow.network().state_dict(), deep.network()
    deep.begin_with(network, weights)
    assert torch.equal(network.state_dict()["layers.0.weight"], weights["layers.0.weight"])
    with pytest.raises(ModelError, match="weights of 20 layers do not fit a network of 4"):
        shallow.begin_with(shallow.network(), network.state_dict())
    with pytest.raises(ModelError):
        deep.begin_with(network, Recipe("espcn").network().state_dict())


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_recipe_that_is_shipped_can_be_run(path: Path) -> None:
    config = configuration.load(path)
    recipe = Recipe(**config.recipe)
    recipe.check(config.stages[-1].mix)
    assert path.stem.startswith(recipe.name)


def test_there_is_a_recipe_for_every_network() -> None:
    assert {path.stem for path in RECIPES} >= set(CLASSICS)
