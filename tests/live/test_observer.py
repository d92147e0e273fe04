"""A picture that does not change is reported once, and so is its end."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from av import VideoFrame

from streamfix.frame import Frame
from streamfix.live.camera.observer import Stillness
from streamfix.live.health import Health
from streamfix.media.picture.planes import frame_from_av


def frame(seed: int) -> Frame:
    noise = np.random.default_rng(seed).integers(16, 235, (48, 64), np.uint8)
    made = VideoFrame.from_ndarray(noise, format="gray")
    made.pts = 0
    return frame_from_av(made, Fraction(1, 25))


def test_a_frozen_picture_is_told_once_and_when_it_ends() -> None:
    health = Health()
    stillness = Stillness(health)
    for i in range(100):
        stillness.passed(frame(i), i / 25)
    assert [e.text for e in health.events] == []
    frozen = frame(99)
    for i in range(100, 400):
        stillness.passed(frozen, i / 25)
    stillness.tell(400 / 25)
    assert health.report().figures["still_s"] == pytest.approx((400 - 99) / 25)
    stillness.passed(frame(400), 400 / 25)
    stillness.tell(400 / 25)
    assert [e.text for e in health.events] == ["the picture has not changed for 10 s", "the picture changes again"]
    assert health.report().figures["still_s"] == 0
    assert health.report().state == "starting", "it is no change of state"
