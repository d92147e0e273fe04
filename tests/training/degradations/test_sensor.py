"""A sensor and its processing against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.training.degradations import gaussian, isp, sensor
from streamfix.training.degradations.isp import from_linear
from streamfix.training.degradations.sensor import BAYER, Camera, SensorNoise
from streamfix.training.planes420 import Planes420, quantise, to_planes
from tests.training.scenes import clip, flat, floats


@pytest.mark.parametrize(("shot", "read"), [(0.01, 1e-4), (0.002, 5e-5), (1e-4, 1e-6)])
def test_noise_variance_is_a_line_over_intensity(shot: float, read: float) -> None:
    levels = np.linspace(0.05, 0.7, 8, dtype=np.float32)
    raw = np.broadcast_to(levels[:, None, None], (8, 200, 200)).copy()
    noisy = sensor.add_noise(raw, SensorNoise(shot, read), np.random.default_rng(0))
    slope, offset = np.polyfit(levels, (noisy - raw).var((1, 2)), 1)
    assert slope == pytest.approx(shot, rel=0.03)
    assert offset == pytest.approx(read, abs=0.02 * shot)
    assert np.abs((noisy - raw).mean((1, 2))).max() < 4 * np.sqrt((shot * 0.7 + read) / 40000)


def test_noise_is_white_and_new_in_every_frame() -> None:
    raw = np.full((4, 128, 128), 0.3, np.float32)
    noise = sensor.add_noise(raw, SensorNoise(0.01, 1e-4), np.random.default_rng(1)) - raw
    power = noise.var()
    for a, b in ((noise[1:], noise[:-1]), (noise[:, 1:], noise[:, :-1]), (noise[..., 1:], noise[..., :-1])):
        assert abs(np.mean(a * b)) < 0.03 * power


def test_row_noise_changes_and_the_fixed_pattern_stays() -> None:
    raw, rng = np.full((40, 64, 64), 0.3, np.float32), np.random.default_rng(2)
    quiet = {"shot": 1e-9, "read": 1e-12}
    rows = sensor.add_noise(raw, SensorNoise(**quiet, row=0.01), rng) - raw
    assert np.ptp(rows, axis=2).max() < 1e-3
    assert rows[:, :, 0].std() == pytest.approx(0.01, rel=0.1)
    assert rows.mean(0).std() < 0.004
    pattern = sensor.add_noise(raw, SensorNoise(**quiet, column=0.01, pixel=0.02), rng) - raw
    assert np.ptp(pattern, axis=0).max() < 1e-3
    assert pattern[0].var() == pytest.approx(0.01**2 + 0.02**2, rel=0.15)


def test_hot_pixels_are_as_many_as_asked_and_stay_where_they_are() -> None:
    raw = np.full((3, 200, 200), 0.1, np.float32)
    noisy = sensor.add_noise(raw, SensorNoise(1e-9, 1e-12, hot=1e-3), np.random.default_rng(3))
    hot = noisy - raw > 0.01
    assert hot[0].sum() == pytest.approx(40, abs=25)
    np.testing.assert_array_equal(hot[0], hot[2])


def test_levels_follow_the_regression_of_brooks() -> None:
    rng = np.random.default_rng(4)
    drawn = [SensorNoise.draw(rng) for _ in range(3000)]
    shot, read = np.log([n.shot for n in drawn]), np.log([n.read for n in drawn])
    slope, offset = np.polyfit(shot, read, 1)
    assert (slope, offset) == (pytest.approx(2.18, abs=0.03), pytest.approx(1.20, abs=0.15))
    assert (read - slope * shot - offset).std() == pytest.approx(0.26, abs=0.02)
    assert (shot.min(), shot.max()) == (pytest.approx(np.log(1e-4), abs=0.02), pytest.approx(np.log(0.012), abs=0.02))


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
    drawn = Camera.draw(np.random.default_rng(5))
    camera = Camera(drawn.white_balance, drawn.colour_matrix, bayer, tone)
    rgb = flat(2, 12, 16, 0.7, 0.45, 0.3)
    developed = isp.develop(sensor.mosaic(sensor.to_linear(rgb, tone), camera), camera)
    np.testing.assert_allclose(developed, rgb, atol=1e-3)
    dark = isp.develop(sensor.mosaic(sensor.to_linear(rgb, tone) * np.float32(0.25), camera), camera, gain=4)
    np.testing.assert_allclose(dark, rgb, atol=2e-3)


def test_a_mosaic_has_the_filters_colours() -> None:
    camera = Camera(np.ones(3), np.eye(3), "GRBG")
    raw = sensor.mosaic(flat(1, 4, 4, 0.1, 0.2, 0.3), camera)
    np.testing.assert_allclose(raw[0, :2, :2], [[0.2, 0.1], [0.3, 0.2]], atol=1e-6)


def test_processing_correlates_the_noise_of_neighbours_and_leaves_the_mean() -> None:
    camera = Camera()
    raw = sensor.mosaic(sensor.to_linear(flat(4, 64, 64, 0.6), False), camera)
    noisy = isp.develop(sensor.add_noise(raw, SensorNoise(0.002, 1e-5), np.random.default_rng(6)), camera)
    noise = noisy - isp.develop(raw, camera)
    red = noise[..., 0] - noise[..., 0].mean()
    assert np.mean(red[..., 1:] * red[..., :-1]) > 0.3 * red.var()
    assert abs(noise.mean()) < 0.15 * noise.std()


def test_cameras_keep_grey_and_infrared_ones_do_not_mix() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        camera = Camera.draw(rng)
        np.testing.assert_allclose(camera.colour_matrix.sum(1), 1)
        assert np.linalg.cond(camera.colour_matrix) < 20
        assert sensor.mosaic(flat(1, 2, 2, 1.0, 0.0, 0.0), camera).shape == (1, 2, 2)
    np.testing.assert_array_equal(Camera.draw(rng, infrared=True).colour_matrix, np.eye(3))


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


def test_white_noise_has_the_deviation_that_was_asked_for() -> None:
    planes = to_planes(clip(4, 96, 96))
    noisy = gaussian.add_gaussian(planes, 20 / 255, 10 / 255, np.random.default_rng(9))
    assert (noisy.y - planes.y).std() == pytest.approx(20 / 255, rel=0.01)
    assert (noisy.uv - planes.uv).std() == pytest.approx(10 / 255, rel=0.01)
    rgb = clip(2, 96, 96)
    assert (gaussian.add_gaussian_rgb(rgb, 0.1, np.random.default_rng(10)) - rgb).std() == pytest.approx(0.1, rel=0.01)
    rounded = quantise(noisy)
    assert (rounded.uv - planes.uv).std() == pytest.approx(np.sqrt(100 + 1 / 12) / 255, rel=0.02)
