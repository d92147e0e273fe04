"""Weather, infrared, blur and text against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.training.degradations import blur, infrared, weather
from streamfix.training.degradations.overlay import Overlay
from streamfix.training.planes420 import to_planes
from tests.training.scenes import clip, flat, floats


def test_fog_is_koschmiedes_law() -> None:
    scene, airlight = flat(2, 8, 10, 0.2, 0.4, 0.6), floats(0.7, 0.8, 0.9)
    t = weather.transmission(np.linspace(0, 1, 80, dtype=np.float32).reshape(8, 10), 1.5)
    np.testing.assert_allclose(t.ravel(), np.exp(-1.5 * np.linspace(0, 1, 80)), rtol=1e-5)
    foggy = weather.fog(scene, t, airlight)
    np.testing.assert_allclose(foggy[1], scene[1] * t[..., None] + airlight * (1 - t[..., None]), atol=1e-6)
    np.testing.assert_allclose(weather.fog(scene, np.zeros_like(t), airlight)[0, 3, 3], airlight, atol=1e-6)
    depth = weather.depth((40, 60), np.random.default_rng(0))
    assert depth[:4].mean() > depth[-4:].mean()
    assert 0 < depth.min() <= depth.max() <= 1


def test_rain_falls_at_its_speed_and_lightens() -> None:
    layer = weather.RainLayer(6, 0.6, 0.0, 5.0, 8, 0.5, 0.8)
    rainy = weather.rain(flat(6, 60, 60, 0.1), [layer], np.random.default_rng(1))
    np.testing.assert_allclose(rainy[1, 5:], rainy[0, :-5], atol=1e-6)
    assert (rainy >= 0.1 - 1e-6).all()
    assert rainy.max() <= 0.8
    assert rainy.std() > 0.01
    still = weather.rain(flat(2, 60, 60, 0.8), [layer], np.random.default_rng(1))
    np.testing.assert_allclose(still, 0.8, atol=1e-6)  # drops as bright as the scene are not seen


def test_drops_bend_only_what_they_cover() -> None:
    scene, drops = clip(2, 64, 80), weather.draw_drops((64, 80), np.random.default_rng(2))
    seen = weather.look_through(scene, drops)
    dry = drops.opacity == 0
    assert 0.2 < dry.mean() < 1
    np.testing.assert_allclose(seen[:, dry], scene[:, dry], atol=1e-6)
    assert np.abs(seen - scene)[:, ~dry].mean() > 0.02
    wiped = weather.look_through(scene, drops, np.zeros((2, 64, 80), np.float32))
    np.testing.assert_allclose(wiped, scene, atol=1e-6)


def test_a_wiper_darkens_where_it_is_and_dries_where_it_was() -> None:
    wiper = weather.Wiper((0.5, 1.2), np.deg2rad([80.0, 90.0, 100.0]), 0.1)
    wiped = weather.wipe(flat(3, 60, 60, 0.5), wiper)
    assert wiped[1, 20, 30, 0] < 0.05
    assert wiped[1, 20, 10, 0] == 0.5
    wet = weather.wet(wiper, (60, 60))
    assert wet[0].all()
    assert wet[2, 20, 27] < 0.1
    assert wet[2, 20, 0] == 1


def test_infrared_light_has_one_colour() -> None:
    scene = clip(2, 32, 48)
    seen = infrared.Infrared.draw(np.random.default_rng(3))(scene)
    np.testing.assert_array_equal(seen[..., 0], seen[..., 1])
    np.testing.assert_array_equal(seen[..., 0], seen[..., 2])
    grey = infrared.mono(scene, (0.5, 0.3, 0.2))
    np.testing.assert_allclose(grey[..., 1], scene @ floats(0.5, 0.3, 0.2), atol=1e-6)


def test_a_spot_falls_to_a_quarter_at_its_radius_and_bloom_adds_light() -> None:
    light = infrared.spot((41, 81), (40, 20), 20, 0.0)
    assert light[20, 40] == 1
    assert light[20, 60] == pytest.approx(0.25)
    assert infrared.spot((41, 81), (40, 20), 1, 0.1)[0, 0] == pytest.approx(0.1, abs=1e-3)
    scene = flat(1, 64, 64, 0.2)
    scene[0, 30:34, 30:34] = 1.0
    glowing = infrared.bloom(scene, 0.5, 0.8, 4.0)
    assert (glowing >= scene - 1e-6).all()
    assert glowing[0, 32, 24, 0] > 0.2005
    assert (glowing - scene).sum() == pytest.approx(0.8 * 0.5 * 16 * 3, rel=0.02)
    assert infrared.bloom(scene, 0.5, 0.0, 4.0) is scene


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


def test_text_is_the_same_on_every_frame_but_for_the_clocks_seconds() -> None:
    planes = to_planes(flat(30, 48, 96, 0.5, 0.2, 0.2))
    overlay = Overlay(("", "GATE 3"), ((4, 20), (4, 42)), 0.5, 1, True, 3599.5)
    burnt = overlay.burn(planes)
    assert burnt.y.max() == pytest.approx(235 / 255, abs=1e-5)
    assert burnt.y.min() == pytest.approx(16 / 255, abs=1e-5)
    np.testing.assert_array_equal(burnt.y[0], burnt.y[5])
    changed = (burnt.y[0] != burnt.y[-1]).any(1)
    assert changed[:24].any()
    assert not changed[26:].any()
    letters = np.abs(burnt.y - planes.y)[0] > 0.3
    assert 0.01 < letters.mean() < 0.4
    np.testing.assert_array_equal(planes.y[0], planes.y[1])  # the clip itself is left as it was
