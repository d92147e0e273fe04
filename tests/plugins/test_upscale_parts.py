"""What `upscale` is made of: interpolation, the history, and the arithmetic between networks and pictures."""

from __future__ import annotations

import itertools
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from streamfix import BadOption, Tiler
from streamfix.color import scale_chroma
from streamfix.frame import PixelFormat
from streamfix.fusion import Area, Tile, pack420
from streamfix.motion import Floats
from streamfix.networks import RDN, Dense, Flat
from streamfix.training import Material
from streamfix_upscale import arithmetic, bicubic
from streamfix_upscale import history as history_module
from streamfix_upscale.arithmetic import Scale
from streamfix_upscale.clips import reduced
from streamfix_upscale.history import History
from streamfix_upscale.recipe import Recipe
from streamfix_upscale.three_quarters import reduced as reduced_by_a_quarter

SCALES = (2, 4)
TIERS = ("s", "q")


def pictures(seed: int, height: int = 12, width: int = 16, batch: int = 2) -> Tensor:
    return torch.rand(batch, 6, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("scale", SCALES)
def test_luma_is_interpolated_as_in_the_literature(scale: int) -> None:
    """torch's antialiased bicubic has a = -0.5, as MATLAB's; edges are treated in other ways."""
    packed = pictures(1)
    want = F.interpolate(bicubic.luma_of(packed), scale_factor=scale, mode="bicubic", antialias=True)
    got = bicubic.luma_of(bicubic.enlarged(packed, scale))
    inside = (..., slice(2 * scale, -2 * scale), slice(2 * scale, -2 * scale))
    assert torch.allclose(got[inside], want[inside], atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
def test_chroma_keeps_its_siting(scale: int) -> None:
    """A ramp is where the pipeline's own enlargement puts it: level with the left luma sample."""
    across = torch.arange(24.0).expand(20, 24) / 30
    down = torch.arange(20.0)[:, None].expand(20, 24) / 30
    ramps = torch.stack((across, down))
    at = ((torch.arange(24 * scale) * 2 + 0.5) / scale - 0.5) / 2  # in samples of the smaller picture
    got = bicubic.interleave(bicubic.chroma_planes(ramps[None], scale), scale)[0]
    inside = slice(3 * scale, -3 * scale)
    assert torch.allclose(got[0, :, inside], (at / 30).expand(20 * scale, -1)[:, inside], atol=1e-6)
    same = scale_chroma(ramps, scale, (40 * scale, 48 * scale), PixelFormat("", "yuv", 8, 1, 1))
    assert (got - same)[:, inside, inside].abs().max() < 0.002


@pytest.mark.parametrize("scale", SCALES)
def test_an_answer_is_undone_by_what_should_be_answered(scale: int) -> None:
    packed, target = pictures(1), pictures(2, 12 * scale, 16 * scale)
    enlarged = bicubic.enlarged(packed, scale)
    answer = arithmetic.answer_for(enlarged, target, scale)
    got = arithmetic.picture(enlarged, answer, scale)
    assert torch.allclose(got[:, :4], target[:, :4], atol=1e-5)
    assert torch.equal(got[:, 4:], enlarged[:, 4:])


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("tier", TIERS)
def test_an_untrained_network_gives_bicubic_interpolation(scale: int, tier: str) -> None:
    name, packed = f"x{scale}-{tier}", pictures(1)
    remembered, trust = torch.rand(2, 1, 24 * scale, 32 * scale), torch.rand(2, 1, 24, 32)
    answer = arithmetic.network(name)(arithmetic.seen(bicubic.luma_of(packed), remembered, trust, scale))
    enlarged = bicubic.enlarged(packed, scale)
    assert torch.equal(arithmetic.picture(enlarged, answer, scale), enlarged)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31), st.sampled_from(SCALES))
def test_means_over_recorded_pixels_can_be_kept(seed: int, scale: int) -> None:
    packed = pictures(seed)
    kept = pictures(seed + 1, 12 * scale, 16 * scale)
    arithmetic.keep_means(kept, packed, scale)
    for got, want in (
        (bicubic.luma_of(kept), bicubic.luma_of(packed)),
        (kept[:, 4:], packed[:, 4:]),
    ):
        assert torch.allclose(F.avg_pool2d(got, scale), want, atol=1e-5)


