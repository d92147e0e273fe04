"""Blur of exposure and optics against its closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.training.degradations import blur
from tests.training.scenes import flat, floats

KERNELS = {
    "defocus": blur.defocus_kernel(3.3),
    "in focus": blur.defocus_kernel(0.2),
    "motion": blur.motion_kernel(9, 0.4),
    "no motion": blur.motion_kernel(0, 0.0),
    "shake": blur.shake_kernel(7, np.random.default_rng(4)),
}


@pytest.mark.parametrize("kernel", KERNELS.values(), ids=list(KERNELS))
def test_kernels_sum_to_one_and_keep_the_mean(kernel: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert kernel.min() >= 0
    assert kernel.shape[0] == kernel.shape[1]
    assert kernel.shape[0] % 2 == 1
    np.testing.assert_allclose(blur.convolve(flat(1, 20, 24, 0.3), kernel), 0.3, atol=1e-5)
    impulse = np.zeros((1, 41, 41, 3), np.float32)
    impulse[0, 20, 20] = 1
    reach = kernel.shape[0] // 2
    back = blur.convolve(impulse, kernel)[0, 20 - reach : 21 + reach, 20 - reach : 21 + reach, 0]
    np.testing.assert_allclose(back, kernel, atol=1e-6)  # convolved, not correlated


def test_kernels_are_as_long_as_they_say() -> None:
    disc = blur.defocus_kernel(5.0)
    at = np.arange(disc.shape[0]) - disc.shape[0] // 2
    assert (disc * at**2).sum() == pytest.approx(5**2 / 4, rel=0.05)  # of a disc, along one axis
    line = blur.motion_kernel(12, 0.0)
    at = np.arange(line.shape[0]) - line.shape[0] // 2
    assert (line * at**2).sum() == pytest.approx(12**2 / 12 + 0.5**2, rel=0.03)
    assert (line * at[:, None] ** 2).sum() == pytest.approx(0.5**2, rel=0.2)  # sampled coarsely
    tilted = blur.motion_kernel(12, np.pi / 4)
    assert (tilted * at[:, None] * at).sum() > 3  # down to the right, as the angle says


def test_an_exposed_frame_is_the_mean_of_its_middle_moments() -> None:
    moments = np.arange(10, dtype=np.float32)[:, None, None, None] * np.ones((1, 4, 4, 3), np.float32)
    np.testing.assert_allclose(blur.mean_frames(moments, 5, 3)[:, 0, 0, 0], [2, 7])
    np.testing.assert_allclose(blur.mean_frames(moments, 5, 5)[:, 0, 0, 0], [2, 7])
    np.testing.assert_array_equal(blur.mean_frames(moments, 1, 1), moments)
    for per_frame, exposed in ((3, 1), (5, 0), (5, 6)):
        with pytest.raises(ValueError, match=f"no frames of {per_frame}, or {exposed} exposed"):
            blur.mean_frames(moments, per_frame, exposed)


def test_a_rolling_shutter_reads_each_line_later() -> None:
    moments = np.arange(30, dtype=np.float32)[:, None, None, None] * np.ones((1, 11, 4, 3), np.float32)
    rolled = blur.rolling_shutter(moments, 10, 4, 0.5)
    mean = blur.mean_frames(moments, 10, 4)
    np.testing.assert_allclose(rolled[1, 5], mean[1, 5], atol=1e-5)
    np.testing.assert_allclose(rolled[1, :, 0, 0] - mean[1, :, 0, 0], np.linspace(-2.5, 2.5, 11), atol=1e-5)
    np.testing.assert_allclose(blur.rolling_shutter(moments, 10, 4, 0.0), mean, atol=1e-5)


def test_glare_adds_its_colour_in_the_middle_and_half_of_it_at_its_radius() -> None:
    scene, colour = flat(1, 61, 61, 0.1), floats(1.0, 0.8, 0.5)
    added = blur.glare(scene, floats([30, 30]), colour, 8.0) - scene
    np.testing.assert_allclose(added[0, 30, 30], 1.2 * colour, atol=1e-5)  # and the streak
    assert added[0, 38, 30, 0] == pytest.approx(0.5, abs=0.01)
