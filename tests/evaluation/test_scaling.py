"""Clips of another size: chroma stays over the luma it belongs to, and areas keep their means."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.evaluation import bicubic
from streamfix.evaluation.clip import Clip
from streamfix.evaluation.scaling import area, cropped, enlarged, reduced
from tests.evaluation.material import flat, moving


def ramp(width: int = 160, height: int = 32) -> Clip:
    """Luma 1.0 a pixel to the right from 60 on, chroma 1.0 a luma pixel as well: code 60 + its luma column."""
    y = np.broadcast_to(60.0 + np.arange(width), (1, height, width))
    u = np.broadcast_to(60.0 + 2 * np.arange(width // 2), (1, height // 2, width // 2))
    return Clip(y.astype(np.uint8), u.astype(np.uint8), u.astype(np.uint8))


@pytest.mark.parametrize("kernel", [bicubic.weights, area])
@pytest.mark.parametrize("scale", [2, 4])
def test_chroma_stays_level_with_the_left_luma_sample(scale: int, kernel: object) -> None:
    """On a ramp, a sample's code is its place: of luma and of chroma, before and after."""
    small = reduced(ramp(), scale, kernel)  # type: ignore[arg-type]
    inner = slice(4, -4)
    at = (60 + (np.arange(small.size[0]) + 0.5) * scale - 0.5).astype(float)
    assert np.abs(small.y[0, 2, inner] - at[inner]).max() <= 0.51
    assert np.abs(small.u[0, 2, inner] - at[::2][inner]).max() <= 0.51


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_enlarged_chroma_stays_level_with_the_left_luma_sample(scale: int) -> None:
    big = enlarged(ramp(), scale)
    at = 60 + (np.arange(big.size[0]) + 0.5) / scale - 0.5
    inner = slice(3 * scale, -3 * scale)
    assert np.abs(big.y[0, 40, inner] - at[inner]).max() <= 0.51
    assert np.abs(big.u[0, 20, inner] - at[::2][inner]).max() <= 0.51


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize(("width", "height"), [(57, 31), (57, 32), (58, 31)])
def test_an_odd_clip_is_enlarged_as_the_even_one_that_it_is_part_of(scale: int, width: int, height: int) -> None:
    whole = moving(2, 80, 48)
    part = whole.window(0, 2, (0, 0), (width, height))
    big, all_of_it = enlarged(part, scale), enlarged(whole, scale)
    assert big.size == (width * scale, height * scale)
    inner = (slice(None), slice(0, (height // 2 - 3) * scale), slice(0, (width // 2 - 3) * scale))
    for plane, other in zip(big.planes(), all_of_it.planes(), strict=True):
        assert np.array_equal(plane[inner], other[inner])


def test_an_area_is_the_mean_of_its_samples() -> None:
    clip = moving(2, 64, 48)
    small = reduced(clip, 2, area)
    means = clip.y.reshape(2, 24, 2, 32, 2).mean((2, 4))
    assert np.abs(small.y - means).max() <= 0.5
    assert np.allclose(area(12, 3), np.repeat(np.eye(3), 4, 1) / 4)
    assert np.allclose(area(12, 3, -0.5).sum(1), 1)


def test_grey_stays_grey_in_every_size() -> None:
    for clip in (reduced(flat(77), 4), reduced(flat(77), 2, area), enlarged(flat(77), 2)):
        assert (clip.y == 77).all() and (clip.u == 128).all() and (clip.v == 128).all()


def test_only_whole_pictures_are_reduced_and_cropping_takes_what_is_over() -> None:
    clip = moving(2, 70, 50)
    with pytest.raises(ValueError, match="70x50 has no whole 4:2:0 picture 4 times as small"):
        reduced(clip, 4)
    assert cropped(clip, 8).size == (64, 48)
    assert cropped(clip, 2) is clip
