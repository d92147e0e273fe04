"""Photographs: which pictures are, whether two are the same, how far they are shrunk."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamfix.training.dataset.photographs import MIN_SIDE, clean, decode, fingerprint, near, why_no_photograph
from tests.training.dataset.photos import coded, drawing, photograph


@pytest.mark.parametrize("seed", range(4))
def test_photographs_pass_and_what_is_none_does_not(seed: int) -> None:
    assert why_no_photograph(photograph(seed)) is None
    rng = np.random.default_rng(seed)
    smooth = cv2.resize(rng.integers(100, 156, (3, 3, 3), np.uint8), (520, 400), interpolation=cv2.INTER_CUBIC)
    assert why_no_photograph(drawing()) is not None
    assert why_no_photograph(np.asarray(smooth, np.uint8)) is not None
    assert why_no_photograph(rng.integers(0, 255, (400, 520, 3), np.uint8)) == "noise or text"


def test_a_fingerprint_survives_what_does_not_change_the_scene() -> None:
    strangers = [fingerprint(photograph(seed, 60, 80)) for seed in range(10, 30)]
    for seed in range(4):
        picture = photograph(seed, 240, 320)
        mine = fingerprint(picture)
        recoded = decode(coded(picture, ".jpg"))
        assert recoded is not None
        half = cv2.resize(picture, (160, 120), interpolation=cv2.INTER_AREA).astype(np.uint8)
        darker = (picture * 0.7).astype(np.uint8)
        for other in (recoded, half, darker, cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.uint8)):
            assert near(mine, fingerprint(other))
        assert not any(near(mine, stranger, 12) for stranger in strangers)


@pytest.mark.parametrize(("height", "width"), [(192, 200), (301, 455), (480, 640), (600, 701)])
@pytest.mark.parametrize("coded_bytes", [1000, 10**7])
def test_clean_pictures_are_even_and_no_smaller_than_a_crop(height: int, width: int, coded_bytes: int) -> None:
    small = clean(photograph(0, height, width), coded_bytes)
    assert small.shape[0] % 2 == 0 and small.shape[1] % 2 == 0
    assert min(small.shape[:2]) >= MIN_SIDE and max(small.shape[:2]) <= max(height, width)
    if min(height, width) >= 3 * MIN_SIDE:  # a picture that was coded hard is shrunk further
        assert small.shape[0] == (height // 3 if coded_bytes == 1000 else height // 2) // 2 * 2


def test_cleaning_takes_noise_away() -> None:
    flat = np.full((400, 400, 3), 128.0)
    noisy = np.clip(flat + np.random.default_rng(0).normal(0, 8, flat.shape), 0, 255).astype(np.uint8)
    assert float(clean(noisy, 10**7).std()) < 0.55 * float(noisy.std())
