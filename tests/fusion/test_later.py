"""Frames further ahead count where the picture stands still, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.fusion import Fused, Fuser, pack420
from streamfix.fusion.ahead import mean_of_new
from streamfix.motion import Floats
from tests.fusion.test_ahead import NOISE, SIGMA, Picture, error, noisy, scene, view

WHOLE = scene()


def packed(pictures: list[Picture]) -> list[Floats]:
    return [pack420(*picture) for picture in pictures]


def fused_at(t: int, speed: int, far: int, seen: Floats = WHOLE) -> Fused:
    """Frame t of a camera that pans, with two frames ahead and `far` more. seen: by the far ones alone."""
    fuser = Fuser(True)
    frames = [noisy(view(WHOLE, i, speed), i) for i in range(t + 3)]
    after = packed(frames[-1:] + [noisy(view(seen, i, speed), i) for i in range(t + 3, t + 3 + far)])
    for i in range(t):
        fuser.step(*frames[i], NOISE, frames[i + 1 : i + 3])
    return fuser.step(*frames[t], NOISE, frames[t + 1 :], after)


def test_the_mean_is_of_what_is_new() -> None:
    first, a, b = packed([noisy(view(WHOLE, 0), t) for t in range(3)])
    for copies in ([first], [first, first, first]):
        assert mean_of_new(copies) == (None, 0)
    mean, count = mean_of_new([first, first, a, a, b])
    assert mean is not None and count == 2
    assert np.allclose(mean, (a + b) / 2, atol=1e-6)
    assert np.array_equal(a, packed([noisy(view(WHOLE, 0), 1)])[0]), "what was given is as it was"


@pytest.mark.parametrize("t", [0, 2])
def test_a_picture_that_stands_still_is_cleaner_by_what_they_tell(t: int) -> None:
    """From its first frame on."""
    truth = view(WHOLE, t, 0)
    without, whole = (fused_at(t, 0, far) for far in (0, 6))
    for of, true in ((0, truth[0]), (1, truth[1])):
        near, far = (error((f.luma, f.chroma)[of], true) for f in (without, whole))
        assert far < 0.8 * near
    left = float(np.sqrt(np.median(whole.variance))) * SIGMA
    assert 0.8 * left < error(whole.luma, truth[0]) < 1.5 * left, "and the variance says so"


@pytest.mark.parametrize("t", [0, 3])
def test_before_a_camera_that_moves_they_do_not_count(t: int) -> None:
    without, whole = (fused_at(t, 2, far) for far in (0, 6))
    assert np.array_equal(without.luma, whole.luma) and np.array_equal(without.variance, whole.variance)


def test_what_comes_later_leaves_no_ghost() -> None:
    """A thing that stands in the way in all of the far frames: the picture is as it is without them."""
    seen = WHOLE.copy()
    seen[30:60, 40:80] = 0.95
    without, whole, truth = fused_at(3, 0, 0), fused_at(3, 0, 6, seen), view(WHOLE, 3, 0)[0]
    at = np.s_[32:58, 42:78]
    assert error(whole.luma[at], truth[at]) < error(without.luma[at], truth[at]) + 0.01 * SIGMA
    assert float(np.abs((whole.luma - without.luma)[at]).max()) < 0.5 * SIGMA


def test_another_scene_is_left_out() -> None:
    without, whole = fused_at(3, 0, 0), fused_at(3, 0, 6, scene(9))
    assert np.array_equal(without.luma, whole.luma)
