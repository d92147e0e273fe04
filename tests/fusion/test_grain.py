"""Noise that is spread over neighbouring pixels is averaged like any other, and motion is not taken for it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamfix.fusion import Fused, Fuser
from streamfix.fusion.agreement import Grain
from streamfix.motion import Floats
from tests.fusion.test_ahead import NOISE, SIGMA, error, scene, view


def patches(seed: int) -> Floats:
    """Flat patches of some 20 pixels, and texture on a third of the picture."""
    cells = np.random.default_rng(seed).uniform(0.2, 0.8, (5, 20)).astype(np.float32)
    luma = cv2.GaussianBlur(cv2.resize(cells, (400, 96), interpolation=cv2.INTER_NEAREST), (0, 0), 0.8)
    texture = 0.5 * (scene(seed, width=400) - 0.5)
    texture[32:] = 0
    return np.asarray(np.clip(luma + texture, 0, 1), np.float32)


WHOLE = patches(3)


def noisy(luma: Floats, t: int, spread: float) -> Floats:
    """spread: standard deviation in pixels by which the noise is blurred; it stays as strong."""
    noise = np.random.default_rng(70 + t).standard_normal(luma.shape).astype(np.float32)
    if spread:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), spread), np.float32)
    return np.asarray(np.clip(luma + noise * (SIGMA / noise.std()), 0, 1), np.float32)


def fused(spread: float, speed: int, frames: int = 16) -> tuple[Fused, float, float]:
    """What a camera's frames fuse to, its error, and how coarse the noise was taken to be."""
    fuser = Fuser(True)
    for t in range(frames):
        luma, chroma = view(WHOLE, t, speed)
        result = fuser.step(noisy(luma, t, spread), chroma, NOISE)
    return result, error(result.luma, luma), fuser._grain.factor


@pytest.mark.parametrize("speed", [0, 3])
def test_white_noise_is_none(speed: int) -> None:
    assert fused(0.0, speed)[2] < 1.1


@pytest.mark.parametrize("spread", [0.7, 1.2])
def test_coarse_noise_is_known_and_averaged(spread: float, monkeypatch: pytest.MonkeyPatch) -> None:
    _, left, factor = fused(spread, 0)
    assert 1.3 < factor <= 4
    assert left < 0.65 * SIGMA
    monkeypatch.setattr(Grain, "follow", lambda *_: None)
    assert left < 0.7 * fused(spread, 0)[1], "which is more than it would be otherwise"


def test_it_is_no_excuse_for_motion_that_was_missed() -> None:
    grain, found, expected = Grain(), np.ones((4, 6), np.float32), np.full((4, 6), 0.5, np.float32)
    moving = np.zeros((4, 6), np.float32)
    moving[:, 3:] = 1
    assert np.array_equal(grain.doubt((found, expected), moving)[1], expected)
    grain.factor = 2.0
    told = grain.doubt((found, expected), moving)
    assert np.array_equal(told[1][:, :3], expected[:, :3]) and (told[1][:, 3:] < expected[:, 3:]).all()
    assert (told[1][:, 3:] > expected[:, 3:] / 2).all() and np.array_equal(told[0], found)
    assert np.array_equal(grain.doubt((found, expected), None)[1], np.repeat(told[1][:, -1:], 6, 1))


def test_another_scene_starts_anew() -> None:
    fuser = Fuser()
    for t in range(6):
        fuser.step(noisy(view(WHOLE, 0)[0], t, 1.0), view(WHOLE, 0)[1], NOISE)
    assert fuser._grain.factor > 1.3
    other = view(patches(5), 0)
    fuser.step(noisy(other[0], 9, 1.0), other[1], NOISE)
    assert fuser._grain.factor == 1.0


def test_a_clean_moving_picture_has_none() -> None:
    fuser = Fuser()
    for t in range(8):
        luma, chroma = view(WHOLE, t, 5)
        fuser.step(luma, chroma, NOISE)
    assert fuser._grain.factor == 1.0
