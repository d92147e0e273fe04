"""A neighbour moved onto a frame shows what the frame shows, and where it does not, it does not count."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamfix.adaptation.targets import Aligner
from streamfix.fusion import Floats, pack420


def texture(seed: int, size: tuple[int, int] = (96, 160)) -> Floats:
    coarse = np.random.default_rng(seed).random((size[0] // 4, size[1] // 4), np.float32)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC) * 0.5 + 0.2, np.float32)


def packed(luma: Floats) -> Floats:
    return pack420(luma, np.full((luma.shape[0] // 2, luma.shape[1] // 2, 2), 0.5, np.float32))


@pytest.mark.parametrize("shift", [0, 2, 4])
def test_a_moved_neighbour_is_brought_back(shift: int) -> None:
    wide = texture(1, (96, 176))
    here, there = packed(wide[:, 8:168]), packed(wide[:, 8 - shift : 168 - shift])
    target, mask = Aligner(96, 160)(there, there, here, still=False)
    inside = np.s_[:, 8:-8, 8:-8]
    assert mask[inside].mean() > (0.9 if shift == 0 else 0.3)
    missed = np.abs(target - here)[:4] * mask
    assert missed[inside].max() < 3 / 255


def test_what_only_one_of_them_shows_does_not_count() -> None:
    luma = texture(2)
    other = luma.copy()
    other[40:56, 60:90] = 0.95
    _, mask = Aligner(96, 160)(packed(other), packed(other), packed(luma), still=True)
    assert not mask[0, 22:26, 32:43].any()
    assert mask[0, :14].all()


def test_between_pixels_nothing_counts_for_it_would_teach_to_blur() -> None:
    wide = texture(3, (96, 176))
    by_half = np.array([[1, 0, 0.5], [0, 1, 0]], np.float32)
    half = cv2.warpAffine(wide, by_half, wide.shape[::-1], flags=cv2.INTER_CUBIC)
    here, there = packed(wide[:, 8:168]), packed(np.asarray(half, np.float32)[:, 4:164])
    _, mask = Aligner(96, 160)(there, there, here, still=False)
    assert mask[:, 8:-8, 8:-8].mean() < 0.3


def test_the_noisy_pixels_themselves_are_the_target_where_nothing_moves() -> None:
    clean = packed(texture(4))
    noisy = clean + np.random.default_rng(5).normal(0, 0.05, clean.shape).astype(np.float32)
    target, mask = Aligner(96, 160)(noisy, clean, clean, still=False)
    assert np.array_equal(target, noisy)
    assert mask.all()
