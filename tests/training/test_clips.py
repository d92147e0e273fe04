"""Clean clips: their shapes and range, what they are made of, how real ones go on beyond their edges."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.training import ClipPlanes, Material, Planes420, clean_planes, clean_rgb, real_clip, to_rgb
from tests.training.scenes import still

STILLS = {f"p{i}": still(120, 160, i) for i in range(3)}


def counting(frames: int = 5, height: int = 16, width: int = 24) -> ClipPlanes:
    """Frame t has the luma 20 + 10 t at its left edge, a code more in each column, and chroma of its own."""
    y = 20 + 10 * np.arange(frames)[:, None, None] + np.arange(width) + np.zeros((height, 1), int)
    half = y[:, ::2, ::2]
    return ClipPlanes(y.astype(np.uint8), (half + 50).astype(np.uint8), (half + 90).astype(np.uint8))


@pytest.mark.parametrize(
    "material",
    [Material(STILLS, {}), Material({}, {"c": counting()}), Material(STILLS, {"c": counting()})],
    ids=["photographs", "footage", "both"],
)
def test_whatever_there_is_makes_clips_of_the_size_asked_for(material: Material) -> None:
    for seed in range(6):
        planes = clean_planes(material, np.random.default_rng(seed), 7, 32)
        assert planes.y.shape == (7, 32, 32) and planes.uv.shape == (7, 16, 16, 2)
        rgb = clean_rgb(material, np.random.default_rng(seed), 7, 32)
        assert rgb.shape == (7, 32, 32, 3) and rgb.dtype == np.float32
        assert rgb.min() >= 0 and rgb.max() <= 1


def test_the_same_seed_gives_the_same_clip() -> None:
    material = Material(STILLS, {"c": counting()})
    a, b, other = (clean_rgb(material, np.random.default_rng(seed), 4, 32) for seed in (8, 8, 9))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, other)


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.3, 0.2, 0.4), (1.0, 1, 1)])
def test_as_many_clips_are_real_as_the_share_says(share: float, low: float, high: float) -> None:
    grey = ClipPlanes(np.full((2, 16, 16), 77, np.uint8), *(np.full((2, 8, 8), 128, np.uint8) for _ in range(2)))
    material, rng = Material(STILLS, {"c": grey}), np.random.default_rng(3)
    real = [np.ptp(clean_planes(material, rng, 1, 16, share).y) == 0 for _ in range(150)]
    assert low <= np.mean(real) <= high


def test_a_crop_within_a_clip_is_its_own_pixels() -> None:
    clip = counting(9)
    made = real_clip(Material({}, {"c": clip}), np.random.default_rng(1), 4, 8)
    luma = np.rint(made.y * 255).astype(int)
    np.testing.assert_array_equal(luma[:, :, 1:] - luma[:, :, :-1], 1)  # not mirrored
    assert set(np.unique(luma[1:, 0, 0] - luma[:-1, 0, 0])) in ({10}, {-10})  # forwards or backwards
    np.testing.assert_array_equal(np.rint(made.uv[..., 0] * 255), luma[:, ::2, ::2] + 50)  # chroma of the same place
    np.testing.assert_array_equal(np.rint(made.uv[..., 1] * 255), luma[:, ::2, ::2] + 90)


def test_a_clip_that_is_too_small_and_too_short_goes_on_mirrored() -> None:
    clip = counting(3, 8, 8)
    made = real_clip(Material({}, {"c": clip}), np.random.default_rng(2), 6, 16)
    luma = np.rint(made.y * 255).astype(int)
    np.testing.assert_array_equal(luma[:, :, 8:], luma[:, :, 7::-1])
    np.testing.assert_array_equal(luma[:, 8:], luma[:, 7::-1])
    np.testing.assert_array_equal(luma[3:], luma[2::-1])
    assert isinstance(made, Planes420)


def test_real_clips_in_rgb_are_the_planes_converted() -> None:
    material = Material({}, {"c": counting()})
    planes = clean_planes(material, np.random.default_rng(5), 3, 16)
    np.testing.assert_array_equal(clean_rgb(material, np.random.default_rng(5), 3, 16), to_rgb(planes))
