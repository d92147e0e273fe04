"""White noise is as strong as was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.training.degradations import gaussian
from streamfix.training.planes420 import quantise, to_planes
from tests.training.scenes import clip


def test_white_noise_has_the_deviation_that_was_asked_for() -> None:
    planes = to_planes(clip(4, 96, 96))
    noisy = gaussian.add_gaussian(planes, 20 / 255, 10 / 255, np.random.default_rng(9))
    assert (noisy.y - planes.y).std() == pytest.approx(20 / 255, rel=0.01)
    assert (noisy.uv - planes.uv).std() == pytest.approx(10 / 255, rel=0.01)
    rgb = clip(2, 96, 96)
    assert (gaussian.add_gaussian_rgb(rgb, 0.1, np.random.default_rng(10)) - rgb).std() == pytest.approx(0.1, rel=0.01)
    rounded = quantise(noisy)
    assert (rounded.uv - planes.uv).std() == pytest.approx(np.sqrt(100 + 1 / 12) / 255, rel=0.02)
