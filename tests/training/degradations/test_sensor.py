"""A sensor, its noise and its mosaic against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.training.degradations import sensor
from streamfix.training.degradations.sensor import CameraModel, SensorNoise
from tests.training.scenes import flat


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


def test_a_mosaic_has_the_filters_colours() -> None:
    camera = CameraModel(np.ones(3), np.eye(3), "GRBG")
    raw = sensor.mosaic(flat(1, 4, 4, 0.1, 0.2, 0.3), camera)
    np.testing.assert_allclose(raw[0, :2, :2], [[0.2, 0.1], [0.3, 0.2]], atol=1e-6)


def test_cameras_keep_grey_and_infrared_ones_do_not_mix() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        camera = CameraModel.draw(rng)
        np.testing.assert_allclose(camera.colour_matrix.sum(1), 1)
        assert np.linalg.cond(camera.colour_matrix) < 20
        assert sensor.mosaic(flat(1, 2, 2, 1.0, 0.0, 0.0), camera).shape == (1, 2, 2)
    np.testing.assert_array_equal(CameraModel.draw(rng, infrared=True).colour_matrix, np.eye(3))
