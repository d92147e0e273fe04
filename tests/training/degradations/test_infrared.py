"""Infrared light against its closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.training.degradations import infrared
from tests.training.scenes import clip, flat, floats


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
