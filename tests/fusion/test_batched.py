"""The fuser on tensors does what the one in NumPy and OpenCV does, for several streams at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from streamfix import motion
from streamfix.fusion import Fuser, Noise, NoiseEstimator, agreement, batched, planes
from streamfix.fusion.batched import agreement as tensor_agreement
from streamfix.fusion.batched import flow, noise
from streamfix.fusion.batched import planes as on_tensors
from streamfix.motion import Floats

CPU = torch.device("cpu")
SIGMA = 10 / 255
NOISE = Noise(SIGMA, SIGMA)
Picture = tuple[Floats, Floats]


def scene(seed: int = 1, height: int = 96, width: int = 200) -> Floats:
    luma: Floats = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    for _ in range(2):
        luma = planes.tent(luma)
    return np.asarray(np.clip(0.5 + 3 * (luma - 0.5), 0, 1), np.float32)


def view(whole: Floats, t: int, speed: int) -> Picture:
    """A camera that pans by `speed` pixels a frame."""
    luma = np.ascontiguousarray(whole[:, speed * t : speed * t + 128])
    return luma, np.ascontiguousarray(np.repeat(luma[::2, ::2, None], 2, 2))


def noisy(picture: Picture, t: int, sigma: float = SIGMA) -> Picture:
    rng = np.random.default_rng(50 + t)
    luma, chroma = ((p + rng.standard_normal(p.shape) * sigma).astype(np.float32) for p in picture)
    return luma, chroma


def tensor(picture: Floats) -> Tensor:
    """(1, C, H, W)"""
    return torch.from_numpy(np.ascontiguousarray(np.atleast_3d(picture).transpose(2, 0, 1)))[None]


def array(picture: Tensor) -> Floats:
    return np.asarray(picture[0].numpy().transpose(1, 2, 0).squeeze(), np.float32)


def of_each(value: float) -> Tensor:
    return torch.full((1, 1, 1, 1), value)


def fused(frames: Sequence[Picture], *, fine: bool = False, ahead: int = 0) -> list[batched.Fused]:
    """What the tensor fuser makes of one stream."""
    results = []
    history = batched.History.empty(frames[0][0].shape[0], frames[0][0].shape[1], CPU)
    given = [(tensor(luma), tensor(chroma)) for luma, chroma in frames]
    packed = [batched.pack420(*one) for one in given]
    sigma = of_each(SIGMA)
    for t, (luma, chroma) in enumerate(given):
        if history.luma.shape != luma.shape:
            history = batched.History.empty(luma.shape[-2], luma.shape[-1], CPU)
        seen = batched.fuse(history, luma, chroma, sigma, sigma, fine=fine)
        history = seen.history
        result = batched.Fused(history.luma, history.chroma, history.variance)
        if ahead:
            later = packed[t + 1 : t + 1 + ahead]
            later += [later[-1] if later else packed[t]] * (ahead - len(later))
            result = batched.look_ahead(seen, packed[t], later, sigma, sigma, moved=2, fine=fine)
        results.append(result)
    return results


def error(of: Floats, truth: Floats) -> float:
    return float(np.sqrt(np.mean((of - truth) ** 2)))


RANDOM = np.random.default_rng(3)
FLOW = np.asarray(cv2.resize(RANDOM.normal(0, 3, (6, 8, 2)), (64, 48)), np.float32)
LARGE, PAIR = RANDOM.random((96, 128)).astype(np.float32), RANDOM.random((48, 64, 2)).astype(np.float32)
SMALL = planes.shrink(LARGE, 48, 64)


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "most"),
    [
        ("box", lambda: on_tensors.box(tensor(PAIR), 5), lambda: planes.box(PAIR, 5), 1e-6),
        ("tent", lambda: on_tensors.tent(tensor(LARGE)), lambda: planes.tent(LARGE), 1e-6),
        ("halved", lambda: on_tensors.halved(tensor(LARGE)), lambda: planes.shrink(LARGE, 48, 64), 1e-6),
        (
            "doubled",
            lambda: on_tensors.doubled(tensor(SMALL), tensor(LARGE)),
            lambda: planes.enlarge(SMALL, 96, 128),
            1e-6,
        ),
        # OpenCV rounds places to a 32nd of a pixel: of noise a sixteenth of its range
        (
            "warped",
            lambda: on_tensors.sampled(tensor(SMALL), tensor(FLOW)),
            lambda: motion.Warper(48, 64).aim(FLOW)(SMALL),
            0.03,
        ),
        (
            "warped, cubic",
            lambda: on_tensors.sampled(tensor(SMALL), tensor(FLOW), cubic=True),
            lambda: motion.Warper(48, 64).aim(FLOW)(SMALL, cubic=True),
            0.05,
        ),
        (
            "inside",
            lambda: on_tensors.inside(tensor(FLOW)),
            lambda: motion.Warper(48, 64).aim(FLOW)(np.ones((48, 64), np.float32), outside=0.0),
            0.02,
        ),
        (
            "before flow",
            lambda: tensor_agreement.before_flow(tensor(SMALL)),
            lambda: agreement.before_flow(SMALL),
            1e-5,
        ),
        (
            "refined",
            lambda: flow.refine(tensor(FLOW * 0.1), tensor(LARGE), tensor(planes.tent(LARGE)), of_each(0.1)),
            lambda: motion.refine(FLOW * np.float32(0.1), LARGE, planes.tent(LARGE), 0.1, motion.Warper(96, 128)),
            0.02,
        ),
        (
            "steadied",
            lambda: flow.steadied(tensor(FLOW), tensor(FLOW[::-1].copy()), 2.0),
            lambda: motion.steadied(FLOW, FLOW[::-1].copy(), 2.0),
            1e-4,
        ),
        (
            "blur",
            lambda: tensor_agreement.blur(tensor(FLOW), of_each(SIGMA), agreement.WARY),
            lambda: agreement.blur(FLOW, SIGMA, agreement.WARY),
            1e-5,
        ),
    ],
)
def test_each_operation_is_the_front_s_own(
    name: str, ours: Callable[[], Tensor], theirs: Callable[[], Floats], most: float
) -> None:
    assert np.abs(array(ours()) - theirs()).max() <= most, name


@pytest.mark.parametrize("shift", [(0.3, 0.0), (-0.5, 0.7), (2.4, -1.6), (9.25, 3.5)])
def test_fractions_of_a_pixel_are_found(shift: tuple[float, float]) -> None:
    """In a clean picture to a tenth of a pixel on average; where the other picture ends, nothing is known."""
    whole = np.asarray(cv2.GaussianBlur(scene(height=160, width=224), (0, 0), 1.5), np.float32)
    move = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]]])
    other = cv2.warpAffine(whole, move, (224, 160), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
    found = array(flow.flow_between(tensor(whole), tensor(np.asarray(other, np.float32))))[24:-24, 24:-24]
    apart = np.linalg.norm(found - np.array(shift, np.float32), axis=-1)
    assert apart.mean() < 0.1


@pytest.mark.parametrize(("fine", "ahead"), [(False, 0), (True, 0), (True, 5)])
def test_what_stands_still_is_fused_as_in_numpy(fine: bool, ahead: int) -> None:
    """To a hundredth of a code without noise; with noise of 10 codes to 1.5, both as near to the truth."""
    clean = view(scene(), 0, 0)
    for sigma, most in ((0.0, 0.01 / 255), (SIGMA, 1.5 / 255)):
        frames = [noisy(clean, t, sigma) for t in range(5 + ahead)]
        fuser = Fuser(fine)
        for t, ours in enumerate(fused(frames, fine=fine, ahead=ahead)[:5]):
            later = frames[t + 1 : t + 1 + ahead]
            theirs = fuser.step(*frames[t], NOISE, later[:2], [planes.pack420(*one) for one in later][1:])
            assert error(array(ours.luma), theirs.luma) <= most
            assert error(array(ours.chroma), theirs.chroma) <= most
            assert error(array(ours.luma), clean[0]) <= 1.05 * error(theirs.luma, clean[0]) + 1e-6
            assert np.abs(array(ours.variance) - theirs.variance).mean() <= 0.02


@pytest.mark.parametrize("ahead", [0, 2])
def test_what_moves_gets_as_clean(ahead: int) -> None:
    whole = scene()
    frames = [noisy(view(whole, t, 3), t) for t in range(12)]
    fuser, theirs = Fuser(True), []
    for t in range(12 - ahead):
        theirs.append(error(fuser.step(*frames[t], NOISE, frames[t + 1 : t + 1 + ahead]).luma, view(whole, t, 3)[0]))
    ours = [error(array(f.luma), view(whole, t, 3)[0]) for t, f in enumerate(fused(frames, fine=True, ahead=ahead))]
    assert np.mean(ours[: 12 - ahead]) <= 1.02 * np.mean(theirs)  # 0.17 dB
    assert ours[8] < 0.75 * SIGMA


def test_a_cut_starts_over() -> None:
    before, after = view(scene(1), 0, 0), view(scene(2), 0, 0)
    frames = [noisy(before, t) for t in range(4)] + [noisy(after, t) for t in range(4, 7)]
    results = fused(frames)
    assert torch.equal(results[4].luma, tensor(frames[4][0]))
    assert torch.equal(results[4].variance, torch.ones_like(results[4].variance))
    alone = fused(frames[4:])
    for a, b in zip(results[4:], alone, strict=True):
        assert torch.equal(a.luma, b.luma) and torch.equal(a.chroma, b.chroma) and torch.equal(a.variance, b.variance)


@pytest.mark.parametrize("size", [(4, 4), (16, 8), (30, 50), (66, 70)])
def test_any_even_size(size: tuple[int, int]) -> None:
    grey = np.full(size, 0.5, np.float32), np.full((size[0] // 2, size[1] // 2, 2), 0.5, np.float32)
    frames = [noisy(grey, t) for t in range(3)]
    for result in fused(frames, fine=True, ahead=2):
        assert all(bool(torch.isfinite(part).all()) for part in (result.luma, result.chroma, result.variance))


@pytest.mark.parametrize(("speed", "sigma"), [(0, 0.0), (0, SIGMA), (3, SIGMA)])
def test_noise_is_measured_as_in_numpy(speed: int, sigma: float) -> None:
    """To a thousandth of a code: told, spread, cut off by black bars, and through frames of black."""
    whole = scene(height=192, width=400)
    known, estimate = NoiseEstimator(), noise.Estimate.empty(CPU)
    for t in range(20):
        luma, chroma = noisy((whole[:, speed * t : speed * t + 320], np.full((96, 160, 2), 0.5, np.float32)), t, sigma)
        luma[:32], chroma[:16] = 16 / 255, 0.5
        theirs = known(luma, chroma, speed == 0)
        ours = noise.follow([estimate], tensor(luma), tensor(chroma), of_each(float(speed == 0)))[0]
        assert abs(float(ours[0]) - theirs.luma) < 1e-3 / 255 and abs(float(ours[1]) - theirs.chroma) < 1e-3 / 255


def test_black_frames_are_not_measured() -> None:
    estimate, black = noise.Estimate.empty(CPU), (np.zeros((64, 64), np.float32), np.zeros((32, 32, 2), np.float32))
    frames = [noisy(view(scene(), 0, 0), t) for t in range(3)]
    for luma, chroma in frames:
        before = noise.follow([estimate], tensor(luma[:64, :64]), tensor(chroma[:32, :32]), of_each(0.0))
    after = noise.follow([estimate], tensor(black[0]), tensor(black[1]), of_each(0.0))
    assert torch.equal(before, after) and float(after[0, 0]) > 0
