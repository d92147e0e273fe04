"""A camera's processing against its closed forms, and as the way back from what its sensor records."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.training.degradations import isp, sensor
from streamfix.training.degradations.isp import from_linear
from streamfix.training.degradations.sensor import BAYER, CameraModel, SensorNoise
from streamfix.training.planes420 import Planes420, to_planes
from tests.training.scenes import clip, flat, floats


def test_linear_light_is_srgbs_and_the_tone_curve_is_undone() -> None:
    rgb = np.linspace(0, 1, 101, dtype=np.float32)
    want = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(sensor.to_linear(rgb, False), want, atol=2e-5)
    x = np.linspace(0, 1, 50)
    np.testing.assert_allclose(sensor.inverse_tone(3 * x**2 - 2 * x**3), x, atol=1e-7)
    for tone in (False, True):
        np.testing.assert_allclose(from_linear(sensor.to_linear(rgb, tone), tone), rgb, atol=1.5e-3)


def test_a_gain_is_one_of_light() -> None:
    light = floats(0.1, 0.2, 0.4, 0.9)
    np.testing.assert_allclose(from_linear(light, False, 2.0), from_linear(np.minimum(2 * light, 1), False), atol=1e-4)


@pytest.mark.parametrize("tone", [False, True])
@pytest.mark.parametrize("bayer", BAYER)
def test_a_constant_colour_stays_that_colour(bayer: str, tone: bool) -> None:
    drawn = CameraModel.draw(np.random.default_rng(5))
    camera = CameraModel(drawn.white_balance, drawn.colour_matrix, bayer, tone)
    rgb = flat(2, 12, 16, 0.7, 0.45, 0.3)
    developed = isp.develop(sensor.mosaic(sensor.to_linear(rgb, tone), camera), camera)
    np.testing.assert_allclose(developed, rgb, atol=1e-3)
    dark = isp.develop(sensor.mosaic(sensor.to_linear(rgb, tone) * np.float32(0.25), camera), camera, gain=4)
    np.testing.assert_allclose(dark, rgb, atol=2e-3)


def test_processing_correlates_the_noise_of_neighbours_and_leaves_the_mean() -> None:
    camera = CameraModel()
    raw = sensor.mosaic(sensor.to_linear(flat(4, 64, 64, 0.6), False), camera)
    noisy = isp.develop(sensor.add_noise(raw, SensorNoise(0.002, 1e-5), np.random.default_rng(6)), camera)
    noise = noisy - isp.develop(raw, camera)
    red = noise[..., 0] - noise[..., 0].mean()
    assert np.mean(red[..., 1:] * red[..., :-1]) > 0.3 * red.var()
    assert abs(noise.mean()) < 0.15 * noise.std()


def test_sharpening_keeps_flat_areas_and_steepens_edges() -> None:
    y = np.full((1, 16, 16), 0.3, np.float32)
    y[..., 8:] = 0.6
    sharp = isp.sharpen(Planes420(y, np.full((1, 8, 8, 2), 0.5, np.float32)), 1.0, 1.0)
    np.testing.assert_allclose(sharp.y[..., :3], 0.3, atol=1e-3)
    assert sharp.y[0, 8, 7] < 0.27
    assert sharp.y[0, 8, 8] > 0.63
    assert sharp.y.mean() == pytest.approx(y.mean(), abs=1e-4)


def test_chroma_softening_keeps_the_mean_and_the_luma() -> None:
    planes = to_planes(clip(1, 32, 32))
    soft = isp.soften_chroma(planes, 1.0)
    assert soft.uv.mean() == pytest.approx(planes.uv.mean(), abs=1e-3)
    assert soft.uv.std() < planes.uv.std()
    np.testing.assert_array_equal(soft.y, planes.y)


def test_smear_is_a_first_order_recursion() -> None:
    y = np.zeros((5, 2, 2), np.float32)
    y[1:] = 1
    smeared = isp.smear(Planes420(y, np.zeros((5, 1, 1, 2), np.float32)), 0.6)
    np.testing.assert_allclose(smeared.y[:, 0, 0], 1 - 0.6 ** np.arange(5), atol=1e-6)
    noise = np.random.default_rng(8).standard_normal((300, 4, 4)).astype(np.float32)
    quieter = isp.smear(Planes420(noise, np.zeros((300, 2, 2, 2), np.float32)), 0.5).y[20:]
    assert quieter.var() == pytest.approx((1 - 0.5) / (1 + 0.5), rel=0.1)
