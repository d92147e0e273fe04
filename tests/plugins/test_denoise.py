"""The filter `denoise`: what it promises, stated on synthetic scenes with known truth and known noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch

from streamfix import BadOption
from streamfix.backends import compiled
from streamfix.filters.base import Filter
from streamfix.filters.tensors import called
from streamfix.fusion import pack420
from streamfix.models import SIZES, Tier
from streamfix.motion import Floats
from streamfix.registry import Registry
from streamfix_denoise import Denoise
from streamfix_denoise.filter import WEIGHTS
from streamfix_smooth import Smooth

SAMPLES = Path(__file__).parents[2] / "samples"
SIGMA = 15 / 255
Scene = Callable[[int], Floats]  # frame number -> packed picture (6, H/2, W/2)


def texture(height: int, width: int, seed: int) -> Floats:
    """Random luma from 0.2 to 0.8 with detail of several sizes and hard edges."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.random((height // s + 2, width // s + 2)), (width, height)) for s in (3, 7, 24)]
    picture = np.mean(layers, axis=0)
    picture += 0.25 * (cv2.resize(rng.random((height // 16, width // 16)), (width, height), interpolation=0) > 0.7)
    return np.asarray(0.2 + 0.5 * picture, np.float32)


def static(t: int) -> Floats:
    chroma = 0.4 + 0.2 * np.dstack([texture(48, 64, 1), texture(48, 64, 2)])
    return pack420(texture(96, 128, 0), chroma.astype(np.float32))


def passing(t: int) -> Floats:
    """A bright square of 24 pixels going right by 4 pixels a frame before a static background."""
    luma = texture(96, 160, 0)
    luma[36:60, 8 + 4 * t : 32 + 4 * t] = 0.9
    return pack420(luma, np.full((48, 80, 2), 0.5, np.float32))


def noisy(picture: Floats, t: int, sigma: float = SIGMA) -> Floats:
    rng = np.random.default_rng(100 + t)
    codes = np.clip(picture + rng.standard_normal(picture.shape) * sigma, 0, 1)
    return (np.rint(codes * 255) / 255).astype(np.float32)


def run(filter: Filter[Any], scene: Scene, frames: int, sigma: float = SIGMA) -> list[Floats]:
    """The first `frames` pictures of a scene restored, each in the window that the filter declares."""
    state = filter.init_state()
    results = []
    for t in range(frames):
        times = range(t, t + 1 + filter.future)
        window = np.stack([noisy(scene(i), i, sigma) if sigma else scene(i) for i in times])
        x = torch.from_numpy(window)[None]
        with torch.inference_mode():
            results.append(called(filter, x, [state])[0, 0].numpy())
    return results


def psnr(x: Floats, y: Floats) -> float:
    return float(-10 * np.log10(np.mean((x - y) ** 2) + 1e-12))


def denoise(**options: Any) -> Denoise:
    return Denoise(**{"backend": "torch", "precision": "fp32", **options})


def test_noise_goes_and_the_picture_stays() -> None:
    """More than 10 dB are won on a still picture, in luma and in chroma."""
    out, clean = run(denoise(), static, 12)[-1], static(11)
    for planes in (slice(0, 4), slice(4, 6)):
        assert psnr(out[planes], clean[planes]) > psnr(noisy(clean, 11)[planes], clean[planes]) + 10


def test_real_footage_gains_more_than_by_smooth() -> None:
    """On people walking before a fixed camera."""
    with av.open(str(SAMPLES / "campus.avi")) as container:
        frames = [f.reformat(384, 288).to_ndarray() for f, _ in zip(container.decode(video=0), range(20), strict=False)]
    planes: list[Floats] = [
        f.astype(np.float32) / np.float32(255) for f in frames
    ]  # I420: luma, then both planes of chroma
    chroma = [f[288:].reshape(2, 144, 192).transpose(1, 2, 0) for f in planes]
    clip = [pack420(f[:288], np.ascontiguousarray(uv)) for f, uv in zip(planes, chroma, strict=True)]
    ours, baseline = (run(f, clip.__getitem__, 10)[-1] for f in (denoise(), Smooth()))
    assert psnr(ours[:4], clip[9][:4]) > psnr(baseline[:4], clip[9][:4]) + 0.2


def test_a_single_frame_is_denoised_too() -> None:
    clean = static(0)
    out = run(denoise(sigma=15), static, 1)[0]
    assert psnr(out[:4], clean[:4]) > psnr(noisy(clean, 0)[:4], clean[:4]) + 4


def test_nothing_is_left_behind_a_moving_thing() -> None:
    """Where the square was two frames before, the background is back as good as anywhere."""
    out, clean = run(denoise(), passing, 10)[-1], passing(9)
    behind = np.s_[:4, 18:30, 10:20]
    assert np.sqrt(np.mean((out[behind] - clean[behind]) ** 2)) < SIGMA
    assert abs(np.mean(out[behind] - clean[behind])) < 3 / 255


def test_clean_pictures_are_left_alone() -> None:
    for scene in (static, passing):
        assert psnr(run(denoise(), scene, 10, sigma=0)[-1], scene(9)) >= 45


def test_blind_is_as_good_as_told() -> None:
    clean = static(15)
    blind, told = (run(denoise(sigma=s), static, 16)[-1] for s in ("auto", 15))
    assert psnr(blind, clean) > psnr(told, clean) - 0.2


@pytest.mark.parametrize(
    ("luma", "chroma", "shares"),
    [
        (0.2, 0.2, (0, 0)),  # clean
        (5.0, 5.0, (1, 1)),
        (0.3, 3.0, (1, 1)),  # a codec has smeared the noise of luma: chroma still tells of it
        (3.0, 0.3, (1, 0)),  # clean chroma stays, whatever luma is
        (0.3, 0.85, (0.5, 0.5)),
    ],
)
def test_auto_strength_goes_by_the_noise_that_is_there(luma: float, chroma: float, shares: tuple[float, float]) -> None:
    share = denoise()._share(torch.tensor([[luma, chroma]]) / 255)
    assert share.shape == (1, 6, 1, 1)
    assert share[0, :4].flatten().tolist() == pytest.approx([shares[0]] * 4, abs=1e-4)
    assert share[0, 4:].flatten().tolist() == pytest.approx([shares[1]] * 2, abs=1e-4)


def test_strength_is_the_share_of_the_result() -> None:
    frame = noisy(static(0), 0)
    whole, half, none = (run(denoise(sigma=15, strength=s), static, 1)[0] for s in (1.0, 0.5, 0.0))
    assert np.array_equal(none, frame)
    assert np.abs(half - (whole + frame) / 2).max() < 1e-5


def test_looking_ahead_shows_more_of_what_has_just_come_into_sight() -> None:
    def into_sight(t: int) -> Floats:
        return static(t) if t >= 4 else static(t)[:, ::-1].copy()

    clean = into_sight(4)
    none, two = (run(denoise(sigma=15, lookahead=n), into_sight, 5)[-1] for n in (0, 2))
    assert psnr(two, clean) > psnr(none, clean) + 1


def test_looking_further_ahead_helps_where_the_picture_stands_still() -> None:
    clean = static(0)
    near, far = (run(denoise(sigma=15, lookahead=n), static, 4)[-1] for n in (2, 8))
    assert psnr(far, clean) > psnr(near, clean) + 1
    moving = passing(3)
    near, far = (run(denoise(sigma=15, lookahead=n), passing, 4)[-1] for n in (2, 8))
    square = np.s_[:4, 16:32, 9:25]  # it is gone from there in all of the frames further ahead
    assert psnr(far[square], moving[square]) > psnr(near[square], moving[square]) - 0.3


def test_live_streams_look_no_frame_ahead_unless_told() -> None:
    assert [denoise(**options).future for options in ({}, dict(Denoise.live_options))] == [8, 0]


def test_detail_is_monotone() -> None:
    """The more detail is asked for, the more the result has, and the nearer it is to what was recorded."""
    outs = [run(denoise(sigma=15, detail=d), static, 6)[-1] for d in (-1, -0.5, 0, 0.5, 1)]
    energy = [float(np.abs(cv2.Laplacian(out[0], cv2.CV_32F)).mean()) for out in outs]
    distance = [float(np.mean((out - noisy(static(5), 5)) ** 2)) for out in outs]
    assert energy == sorted(energy) and energy[-1] > 1.02 * energy[0]
    assert distance == sorted(distance, reverse=True)


def test_no_chroma_moves_further_than_the_noise_that_is_told() -> None:
    equal, little = (run(denoise(sigma=15, sigma_uv=s), static, 1)[0] for s in (15, 2))
    frame = noisy(static(0), 0)
    assert psnr(little[4:], frame[4:]) > psnr(equal[4:], frame[4:]) + 3
    assert np.abs(little[4:] - frame[4:]).max() <= (4 * 2 + 1) / 255 + 1e-6


def test_brightness_stays() -> None:
    out = run(denoise(), static, 10)[-1]
    means = [out[p].mean() - static(9)[p].mean() for p in (slice(0, 4), slice(4, 6))]
    assert max(map(abs, means)) < 0.5 / 255


def test_streams_do_not_mix() -> None:
    made = denoise(sigma=15, lookahead=0)
    pictures = [torch.from_numpy(noisy(scene, t)) for t, scene in enumerate((static(0), static(0)[:, ::-1].copy()))]
    alone = [made(p[None, None], [made.init_state()])[0] for p in pictures]
    both = made(torch.stack(pictures)[:, None], [made.init_state(), made.init_state()])
    assert (both - torch.stack(alone)).abs().max() <= made.batch_tolerance


def test_ten_bits_stay_ten_bits() -> None:
    """Steps smaller than an 8-bit code come out as steps."""
    ramp = np.tile(np.linspace(0.4, 0.4 + 6 / 255, 128, dtype=np.float32), (96, 1))
    picture = pack420(ramp, np.full((48, 64, 2), 0.5, np.float32))
    out = denoise(sigma=2)(torch.from_numpy(picture)[None, None], [denoise(sigma=2).init_state()])[0, 0].numpy()
    assert len(np.unique(np.rint(out[0] * 1023))) > 18


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": "2"}, "strength: 2.0 is not between 0 and 1"),
        ({"sigma": "300"}, "sigma: 300.0 is not a noise level in 8-bit codes; give 0 to 128"),
        ({"sigma_uv": "3"}, "give both"),
        ({"detail": "-3"}, "detail: -3.0 is not between -1"),
        ({"lookahead": "17"}, "lookahead: 17 is not a number of frames from 0 to 16"),
        ({"tier": "xl"}, "'xl' is not"),
        ({"backend": "opencl"}, "denoise=backend: 'opencl' is not auto or onnx or openvino or torch"),
    ],
)
def test_bad_options_name_their_remedy(options: dict[str, str], message: str) -> None:
    filters: Registry[Filter[Any]] = Registry("filter")
    filters.register("denoise")(Denoise)
    with pytest.raises(BadOption, match=message):
        filters.create("denoise", options)


@pytest.mark.parametrize(
    ("options", "there", "lighter"),
    [
        ({}, "s", ["smooth"]),
        ({}, "s xs", ["denoise=tier=xs", "smooth"]),
        ({"tier": "xs"}, "s xs", ["smooth"]),
        ({"tier": "m"}, "s m", ["denoise=tier=s", "smooth"]),
        (
            {"strength": 0.5, "sigma": 10, "sigma_uv": 4, "detail": -0.5, "backend": "torch", "lookahead": 0},
            "s xs",
            [
                "denoise=strength=0.5:sigma=10:sigma_uv=4:detail=-0.5:tier=xs:backend=torch:lookahead=0",
                "smooth=strength=0.5:sigma=10",
            ],
        ),
    ],
)
def test_lighter_are_the_smallest_network_and_the_fuser_alone(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], there: str, lighter: list[str]
) -> None:
    tiers = [tier for tier in SIZES if tier in there.split()]
    monkeypatch.setattr(WEIGHTS, "shipped", lambda: dict.fromkeys(tiers, "0"))
    assert Denoise(**options).lighter() == lighter


def test_the_noise_it_has_measured_is_reported_in_codes() -> None:
    noise = Denoise(sigma=10, sigma_uv=4)
    assert noise.report(noise.init_state()) == pytest.approx({"noise_luma": 10, "noise_chroma": 4})


@pytest.mark.parametrize("tier", WEIGHTS.shipped())
def test_each_shipped_tier_has_its_card(tier: Tier) -> None:
    card = WEIGHTS.card(tier).read_text(encoding="utf-8")
    assert WEIGHTS.shipped()[tier] in card
    for part in ("Data", "Licence", "Steps", "Seed", "Limits"):
        assert part in card


def test_backends_agree() -> None:
    """OpenVINO in fp32 gives what PyTorch gives to a tenth of an 8-bit code."""
    if not compiled.is_installed():
        pytest.skip('OpenVINO is an extra: pip install -e ".[openvino]"')
    a, b = (run(denoise(sigma=15, backend=name), static, 3)[-1] for name in ("torch", "openvino"))
    assert np.abs(a - b).max() < 0.1 / 255


@pytest.mark.parametrize("scene", [static, passing])
def test_the_shipped_int8_graph_is_nearly_as_good(scene: Scene) -> None:
    """It loses at most 0.15 dB, is of the weights beside it, and runs without NNCF."""
    if not compiled.is_installed():
        pytest.skip('OpenVINO is an extra: pip install -e ".[openvino]"')
    filter = Denoise(sigma=SIGMA * 255, precision="int8")
    int8 = run(filter, scene, 10)[-1]
    assert filter.network.name == "openvino int8"
    exact = run(denoise(sigma=SIGMA * 255), scene, 10)[-1]
    assert not np.array_equal(int8, exact)
    assert psnr(int8, scene(9)) > psnr(exact, scene(9)) - 0.15
