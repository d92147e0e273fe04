"""How `denoise` is trained: its samples, their turning, and the arithmetic around the network."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from streamfix import BadOption, UsageError
from streamfix.fusion import pack420, unpack420
from streamfix.models.correction import _LEAST, INPUTS, corrected, seen, sigma_left, wanted
from streamfix.training import Material
from streamfix_denoise import clips
from streamfix_denoise.recipe import Recipe


@pytest.mark.parametrize("kind", clips.KINDS)
def test_every_kind_gives_samples_of_one_shape(kind: str, material: Material) -> None:
    recipe = Recipe(crop=64, margin=8, frames=10, long_frames=12)
    samples = recipe.samples(material, np.random.default_rng(1), {kind: 1.0})
    for sample in itertools.islice(samples, 24):
        shapes = {name: values.shape for name, values in sample.items()}
        planes = dict.fromkeys(("frame", "fused", "target"), (2, 6, 32, 32))
        assert shapes == {**planes, "variance": (2, 1, 32, 32), "sigma": (2, 2)}
        assert {values.dtype for values in sample.values()} == {np.dtype(np.float32)}
        assert all(np.isfinite(values).all() for values in sample.values())
        assert sample["sigma"].min() >= 0 and sample["sigma"].max() < 1
        assert sample["variance"].min() > 0 and sample["variance"].max() <= 1


def test_the_same_seed_gives_the_same_samples(material: Material) -> None:
    recipe = Recipe(crop=64, margin=8, frames=10, long_frames=12)
    a, b, other = (next(recipe.samples(material, np.random.default_rng(s), {"gaussian": 1.0})) for s in (4, 4, 5))
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert not np.array_equal(a["frame"], other["frame"])


def test_what_is_clean_has_nothing_to_learn_but_that(material: Material) -> None:
    made = clips.KINDS["clean"](material, np.random.default_rng(2), 10, 64)
    assert np.array_equal(made.noisy.y, made.clean.y) and np.array_equal(made.noisy.uv, made.clean.uv)


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        ({"gausian": 1.0}, r"did you mean 'gaussian'\?"),
        ({"clean": 0.0}, "one must be above 0"),
        ({"clean": -1.0}, "no share may be negative"),
    ],
)
def test_a_wrong_mix_is_named(mix: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Recipe().check(mix)


def test_packing_is_undone_by_unpacking() -> None:
    rng = np.random.default_rng(3)
    luma, chroma = rng.random((12, 20), np.float32), rng.random((6, 10, 2), np.float32)
    assert all(np.array_equal(a, b) for a, b in zip(unpack420(pack420(luma, chroma)), (luma, chroma), strict=True))


def test_without_a_correction_the_fused_frame_stays() -> None:
    fused, left = torch.rand(2, 6, 8, 12), torch.rand(2, 2, 8, 12)
    assert torch.equal(corrected(fused, left, torch.zeros_like(fused)), fused)


def test_the_wanted_correction_makes_what_is_wanted() -> None:
    fused, restored, left = torch.rand(2, 6, 8, 12), torch.rand(2, 6, 8, 12), torch.rand(2, 2, 8, 12)
    assert torch.allclose(corrected(fused, left, wanted(fused, left, restored)), restored, atol=1e-6)


def test_noise_looks_the_same_however_strong_it_is() -> None:
    """A noise pattern on grey is seen as the same numbers at 20 codes and at 40, up to the least unit."""
    pattern = torch.randn(1, 6, 16, 16, generator=torch.Generator().manual_seed(1))
    shown = []
    for sigma in (20 / 255, 40 / 255):
        fused = 0.5 + sigma * pattern
        told = torch.full((1, 2), sigma)
        left = sigma_left(torch.ones(1, 1, 16, 16), told)
        shown.append(seen(fused, fused, left, told))
    assert shown[0].shape == (1, INPUTS, 16, 16)
    ratio = shown[1][:, :6].std() / shown[0][:, :6].std()
    assert 1 < float(ratio) < 1.1


def test_what_the_network_sees_is_enough_to_undo_the_noise_by_a_fixed_part() -> None:
    """On flat grey, taking away what is seen of the fused frame leaves its local mean, at any noise."""
    for sigma in (5 / 255, 50 / 255):
        told = torch.full((1, 2), sigma)
        left = sigma_left(torch.full((1, 1, 32, 32), 0.5), told)
        fused = 0.5 + left[:, :1] * torch.randn(1, 6, 32, 32, generator=torch.Generator().manual_seed(2))
        restored = corrected(fused, left, seen(fused, fused, left, told)[:, :6])
        assert float((restored - 0.5).std()) < 0.2 * float((fused - 0.5).std())


def test_where_noise_goes_the_correction_goes_with_it() -> None:
    """Contrast and noise k times as strong: the same is seen, so what is taken away is k times as much.

    Up to the least unit, which noise must be told as that much weaker for this to hold exactly.
    """
    seeded = torch.Generator().manual_seed(4)
    network = torch.nn.Conv2d(12, 6, 3, padding=1)  # any network at all, of what is measured in noise
    detail, error = 0.1 * torch.randn(2, 1, 6, 16, 16, generator=seeded)
    results, k = [], 3.0
    for scale in (1.0, k):
        fused, frame = 0.5 + scale * detail, 0.5 + scale * (detail + error)
        told = torch.full((1, 2), scale * (0.04 + _LEAST) - _LEAST)
        left = sigma_left(torch.ones(1, 1, 16, 16), told)
        with torch.no_grad():
            results.append(corrected(fused, left, network(seen(fused, frame, left, told)[:, :12])) - fused)
    assert results[0].abs().max() > 0.01
    assert torch.allclose(results[1], k * results[0], atol=1e-5)


def test_a_new_network_restores_the_fused_frame(material: Material) -> None:
    """Its figures are those of the fused frame, for single pictures and in pairs."""
    recipe = Recipe("xs", crop=64, margin=8, frames=10, long_frames=12)
    samples = itertools.islice(recipe.samples(material, np.random.default_rng(1), {"gaussian": 1.0}), 2)
    chosen = list(samples)
    batch = {name: torch.from_numpy(np.stack([s[name] for s in chosen])) for name in chosen[0]}
    network = recipe.network()
    with torch.no_grad():
        for pairs, at in ((True, slice(None)), (False, 1)):
            restored, target = recipe.predict(network, batch, pairs)
            assert torch.equal(restored, batch["fused"][:, at]) and torch.equal(target, batch["target"][:, at])
        figures = recipe.figures(network, batch)
    assert figures["psnr_restored_y"] == figures["psnr_fused_y"]
    assert [title for title, _ in recipe.pictures(network, batch)] == ["frame", "fused", "restored", "clean"]


def test_turning_a_batch_turns_all_that_has_a_place_and_nothing_else() -> None:
    """Whatever the turn, planes that were equal to each other stay so, and noise levels stay as they are."""
    picture = torch.rand(2, 2, 6, 8, 8)
    batch = dict.fromkeys(("frame", "fused", "target"), picture)
    batch |= {"variance": picture[:, :, 4:5], "sigma": torch.rand(2, 2, 2)}
    turns = set()
    for seed in range(12):
        turned = Recipe().augment(batch, np.random.default_rng(seed))
        assert torch.equal(turned["frame"], turned["fused"]) and torch.equal(turned["frame"], turned["target"])
        assert torch.equal(turned["variance"], turned["frame"][:, :, 4:5])
        assert torch.equal(turned["sigma"], batch["sigma"])
        turns.add(turned["frame"].numpy().tobytes())
    assert len(turns) > 4


@pytest.mark.parametrize("options", [{"crop": 100}, {"margin": 3}, {"frames": 9}, {"long_frames": 5}])
def test_options_that_make_no_sample_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(BadOption, match=f"{next(iter(options))}={next(iter(options.values()))}"):
        Recipe("s", **options)
