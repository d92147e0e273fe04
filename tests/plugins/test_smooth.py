"""The filter `smooth`: what it promises, stated on synthetic scenes with known truth and known noise."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from streamfix import BadOption, layout
from streamfix.filters.base import Filter
from streamfix.filters.tensors import called
from streamfix.fusion import NoiseEstimator, pack420, unpack420
from streamfix.motion import Floats
from streamfix.registry import Registry
from streamfix_smooth import Smooth

SIGMA = 12 / 255
Scene = Callable[[int], tuple[Floats, Floats]]  # frame number -> luma (H, W), chroma (H/2, W/2, 2)


def texture(height: int, width: int, seed: int) -> Floats:
    """Random luma from 0.2 to 0.8 with detail of several sizes."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.random((height // s + 2, width // s + 2)), (width, height)) for s in (3, 7, 24)]
    return np.asarray(0.2 + 0.6 * np.mean(layers, axis=0), np.float32)


def static(height: int = 96, width: int = 128, seed: int = 0) -> Scene:
    luma = texture(height, width, seed)
    chroma = np.dstack([texture(height // 2, width // 2, seed + 1), texture(height // 2, width // 2, seed + 2)])
    return lambda t: (luma, chroma)


def moving_square(t: int) -> tuple[Floats, Floats]:
    """A bright, coloured square of 24 pixels going right by 4 pixels a frame before a static background."""
    luma, chroma = static(96, 160)(t)
    luma, chroma = luma.copy(), chroma.copy()
    left = 8 + 4 * t
    luma[36:60, left : left + 24] = 0.95
    chroma[18:30, left // 2 : left // 2 + 12] = (0.2, 0.9)
    return luma, chroma


def panning(t: int) -> tuple[Floats, Floats]:
    """The camera turns: 3 pixels right and 1 down a frame."""
    luma, chroma = static(220, 320)(t)
    return luma[t : t + 96, 2 * t : 2 * t + 128], chroma[t // 2 : t // 2 + 48, t : t + 64]


def pack(luma: Floats, chroma: Floats) -> Tensor:
    """(1, 1, 6, H/2, W/2), the layout yuv420."""
    planes = [luma[0::2, 0::2], luma[0::2, 1::2], luma[1::2, 0::2], luma[1::2, 1::2], chroma[..., 0], chroma[..., 1]]
    return torch.from_numpy(np.stack(planes).astype(np.float32))[None, None]


def luma_of(packed: Tensor) -> Floats:
    return np.asarray(torch.pixel_shuffle(packed[0, 0, :4], 2)[0].numpy(), np.float32)


def noisy(scene: Scene, frames: int, sigma: float = SIGMA, seed: int = 0) -> list[Tensor]:
    rng = np.random.default_rng(seed)
    clean = [pack(*scene(t)) for t in range(frames)]
    return [x + torch.from_numpy(rng.normal(0, sigma, x.shape).astype(np.float32)) for x in clean]


def run(frames: Sequence[Tensor], **options: object) -> list[Tensor]:
    smooth = Smooth(**options)  # type: ignore[arg-type]  # each test says which
    state = smooth.init_state()
    return [called(smooth, x, [state]) for x in frames]


def rms(a: Tensor | Floats, b: Tensor | Floats) -> float:
    return float(((torch.as_tensor(a) - torch.as_tensor(b)) ** 2).mean().sqrt())


def known(sigma: float = SIGMA) -> float:
    """The option `sigma` for noise of `sigma` in [0, 1] units."""
    return 255 * sigma


# What every recursive filter owes


def test_same_frames_give_the_same_result() -> None:
    frames = noisy(panning, 6)
    for a, b in zip(run(frames), run(frames), strict=True):
        assert torch.equal(a, b)


def test_batched_is_alone_bit_exactly() -> None:
    streams = [noisy(panning, 5), noisy(static(seed=7), 5, seed=1), noisy(static(seed=9), 5, 2 * SIGMA, seed=2)]
    smooth = Smooth()
    states = [smooth.init_state() for _ in streams]
    together = [called(smooth, torch.cat(frames), states) for frames in zip(*streams, strict=True)]
    for number, frames in enumerate(streams):
        for batch, alone in zip(together, run(frames), strict=True):
            assert torch.equal(batch[number : number + 1], alone)


def test_results_are_not_overwritten_by_later_frames() -> None:
    smooth = Smooth()
    state = smooth.init_state()
    frames = noisy(static(), 3)
    first = called(smooth, frames[0], [state])
    kept = first.clone()
    for x in frames[1:]:
        called(smooth, x, [state])
    assert torch.equal(first, kept)


def test_input_is_left_alone() -> None:
    frames = noisy(static(), 3)
    before = [x.clone() for x in frames]
    run(frames)
    assert all(torch.equal(a, b) for a, b in zip(frames, before, strict=True))


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (3, 2), (16, 200), (31, 33), (33, 47), (180, 321)])
def test_any_size(size: tuple[int, int]) -> None:
    """size: of the packed planes."""
    h, w = size
    frames = noisy(static(2 * h, 2 * w), 3)
    for x, y in zip(frames, run(frames), strict=True):
        assert y.shape == x.shape
        assert torch.isfinite(y).all()


@pytest.mark.parametrize("level", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("sigma", ["auto", 0, 20])
def test_constant_frames_stay(level: float, sigma: float | str) -> None:
    frames = [torch.full((1, 1, 6, 40, 48), level)] * 4
    for y in run(frames, sigma=sigma):
        assert (y - level).abs().max() < 1e-5


# Cuts, exposure


def test_nothing_crosses_a_cut_with_a_new_state() -> None:
    smooth = Smooth()
    state = smooth.init_state()
    for x in noisy(static(seed=3), 4):
        called(smooth, x, [state])
    after = noisy(static(seed=20), 3, seed=5)
    state = smooth.init_state()
    for x, alone in zip(after, run(after), strict=True):
        assert torch.equal(called(smooth, x, [state]), alone)


def test_an_unannounced_scene_starts_anew() -> None:
    before, after = noisy(static(seed=3), 4), noisy(static(seed=20), 3, seed=5)
    whole = run([*before, *after], sigma=known())[4:]
    for x, y in zip(whole, run(after, sigma=known()), strict=True):
        assert torch.equal(x, y)


def test_a_new_size_starts_anew() -> None:
    before, after = noisy(static(), 2), noisy(static(64, 160), 2, seed=1)
    for x, y in zip(run([*before, *after], sigma=known())[2:], run(after, sigma=known()), strict=True):
        assert torch.equal(x, y)


@pytest.mark.parametrize("step", [8 / 255, -8 / 255])
def test_a_step_of_the_exposure_is_followed_at_once(step: float) -> None:
    frames = noisy(static(), 12)
    frames = frames[:10] + [x + step for x in frames[10:]]
    out = run(frames, sigma=known())
    assert abs(float((out[10] - frames[10]).mean())) < 0.3 / 255
    for x, y in zip(out[10:], run(frames[10:], sigma=known()), strict=True):
        assert torch.equal(x, y)


# Strength


def test_strength_0_is_the_identity() -> None:
    frames = noisy(panning, 3)
    assert all(torch.equal(x, y) for x, y in zip(frames, run(frames, strength=0.0), strict=True))


def test_more_strength_changes_more() -> None:
    frames = noisy(static(), 8)
    changes = [rms(run(frames, strength=s)[-1], frames[-1]) for s in (0.0, 0.2, 0.5, 0.8, 1.0)]
    assert all(less < more for less, more in itertools.pairwise(changes))


def test_no_noise_no_change() -> None:
    frames = [x.clamp(0, 1) for x in noisy(static(), 4)]
    for x, y in zip(frames, run(frames, sigma=0), strict=True):
        assert (x - y).abs().max() < 1e-6


# Noise removed, picture kept


def test_static_noise_falls_by_the_factor_of_the_average() -> None:
    """A gain of 0.05 leaves 0.05 / 1.95 of the variance, 0.16 of the standard deviation, after some 40 frames.

    The rest is detail that smoothing in space and stray motion cost.
    """
    scene = static()
    clean = pack(*scene(0))
    out = run(noisy(scene, 45), sigma=known())
    left = [rms(luma_of(y), luma_of(clean)) / SIGMA for y in out]
    assert left[0] < 0.85  # one frame: only what can be had in space
    assert left[1] < left[0]
    assert max(left[-5:]) < 0.25
    assert rms(out[-1][:, :, 4:], clean[:, :, 4:]) < 0.25 * SIGMA


def test_a_moving_camera_is_followed() -> None:
    frames, clean = noisy(panning, 24), [pack(*panning(t)) for t in range(24)]
    out = run(frames, sigma=known())
    inside = (slice(12, -12), slice(12, -12))
    assert rms(luma_of(out[-1])[inside], luma_of(clean[-1])[inside]) < 0.6 * SIGMA


def test_a_moving_square_leaves_no_trail() -> None:
    clean = [pack(*moving_square(t)) for t in range(26)]
    out = run(noisy(moving_square, 26), sigma=known())
    for t in range(16, 26):
        behind = (slice(36, 60), slice(8 + 4 * t - 20, 8 + 4 * t - 2))  # what the square left in the last frames
        error = luma_of(out[t])[behind] - luma_of(clean[t])[behind]
        assert abs(float(error.mean())) < 0.15 * SIGMA
        assert rms(error, np.zeros_like(error)) < SIGMA
        tint = (out[t] - clean[t])[0, 0, 4:, 18:30, 4 + 2 * t - 10 : 4 + 2 * t - 1]
        assert tint.mean((1, 2)).abs().max() < 0.25 * SIGMA


@pytest.mark.parametrize("scene", [moving_square, panning, static()], ids=["square", "pan", "static"])
@pytest.mark.parametrize("sigma", [4 / 255, 20 / 255])
def test_ghosts_are_bounded(scene: Scene, sigma: float) -> None:
    """The mean over 5x5 pixels of what was changed stays within what noise can do to such a mean.

    Its standard deviation is sigma / 5; the largest of many thousands of means lies at about 4 of them.
    """
    for x, y in zip(frames := noisy(scene, 20, sigma), run(frames, sigma=known(sigma)), strict=True):
        changed = np.abs(cv2.blur(luma_of(x) - luma_of(y), (5, 5))) / (sigma / 5)
        assert np.quantile(changed, 0.995) < 3.5
        assert changed.max() < 6


def test_no_pixel_goes_further_than_four_sigma() -> None:
    for x, y in zip(frames := noisy(moving_square, 12, 3 * SIGMA), run(frames, sigma=known()), strict=True):
        assert (x - y).abs().max() <= 4.001 * SIGMA


@pytest.mark.parametrize("scene", [moving_square, panning, static()], ids=["square", "pan", "static"])
def test_clean_footage_is_left_nearly_as_it_is(scene: Scene) -> None:
    """At least 45 dB, with nobody telling that it is clean; 8-bit rounding is its only noise."""
    frames = [torch.round(pack(*scene(t)) * 255) / 255 for t in range(16)]
    for x, y in zip(frames, run(frames), strict=True):
        assert -20 * np.log10(max(rms(luma_of(x), luma_of(y)), 1e-9)) > 45


def test_blind_is_nearly_as_good_as_told() -> None:
    scene = static()
    frames, clean = noisy(scene, 20), pack(*scene(0))
    assert rms(run(frames)[-1], clean) < 1.15 * rms(run(frames, sigma=known())[-1], clean)


# Noise estimation


@pytest.mark.parametrize("sigma", [2 / 255, 6 / 255, 12 / 255, 25 / 255])
@pytest.mark.parametrize("scene", [panning, static()], ids=["pan", "static"])
def test_noise_is_measured(scene: Scene, sigma: float) -> None:
    rng = np.random.default_rng(0)
    estimate = NoiseEstimator()
    for t in range(10):
        luma, chroma = scene(t)
        noise = estimate(
            luma + rng.normal(0, sigma, luma.shape).astype(np.float32),
            chroma + rng.normal(0, sigma / 2, chroma.shape).astype(np.float32),
            still=scene is not panning,
        )
    tolerance = 0.15 if scene is not panning else 0.35  # spatial evidence only: the texture counts as noise
    assert noise.luma == pytest.approx(sigma, rel=tolerance, abs=1 / 255)
    assert noise.chroma == pytest.approx(sigma / 2, rel=tolerance, abs=1 / 255)


def test_the_noise_is_reported_in_codes() -> None:
    smooth = Smooth()
    state = smooth.init_state()
    assert smooth.report(state) == {"noise_luma": 0, "noise_chroma": 0}
    for x in noisy(static(), 10):
        called(smooth, x, [state])
    assert smooth.report(state) == pytest.approx({"noise_luma": SIGMA * 255, "noise_chroma": SIGMA * 255}, rel=0.3)


def test_packing_is_the_layouts_and_unpacking_its_opposite() -> None:
    luma, chroma = static()(0)
    packed = pack420(luma, chroma)
    theirs = layout.pack420(torch.from_numpy(luma.copy())[None], torch.from_numpy(chroma.copy()).permute(2, 0, 1))
    assert np.array_equal(packed, theirs.numpy())
    out = np.empty_like(packed)
    assert pack420(luma, chroma, out) is out and np.array_equal(out, packed)
    assert all(np.array_equal(a, b) for a, b in zip(unpack420(packed), (luma, chroma), strict=True))


def test_smoothed_noise_of_a_standing_picture_is_measured() -> None:
    """As a codec leaves it: nothing fine is left for the spatial measure to see."""
    rng = np.random.default_rng(0)
    luma, chroma = static(160, 192)(0)
    found = {}
    for still in (False, True):
        estimate = NoiseEstimator()
        for _ in range(6):
            noise = cv2.GaussianBlur(rng.normal(0, 1, luma.shape), (0, 0), 1.5)
            noise = (noise * (SIGMA / noise.std())).astype(np.float32)
            found[still] = estimate(luma + noise, chroma, still=still).luma
    assert found[True] == pytest.approx(SIGMA, rel=0.15)
    assert found[False] < 0.7 * SIGMA  # not to be told from motion


def test_repeated_frames_and_black_bars_do_not_hide_noise() -> None:
    rng = np.random.default_rng(0)
    estimate = NoiseEstimator()
    luma = texture(160, 128, 1) + rng.normal(0, SIGMA, (160, 128)).astype(np.float32)
    luma[:32] = luma[-32:] = 16 / 255
    for _ in range(6):
        noise = estimate(luma, np.full((80, 64, 2), 0.5, np.float32), still=True)
    assert noise.luma == pytest.approx(SIGMA, rel=0.25)
    assert noise.chroma == 0


def test_noise_is_followed_when_it_changes() -> None:
    rng = np.random.default_rng(0)
    luma, chroma = static()(0)
    estimate = NoiseEstimator()
    for t in range(160):
        sigma = SIGMA if t < 60 else 3 * SIGMA
        noise = estimate(luma + rng.normal(0, sigma, luma.shape).astype(np.float32), chroma, still=True)
        if t == 59:
            assert noise.luma == pytest.approx(SIGMA, rel=0.15)
    assert noise.luma == pytest.approx(3 * SIGMA, rel=0.2)


# Options


def test_options_as_text() -> None:
    registry: Registry[Filter[Any]] = Registry("filter")
    registry.register("smooth")(Smooth)
    plain, given = registry.create("smooth"), registry.create("smooth", {"0": "0.7", "sigma": "12.5"})
    assert isinstance(plain, Smooth) and isinstance(given, Smooth)
    assert (plain.strength, plain.sigma, plain.flicker) == (1.0, "auto", 0.0)
    assert (given.strength, given.sigma, given.flicker) == (0.7, 12.5, 0.0)
    for options, told in (
        ({"sigma": "loud"}, "auto"),
        ({"sigma": "-1"}, "-1"),
        ({"sigma": "nan"}, "nan"),
        ({"strength": "1.5"}, "1.5"),
        ({"flicker": "-3"}, "-3"),
        ({"radius": "2"}, "strength, sigma, flicker"),
    ):
        with pytest.raises(BadOption, match=told):
            registry.create("smooth", options)


def rippled(scene: Scene, codes: float) -> Scene:
    """A scene as a model leaves it that works frame by frame: soft waves of `codes`, other ones each frame."""

    def at(t: int) -> tuple[Floats, Floats]:
        luma, chroma = scene(t)
        h, w = luma.shape
        waves = np.random.default_rng(1000 + t).standard_normal((h // 3, w // 3)).astype(np.float32)
        ripple = np.asarray(cv2.resize(waves, (w, h), interpolation=cv2.INTER_CUBIC), np.float32)
        return luma + ripple * np.float32(codes / 255 / ripple.std()), chroma

    return at


def test_flicker_of_a_per_frame_model_is_averaged_away_and_detail_stays() -> None:
    scene, flickering = static(), rippled(static(), 2)
    truth = torch.from_numpy(scene(0)[0])

    def lumas(**options: Any) -> list[Tensor]:
        smooth = Smooth(**options)
        state = smooth.init_state()
        out = [called(smooth, pack(*flickering(t)), [state])[0, 0, :4] for t in range(24)]
        return [torch.nn.functional.pixel_shuffle(y[None], 2)[0, 0] for y in out[8:]]

    recorded = [torch.from_numpy(flickering(t)[0]) for t in range(8, 24)]
    calmed = lumas(flicker=6.0)
    assert float(torch.stack(calmed).std(0).mean()) < 0.35 * float(torch.stack(recorded).std(0).mean())
    errors = [float((y - truth).abs().mean()) for y in (calmed[-1], recorded[-1])]
    assert errors[0] < 0.6 * errors[1], "averaged in time, not blurred in space"
