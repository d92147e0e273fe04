"""Combing: where two moments are woven, and only there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from streamfix.analysis import Interlacing

from .material import Floats, enlarged, moving, noisy, scene


def woven(frames: list[Floats]) -> list[Floats]:
    """Each second frame's lines among those of the frame before it."""
    result = []
    for top, bottom in zip(frames[::2], frames[1::2], strict=True):
        both = top.copy()
        both[1::2] = bottom[1::2]
        result.append(both)
    return result


def judged(frames: list[Floats], sigma: float = 0.0) -> Interlacing:
    found = Interlacing()
    for before, now in pairwise(frames):
        found.add(now, before, sigma / 255)
    return found


def test_woven_fields_of_a_moving_picture_are_found() -> None:
    found = judged(woven(list(moving(16, 4))))
    assert found.found is True
    assert found.combing is not None


def test_a_progressive_picture_is_progressive() -> None:
    assert judged(list(moving(8, 4))).found is False


@pytest.mark.parametrize("sigma", [3, 10])
def test_noise_is_no_combing(sigma: float) -> None:
    frames = [noisy(frame, sigma, seed) for seed, frame in enumerate(moving(8, 4))]
    assert judged(frames, sigma).found is not True
    assert judged([noisy(f, sigma, seed) for seed, f in enumerate(woven(list(moving(16, 6))))], sigma).found is True


def test_a_picture_that_stands_tells_nothing() -> None:
    found = judged([scene()] * 6)
    assert found.found is None
    assert found.combing is None


def test_enlarged_and_small_pictures_are_no_trouble() -> None:
    assert judged([enlarged(frame, 2) for frame in moving(6, 4)]).found is False
    assert judged([np.zeros((4, 4), np.float32)] * 5).found is None
