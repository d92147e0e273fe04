"""How `deblock` is trained: its kinds of clips, its samples, and those of the network that measures levels."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from streamfix import BadOption, UsageError
from streamfix.training import Material, Planes420
from streamfix_deblock import clips, levels_recipe
from streamfix_deblock.recipe import Recipe


@pytest.mark.parametrize("kind", clips.KINDS)
def test_every_kind_gives_samples_of_one_shape(kind: str, material: Material) -> None:
    samples = Recipe(crop=64, margin=8, frames=10).samples(material, np.random.default_rng(1), {kind: 1.0})
    for sample in itertools.islice(samples, 12):
        shapes = {name: values.shape for name, values in sample.items()}
        assert shapes == {**dict.fromkeys(("frame", "fused", "target"), (2, 6, 32, 32)), "variance": (2, 1, 32, 32)}
        assert {values.dtype for values in sample.values()} == {np.dtype(np.float32)}
        assert all(np.isfinite(values).all() for values in sample.values())


def test_the_same_seed_gives_the_same_samples(material: Material) -> None:
    recipe = Recipe(crop=64, margin=8, frames=10)
    a, b, other = (next(recipe.samples(material, np.random.default_rng(s), {"coded": 1.0})) for s in (4, 4, 5))
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert not np.array_equal(a["frame"], other["frame"])


def test_clean_clips_have_nothing_to_undo_and_coded_ones_have(material: Material) -> None:
    for seed in range(4):
        made = clips.KINDS["clean"](material, np.random.default_rng(seed), 10, 64)
        assert np.array_equal(made.coded.y, made.clean.y) and np.array_equal(made.coded.uv, made.clean.uv)
        made = clips.KINDS["coded"](material, np.random.default_rng(seed), 10, 64)
        assert not np.array_equal(made.coded.y, made.clean.y)


def test_looks_keep_shape_and_what_is_grey() -> None:
    """A grey picture is grey however it is made soft, larger or sharper; only contrast changes its level."""
    grey = Planes420(np.full((3, 32, 48), 16 / 255, np.float32), np.full((3, 16, 24, 2), 128 / 255, np.float32))
    for seed in range(20):
        made = clips.look(grey, np.random.default_rng(seed))
        assert made.y.shape == grey.y.shape and made.uv.shape == grey.uv.shape
        assert np.abs(made.y - grey.y).max() < 1e-4 and np.abs(made.uv - grey.uv).max() < 1e-4


@pytest.mark.parametrize(
    ("mix", "message"), [({"codd": 1.0}, r"did you mean 'coded'\?"), ({"clean": 0.0}, "one must be above 0")]
)
def test_a_wrong_mix_is_named(mix: dict[str, float], message: str) -> None:
    for recipe in (Recipe(), levels_recipe.Recipe()):
        with pytest.raises(UsageError, match=f"{recipe.task} recipe: .*{message}"):
            recipe.check(mix)


@pytest.mark.parametrize("options", [{"crop": 100}, {"margin": 15}, {"margin": 4}, {"frames": 9}])
def test_sizes_that_do_not_fit_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadOption, match=f"{next(iter(options))}="):
        Recipe(**options)


def test_levels_are_learnt_from_the_same_clips(material: Material) -> None:
    recipe = levels_recipe.Recipe(crop=64, frames=6)
    samples = list(itertools.islice(recipe.samples(material, np.random.default_rng(1), {"coded": 1.0}), 4))
    batch = {name: torch.from_numpy(np.stack([s[name] for s in samples])) for name in samples[0]}
    network = recipe.network()
    inputs, answers = recipe.lesson(recipe.augment(batch, np.random.default_rng(2)))
    assert inputs.shape == (4, 6, 32, 32) and answers.shape == network(inputs).shape == (4, 2, 4, 4)
    with torch.no_grad():
        assert set(recipe.figures(network, batch)) == {
            *("octaves_y", "octaves_uv", "octaves_of_pictures_y", "octaves_of_pictures_uv")
        }
        assert [title for title, _ in recipe.pictures(network, batch)] == ["coded", "found", "true", "clean"]


def test_the_network_restores_what_its_lesson_asks_for(material: Material) -> None:
    """A network that gives the lesson's answers restores the target exactly."""
    recipe = Recipe(crop=64, margin=8, frames=10)
    samples = list(itertools.islice(recipe.samples(material, np.random.default_rng(1), {"coded": 1.0}), 3))
    batch = {name: torch.from_numpy(np.stack([s[name] for s in samples])) for name in samples[0]}
    _, answers = recipe.lesson(batch)

    class Pupil(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return answers

    restored, target = recipe.predict(Pupil(), batch, pairs=False)
    assert torch.allclose(restored, target, atol=1e-5)
