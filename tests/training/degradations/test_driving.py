"""Driving footage: what happens before the lens, and frames of many moments."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from streamfix.training.degradations.driving import Driving, degrade_driving
from tests.training.degradations.quiet import CLIP, QUIET, apart
from tests.training.scenes import clip


def test_driving_makes_one_frame_of_many_moments() -> None:
    moments = clip(12, 48, 64, shift=1)
    still = Driving(camera=QUIET, exposed=(1, 1), rolling=0, glare=0, wet=0, weather=0)
    blurred = degrade_driving(moments, np.random.default_rng(4), 4, still)
    sharp = degrade_driving(moments, np.random.default_rng(4), 4, replace(still, blurred_target=False))
    assert blurred.clean.y.shape == (3, 48, 64)
    np.testing.assert_array_equal(blurred.noisy.y, sharp.noisy.y)  # only the target differs
    assert apart(blurred) < 1.5 / 255
    detail = [np.abs(np.diff(c.y, axis=2)).mean() for c in (blurred.clean, sharp.clean)]
    assert detail[0] < 0.95 * detail[1]
    with pytest.raises(ValueError, match="12 moments are no frames of 5"):
        degrade_driving(moments, np.random.default_rng(4), 5)


def test_what_is_before_the_lens_is_in_both_clips() -> None:
    busy = Driving(camera=QUIET, rolling=0, glare=1, wet=1, wipers=1, weather=1)
    for seed in range(5):
        made = degrade_driving(CLIP, np.random.default_rng(seed), 1, busy)
        assert apart(made) < 1.5 / 255
        assert {"glare", "wet", "weather"} <= made.description.keys()
