"""How much of a still picture's noise is new in each frame, for noise of known copies."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamfix.adaptation.freshness import FAR, freshness
from streamfix.fusion import Floats

_SIZE = (96, 128)


def scene(rng: np.random.Generator) -> Floats:
    return np.asarray(cv2.resize(rng.random((12, 16), np.float32) * 0.5 + 0.25, _SIZE[::-1]), np.float32)


def stream(copied: float, frames: int = 32, sigma: float = 8 / 255, seed: int = 1) -> list[Floats]:
    """A still picture whose noise is, to this share, the one of the frame before."""
    rng = np.random.default_rng(seed)
    clean, noise = scene(rng), rng.standard_normal(_SIZE, np.float32)
    found = []
    for _ in range(frames):
        new = rng.standard_normal(_SIZE, np.float32)
        noise = np.float32(copied) * noise + np.float32((1 - copied**2) ** 0.5) * new
        found.append(clean + np.float32(sigma) * noise)
    return found


@pytest.mark.parametrize("copied", [0.0, 0.3, 0.9])
def test_it_is_the_share_of_the_noise_that_is_new(copied: float) -> None:
    found = freshness(stream(copied))
    assert found.known
    assert found.ratio == pytest.approx((1 - copied) / (1 - copied**FAR), abs=0.05)
    assert found.sigma * 255 == pytest.approx(8, rel=0.1)


def test_a_frozen_picture_has_no_noise_that_could_be_judged() -> None:
    lumas = [stream(0.0)[0]] * 32
    assert not freshness(lumas).known


def test_what_moves_does_not_count() -> None:
    lumas = stream(0.0)
    for t, luma in enumerate(lumas):
        luma[:, 64 + t : 80 + t] = 0.9  # a bar that walks across the right half
    found = freshness(lumas)
    assert found.known
    assert found.ratio == pytest.approx(1, abs=0.06)
    assert found.sigma * 255 == pytest.approx(8, rel=0.15)


def test_a_moving_camera_cannot_be_judged() -> None:
    rng = np.random.default_rng(3)
    wide = np.asarray(
        cv2.resize(rng.random((12, 64), np.float32), (512, 96), interpolation=cv2.INTER_CUBIC), np.float32
    )
    lumas = [wide[:, 3 * t : 3 * t + 128] + rng.normal(0, 0.03, (96, 128)).astype(np.float32) for t in range(32)]
    assert not freshness(lumas).known


def test_an_overlay_that_never_changes_does_not_count() -> None:
    lumas = stream(0.0)
    for luma in lumas:
        luma[:48] = 0.5
    found = freshness(lumas)
    assert found.ratio == pytest.approx(1, abs=0.06)
    assert found.sigma * 255 == pytest.approx(8, rel=0.1)


def test_too_few_frames_tell_nothing() -> None:
    assert not freshness(stream(0.0, frames=FAR)).known
