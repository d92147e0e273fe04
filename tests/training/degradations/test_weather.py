"""Weather and what is on the lens against their closed forms."""

from __future__ import annotations

import numpy as np

from streamfix.training.degradations import weather
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