def scene(height: int, width: int, seed: int = 3) -> Floats:
    """Detail down to three pixels."""
    noise = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    soft = np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.2), np.float32)
    stretched: Floats = 0.1 + 0.8 * (soft - soft.min()) / (soft.max() - soft.min())
    return stretched


def enlarged_luma(low: Floats, scale: int) -> Floats:
    return np.asarray(bicubic.interleave(bicubic.luma_planes(low[None, None], scale), scale)[0, 0])


@pytest.mark.parametrize("scale", SCALES)
def test_a_moving_scene_shows_more_than_one_frame_has(scale: int) -> None:
    """Half a pixel of motion a frame: what one sampling misses another has."""
    side, frames = 96, 8
    large = scene(side * scale + 4 * frames * scale, side * scale + 4 * frames * scale)
    history, errors = History(scale), []
    for t in range(frames):
        shift = 2 * scale * frames - t * (scale // 2 + scale)  # one and a half pixels of the smaller size
        high = large[shift : shift + side * scale, shift : shift + side * scale]
        low = np.asarray(cv2.resize(high, (side, side), interpolation=cv2.INTER_AREA), np.float32)
        base = enlarged_luma(low, scale)
        got = history.step(low, base)
        inside = (slice(16 * scale, -16 * scale),) * 2
        errors.append([float(np.mean((picture - high)[inside] ** 2)) for picture in (base, base + got.more)])
    assert errors[-1][1] < 0.8 * errors[-1][0]


@pytest.mark.parametrize("scale", SCALES)
def test_a_history_trusts_what_stands_still_and_nothing_of_another_scene(scale: int) -> None:
    history, low = History(scale), scene(64, 80)
    base = enlarged_luma(low, scale)
    assert history.step(low, base).trust.max() == 0  # of a first frame
    assert history.step(low, base).trust.min() > 0.99
    other = 1 - scene(64, 80, seed=8)
    got = history.step(other, enlarged_luma(other, scale))
    assert got.trust.mean() < 0.2


def test_a_history_changes_neither_of_its_pictures() -> None:
    history, low = History(2), scene(64, 64)
    base = enlarged_luma(low, 2)
    before = low.copy(), base.copy()
    for _ in range(3):
        history.step(low, base)
    assert np.array_equal(low, before[0]) and np.array_equal(base, before[1])


@pytest.mark.parametrize("scale", SCALES)
def test_a_history_is_the_same_in_tiles(scale: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 80x64 pixels, moving in one half and standing still in the other."""
    one, other = scene(64, 160), scene(64, 160, seed=4)
    frames = [np.hstack([one[:, :80], other[:, 3 * t : 3 * t + 80]]) for t in range(3)]

    def run() -> list[Floats]:
        history = History(scale)
        found = [history.step(y, enlarged_luma(y, scale)) for y in frames]
        return [picture for each in found for picture in (each.more, each.trust)]

    whole = run()
    calls: list[int] = []

    def in_small_tiles(work: Any, height: int, width: int) -> None:
        edges = [0, 13, 31, height], [0, 70, 84, width]
        for top, bottom in itertools.pairwise(edges[0]):
            for left, right in itertools.pairwise(edges[1]):
                calls.append(1)
                work(Tile(Area(top, bottom, left, right), height, width))

    monkeypatch.setattr(history_module, "each_tile", in_small_tiles)
    for a, b in zip(whole, run(), strict=True):
        assert np.abs(a - b).max() < 1e-5
    assert len(calls) == 2 * 9 and np.abs(whole[-2]).max() > 0.01


ROOM = st.integers(1, 12)


@settings(deadline=None, max_examples=25)
@given(ROOM, ROOM, st.sampled_from(SCALES), st.integers(1, 3), st.integers(0, 99))
def test_numpy_and_pytorch_compute_the_same(rows: int, columns: int, scale: int, batch: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = 4 * rows, 4 * columns
    packed = rng.random((batch, 6, height, width), np.float32)
    more = rng.random((batch, 1, 2 * height * scale, 2 * width * scale), np.float32) - np.float32(0.5)
    trust = rng.random((batch, 1, 2 * height, 2 * width), np.float32)
    answer = rng.standard_normal((batch, scale * scale, 2 * height, 2 * width), np.float32)

    def results(packed: Any, more: Any, trust: Any, answer: Any) -> list[Any]:
        luma, enlarged = bicubic.luma_of(packed), bicubic.enlarged(packed, scale)
        x, alone = arithmetic.seen(luma, more, trust, scale), arithmetic.seen(luma, None, None, scale)
        large = arithmetic.picture(enlarged, answer, scale)
        kept = arithmetic.picture(large, 0 * answer, scale)
        arithmetic.keep_means(kept, packed, scale)
        return [enlarged, x, alone, large, kept, reduced_by_a_quarter(large)]

    given = packed, more, trust, answer
    found = results(*given)
    for array, tensor in zip(found, results(*(torch.from_numpy(a) for a in given)), strict=True):
        assert isinstance(array, np.ndarray) and array.shape == tuple(tensor.shape)
        np.testing.assert_allclose(array, tensor.numpy(), atol=2e-5)  # torch's own weights are no more exact
    again = arithmetic.seen(bicubic.luma_of(packed), more, trust, scale, reuse=True)
    assert np.array_equal(again, found[1])
    assert arithmetic.seen(bicubic.luma_of(packed), more, trust, scale, reuse=True) is again
    assert arithmetic.picture(found[0], answer, scale, reuse=True) is found[0]
    assert np.array_equal(found[0], found[3])


@pytest.mark.parametrize("size", [(4, 8), (60, 132)])
def test_three_quarters_keep_places_and_levels(size: tuple[int, int]) -> None:
    height, width = size
    row = (np.arange(2 * width, dtype=np.float32) + np.float32(0.5)) / np.float32(2 * width)
    ramp, grey = np.tile(row, (2 * height, 1)), np.full((height, width, 2), 0.5, np.float32)
    packed = np.stack([pack420(ramp, grey)] * 2)
    got = reduced_by_a_quarter(packed)
    want = (np.arange(width * 3 // 2) + 0.5) / (width * 3 // 2)
    luma = bicubic.luma_of(got)
    assert luma.shape == (2, 1, height * 3 // 2, width * 3 // 2)
    assert np.abs(luma - want)[..., 4:-4].max() < 0.05 / (width * 3 // 2)  # a twentieth of a pixel
    assert np.abs(got[:, 4:] - 0.5).max() < 1e-6


@pytest.mark.parametrize("how", ["bicubic", "area", "lens"])
def test_reductions_keep_levels(how: str) -> None:
    grey = np.full((2, 32, 48, 3), 0.4, np.float32)
    small = reduced(grey, 2, how, 0.5)
    assert small.shape == (2, 16, 24, 3) and np.abs(small - 0.4).max() < 1e-5


@pytest.mark.parametrize("kind", ["still", "clean", "noisy", "coded"])
@pytest.mark.parametrize("scale", SCALES)
def test_every_kind_gives_samples_of_one_shape(kind: str, scale: int, material: Material) -> None:
    recipe = Recipe(scale=scale, tier="s", crop=32, margin=8, frames=4, samples=2)  # type: ignore[arg-type]
    samples = recipe.samples(material, np.random.default_rng(1), {kind: 1.0})
    for sample in itertools.islice(samples, 5):
        assert {name: values.shape for name, values in sample.items()} == {
            "low": (2, 6, 16, 16),
            "target": (2, 6, 16 * scale, 16 * scale),
            "history": (2, 1, 32 * scale, 32 * scale),
            "trust": (2, 1, 32, 32),
        }
        assert all(np.isfinite(values).all() for values in sample.values())


@pytest.mark.parametrize("tier", TIERS)
def test_the_recipe_restores_what_its_lesson_asks_for(tier: Any, material: Material) -> None:
    """A network that gives the lesson's answers restores the target's luma."""
    recipe = Recipe(tier=tier, crop=32, margin=8, frames=4, samples=2)
    samples = list(itertools.islice(recipe.samples(material, np.random.default_rng(1), {"clean": 1.0}), 3))
    batch = {name: torch.from_numpy(np.stack([s[name] for s in samples])) for name in samples[0]}
    batch = recipe.augment(batch, np.random.default_rng(0))
    _, answers = recipe.lesson(batch)

    class Pupil(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return answers

    restored, target = recipe.predict(Pupil(), batch, pairs=False)
    assert torch.allclose(restored[:, :4], target[:, :4], atol=1e-5)


@pytest.mark.parametrize(
    "options", [{"crop": 36}, {"margin": 5}, {"samples": 9}, {"scale": 3}, {"tier": "m"}, {"crop": 40, "margin": 6}]
)
def test_a_recipe_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(BadOption, match="upscale recipe"):
        Recipe(**options)


@pytest.mark.parametrize("scale", SCALES)
def test_places_in_the_input_follow_the_picture(scale: int) -> None:
    """What is told of the history lies in the planes in which pixel_unshuffle puts it."""
    packed, trust = pictures(1), torch.rand(2, 1, 24, 32)
    remembered = torch.rand(2, 1, 24 * scale, 32 * scale)
    x = arithmetic.seen(bicubic.luma_of(packed), remembered, trust, scale)
    want = F.pixel_unshuffle(remembered, scale) * trust * arithmetic.GAIN
    assert torch.allclose(x[:, -want.shape[1] :], want, atol=1e-5)


def test_interleaving_is_torchs_shuffle_and_a_gpus_interpolation_is_the_cpus() -> None:
    planes = torch.rand(2, 32, 6, 8)
    assert torch.equal(bicubic.interleave(planes, 4), F.pixel_shuffle(planes, 4))
    packed = pictures(1)

    class Elsewhere:
        """As a tensor on another device: the way of torch's own convolutions."""

        type = "other"

    with pytest.MonkeyPatch.context() as patch:
        here = bicubic.enlarged(packed, 4)
        patch.setattr(Tensor, "device", Elsewhere())
        there = bicubic.enlarged(packed, 4)
    assert torch.allclose(here, there, atol=1e-6)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("tier", TIERS)
def test_large_pictures_are_run_in_tiles_without_seams(scale: int, tier: str) -> None:
    name = f"x{scale}-{tier}"
    torch.manual_seed(1)
    network: Any = arithmetic.network(name).eval()
    torch.nn.init.normal_(network.tail.weight, std=0.02)  # it starts at zero
    x = torch.rand(1, arithmetic.info(name).channels, 96, 160) - 0.5
    with torch.inference_mode():
        whole, tiled = network(x), Tiler(network, arithmetic.info(name), tile=64)(x)
    assert whole.abs().max() > 0.1
    assert (tiled - whole).abs().max() < 1e-3


@pytest.mark.parametrize("scale", SCALES)
def test_the_network_for_clean_pictures_begins_with_what_the_other_gives(scale: Scale) -> None:
    """But for the border, behind which the one sees black and the other grey."""
    torch.manual_seed(1)
    other = arithmetic.network(f"x{scale}-s")
    assert isinstance(other, Flat)
    torch.nn.init.normal_(other.tail.weight)
    clean = Recipe(scale=scale, clean=True)
    network = clean.network()
    clean.begin_with(network, other.state_dict())
    x = arithmetic.seen(bicubic.luma_of(pictures(4, 24, 28)), None, None, scale)
    wanted = other(x)
    got = network(arithmetic.for_clean(x))
    inside = (..., slice(12, -12), slice(12, -12))
    assert torch.allclose(got[inside], wanted[inside], atol=1e-4)
    assert not torch.allclose(got, wanted, atol=1e-2)


def test_the_weights_of_the_classic_give_the_same_behind_our_input() -> None:
    """The residual dense network of `classic` sees luma alone; here it begins with luma's detail and its means."""
    torch.manual_seed(3)
    classic = RDN(2)
    torch.nn.init.normal_(classic.sub_pixels.weight, std=0.1)
    network = Dense(7, 4)
    network.load_state_dict(arithmetic.adapted_for_clean(classic.state_dict(), 7))
    luma, mean = torch.rand(1, 1, 24, 32), 0.4
    seen = torch.zeros(1, 7, 24, 32)
    seen[:, :1], seen[:, 1:2] = (luma - mean) * arithmetic.GAIN, mean
    with torch.inference_mode():
        found = torch.nn.functional.pixel_shuffle(network(arithmetic.for_clean(seen)), 2)
        assert torch.allclose(found, classic((luma - 0.5) * 4), atol=1e-4)
