"""Frames to come help where the past cannot, and never where they show something else."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.fusion import Fuser, Noise
from streamfix.fusion.planes import tent
from streamfix.motion import Floats

SIGMA = 15 / 255
NOISE = Noise(SIGMA, SIGMA)
Picture = tuple[Floats, Floats]


def scene(seed: int = 1, height: int = 96, width: int = 200) -> Floats:
    luma: Floats = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    for _ in range(2):
        luma = tent(luma)
    return np.asarray(np.clip(0.5 + 3 * (luma - 0.5), 0, 1), np.float32)


def view(whole: Floats, t: int, speed: int = 2) -> Picture:
    """A camera that pans by `speed` pixels a frame."""
    luma = np.ascontiguousarray(whole[:, speed * t : speed * t + 128])
    return luma, np.repeat(luma[::2, ::2, None], 2, 2)


def noisy(picture: Picture, t: int) -> Picture:
    rng = np.random.default_rng(50 + t)
    luma, chroma = (np.clip(p + rng.standard_normal(p.shape) * SIGMA, 0, 1).astype(np.float32) for p in picture)
    return luma, chroma


def error(of: Floats, truth: Floats) -> float:
    return float(np.sqrt(np.mean((of - truth) ** 2)))


@pytest.mark.parametrize("fine", [False, True])
@pytest.mark.parametrize("speed", [0, 2])
def test_the_first_frame_of_a_shot_is_cleaner(fine: bool, speed: int) -> None:
    """Three frames averaged leave 0.58 of the noise, and the variance says so."""
    whole = scene()
    first, *ahead = (noisy(view(whole, t, speed), t) for t in range(3))
    fused = Fuser(fine).step(*first, NOISE, ahead)
    truth = view(whole, 0, speed)
    assert error(fused.luma, truth[0]) < 0.75 * error(first[0], truth[0])
    assert error(fused.chroma, truth[1]) < 0.75 * error(first[1], truth[1])
    assert 0.3 < float(np.median(fused.variance)) < 0.6


def test_they_do_not_enter_the_history() -> None:
    """Else they would count twice when their turn comes."""
    whole = scene()
    frames = [noisy(view(whole, t), t) for t in range(6)]
    with_ahead, without = Fuser(True), Fuser(True)
    for t in range(4):
        fused = with_ahead.step(*frames[t], NOISE, frames[t + 1 : t + 3])
        without.step(*frames[t], NOISE)
    assert with_ahead.history is not None and without.history is not None
    # the motion that was found ahead serves again, turned round; else they are the same
    assert error(with_ahead.history.luma, without.history.luma) < 0.15 * SIGMA
    assert error(fused.luma, with_ahead.history.luma) > 0.25 * SIGMA


def test_copies_tell_nothing_more() -> None:
    """At the end of a shot the last frame stands in for those after it."""
    frame = noisy(view(scene(), 0), 0)
    fused = Fuser(True).step(*frame, NOISE, [frame, frame])
    assert np.array_equal(fused.luma, frame[0]) and float(fused.variance.min()) == 1.0
    later = noisy(view(scene(), 1), 1)
    once, thrice = (Fuser(True).step(*frame, NOISE, ahead) for ahead in ([later], [later, later, frame]))
    assert np.array_equal(once.luma, thrice.luma)


def test_another_scene_is_left_out_and_what_follows_it() -> None:
    frame, other = noisy(view(scene(1), 0), 0), noisy(view(scene(2), 0), 1)
    same_again = noisy(view(scene(1), 0), 2)
    fused = Fuser(True).step(*frame, NOISE, [other, same_again])
    assert np.array_equal(fused.luma, frame[0])


def test_no_ghost_rises_above_the_noise() -> None:
    """What stands in the way in the frames to come: the local mean stays within three deviations of its own."""
    whole = scene()
    truth = view(whole, 0, 0)
    frame = noisy(truth, 0)
    ahead = []
    for t in (1, 2):
        luma, chroma = view(whole, 0, 0)
        luma = luma.copy()
        luma[30:60, 40:80] = 0.95
        ahead.append(noisy((luma, chroma), t))
    fused = Fuser(True).step(*frame, NOISE, ahead)
    assert float(np.abs(tent(fused.luma - frame[0])).max()) <= 3.0 * 19 / 81 * SIGMA + 1e-3
    assert error(fused.luma[34:56, 44:76], truth[0][34:56, 44:76]) < 1.1 * SIGMA
