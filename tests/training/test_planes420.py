"""4:2:0 planes in floating point: round trips, and the project's own colour maths as a second opinion."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from streamfix.color import chroma_to_444, ycbcr_to_rgb
from streamfix.frame import Color, PixelFormat
from streamfix.training.planes420 import Planes420, quantise, to_planes, to_rgb
from tests.training.scenes import clip, flat


@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize("colour", [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.9, 0.3, 0.1), (0.0, 0.0, 1.0)])
def test_a_flat_colour_returns(matrix: int, colour: tuple[float, float, float]) -> None:
    rgb = flat(2, 6, 10, *colour)
    np.testing.assert_allclose(to_rgb(to_planes(rgb, matrix), matrix), rgb, atol=2e-6)


def test_luma_of_a_grey_picture_returns_exactly_enough() -> None:
    grey = clip(2, 24, 32).mean(-1, keepdims=True).repeat(3, -1)
    planes = to_planes(grey)
    np.testing.assert_allclose(planes.y, (16 + 219 * grey[..., 0]) / 255, atol=1e-6)
    np.testing.assert_allclose(planes.uv, 128 / 255, atol=1e-6)
    np.testing.assert_allclose(to_rgb(planes), grey, atol=3e-6)


def test_colours_and_siting_are_the_projects() -> None:
    planes = to_planes(clip(1, 24, 32))
    yuv420 = PixelFormat("yuv420p", "yuv", 8, 1, 1)
    y, uv = torch.from_numpy(planes.y), torch.from_numpy(planes.uv[0]).permute(2, 0, 1)
    want = ycbcr_to_rgb(y, chroma_to_444(uv, y, yuv420), Color(matrix=6)).permute(1, 2, 0)
    np.testing.assert_allclose(to_rgb(planes)[0], want.numpy(), atol=2e-6)


def test_a_horizontal_ramp_of_chroma_is_sited_on_the_left_luma_column() -> None:
    rgb = flat(1, 8, 32, 0.5)
    rgb[..., 0] += np.linspace(-0.1, 0.1, 32, dtype=np.float32)
    planes, full = to_planes(rgb), 4  # inside, where nothing is mirrored
    step = (planes.uv[0, 2, full + 1, 1] - planes.uv[0, 2, full, 1]) / 2
    red_at = (planes.uv[0, 2, full, 1] - planes.uv[0, 2, 0, 1]) / step
    assert red_at == pytest.approx(2 * full, abs=0.6)  # column 0 is mirrored, half a column off
    np.testing.assert_allclose(to_rgb(planes)[0, :, 2:-2], rgb[0, :, 2:-2], atol=1e-5)


def test_natural_colours_come_back_within_the_limits_of_the_subsampling() -> None:
    rgb = clip(2, 48, 64)
    error = to_rgb(to_planes(rgb)) - rgb
    assert 10 * np.log10(1 / np.mean(error**2)) > 30


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_rounding_is_to_the_nearest_code_and_stays_there(bits: int) -> None:
    planes = to_planes(clip(1, 16, 16))
    rounded = quantise(planes, bits)
    unit = 255 * 2 ** (bits - 8)
    for before, after in ((planes.y, rounded.y), (planes.uv, rounded.uv)):
        np.testing.assert_allclose(after * unit, np.rint(after * unit), atol=1e-3)
        assert np.abs(after - before).max() <= 0.5001 / unit
    np.testing.assert_array_equal(quantise(rounded, bits).y, rounded.y)


def test_codes_beyond_8_bits_are_clipped() -> None:
    y, uv = np.asarray([[[-0.2, 1.3], [0.5, 0.5]]], np.float32), np.full((1, 1, 1, 2), 0.5, np.float32)
    assert quantise(Planes420(y, uv)).y.min() == 0
    assert quantise(Planes420(y, uv)).y.max() == 1


def test_odd_sizes_and_planes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="got 5x8"):
        to_planes(flat(1, 5, 8, 0.5))
    with pytest.raises(ValueError, match=r"uv \(T, H/2, W/2, 2\)"):
        Planes420(np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 4, 2), np.float32))
