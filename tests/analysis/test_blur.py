"""The blur estimate: laws of what it must not see, and edges of known blur."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from streamfix.analysis import blur_radius

Floats = NDArray[np.float32]


@pytest.fixture(scope="module")
def drawn() -> Floats:
    """Discs of many greys, (288, 384); antialiasing alone blurs them, by some 0.3 pixels."""
    rng = np.random.default_rng(3)
    picture = np.full((288, 384), 0.3, np.float32)
    for _ in range(14):
        centre = int(rng.integers(384)), int(rng.integers(288))
        cv2.circle(picture, centre, int(rng.integers(20, 60)), float(rng.uniform(0.2, 0.8)), -1, cv2.LINE_AA)
    return picture


def blurred(picture: Floats, radius: float, noise: float = 0.0) -> Floats:
    out = cv2.GaussianBlur(picture, (0, 0), radius) if radius else picture
    return np.asarray(out + np.random.default_rng(4).normal(0, noise / 255, picture.shape), np.float32)


@pytest.mark.parametrize("noise", [0.5, 5.0, 30.0])
def test_noise_has_no_edges(noise: float) -> None:
    assert blur_radius(blurred(np.full((240, 320), 0.5, np.float32), 0, noise)) is None


@pytest.mark.parametrize("step", [2, 8, 15])
def test_blocks_of_a_codec_are_no_edges(step: int) -> None:
    steps = np.random.default_rng(5).normal(0, step / 255, (30, 40))
    assert blur_radius(np.asarray(0.5 + np.kron(steps, np.ones((8, 8))), np.float32)) is None


@pytest.mark.parametrize(
    "picture", [np.zeros((240, 320)), np.ones((16, 16)), np.tile(np.linspace(0, 1, 320), (240, 1))]
)
def test_flat_pictures_ramps_and_stamps_have_no_edges(picture: NDArray[np.float64]) -> None:
    assert blur_radius(picture.astype(np.float32)) is None


@pytest.mark.parametrize("radius", [0.8, 1.2, 2.0, 3.0, 4.0])
def test_the_blur_of_drawn_edges_is_measured(drawn: Floats, radius: float) -> None:
    assert blur_radius(blurred(drawn, radius)) == pytest.approx(radius, rel=0.1)


@pytest.mark.parametrize("radius", [0.8, 1.2, 2.0, 3.0])
def test_noise_changes_the_measure_little(drawn: Floats, radius: float) -> None:
    assert blur_radius(blurred(drawn, radius, noise=3)) == pytest.approx(radius, rel=0.25)


def test_sharp_edges_measure_less_than_half_a_pixel(drawn: Floats) -> None:
    found = blur_radius(drawn)
    assert found is not None
    assert found < 0.5


def test_more_blur_measures_more(drawn: Floats) -> None:
    found = [blur_radius(blurred(drawn, radius, noise=2)) or 0.0 for radius in (0.5, 0.8, 1.2, 2.0, 3.0, 4.0)]
    assert found == sorted(found)


def test_contrast_does_not_matter(drawn: Floats) -> None:
    full, low = blur_radius(blurred(drawn, 1.5)), blur_radius(blurred(0.5 + (drawn - 0.5) * 0.3, 1.5))
    assert full is not None
    assert low == pytest.approx(full, rel=0.1)


def test_blocks_over_edges_do_not_hide_the_blur(drawn: Floats) -> None:
    steps = np.random.default_rng(6).normal(0, 3 / 255, (36, 48))
    picture = np.asarray(blurred(drawn, 2.0) + np.kron(steps, np.ones((8, 8))), np.float32)
    assert blur_radius(picture) == pytest.approx(2.0, rel=0.25)
