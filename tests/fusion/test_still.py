"""Where most of a picture stands still, and where so little is in it that flow would follow its noise."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.fusion import Fuser, Noise
from streamfix.fusion.agreement import FEW, flow_around
from streamfix.motion import Floats, FlowEstimator

SIGMA = 10 / 255
NOISE = Noise(SIGMA, SIGMA)
HEIGHT, WIDTH, SIDE = 180, 320, 24


def road(at: int | None = None, light: float = 0.0) -> Floats:
    """A road from above, (H, W): hardly any detail, two marks; at: where a bright square stands on it."""
    luma = np.tile(np.linspace(0.35, 0.45, WIDTH, dtype=np.float32), (HEIGHT, 1))
    luma[20:26, 60:110] = luma[150:156, 200:250] = 0.9
    if at is not None:
        luma[80 : 80 + SIDE, at : at + SIDE] = 0.75
    return luma + np.float32(light)


def noisy(luma: Floats, seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    chroma = np.full((HEIGHT // 2, WIDTH // 2, 2), 0.5, np.float32)
    luma = luma + rng.normal(0, SIGMA, luma.shape).astype(np.float32)
    return luma, chroma + rng.normal(0, SIGMA, chroma.shape).astype(np.float32)


@pytest.mark.parametrize("fine", [False, True])
def test_a_flat_picture_in_noise_stands_still(fine: bool) -> None:
    """It did not: flow followed the noise, the camera counted as moving, and 45 and 69 % of the noise were left."""
    fuser = Fuser(fine)
    for t in range(14):
        fused = fuser.step(*noisy(road(), t), NOISE)
    assert fuser.still
    assert float(np.abs(fused.luma - road()).mean()) < 0.36 * 0.8 * SIGMA
    assert float(np.median(fused.variance)) < 0.1


@pytest.mark.parametrize("ahead", [0, 2])
def test_what_moves_there_is_followed_and_leaves_no_ghost(ahead: int) -> None:
    fuser, truth = Fuser(fine=True), [road(20 + 6 * t) for t in range(16)]
    frames = [noisy(luma, t) for t, luma in enumerate(truth)]
    for t in range(14):
        fused = fuser.step(*frames[t], NOISE, frames[t + 1 : t + 1 + ahead])
    error = fused.luma - truth[13]
    assert abs(float(error[80 : 80 + SIDE, 20 : 20 + SIDE].mean())) < 1 / 255, "where it began"
    for left in range(20 + 6 * 6, 20 + 6 * 13, 6):
        assert abs(float(error[84 : 76 + SIDE, left : left + 6].mean())) < 6 / 255, "where it has just been"
    assert abs(float(error[84 : 76 + SIDE, 102 : 94 + SIDE].mean())) < 6 / 255, "where it is"


def test_light_that_grows_is_followed() -> None:
    fuser, step = Fuser(fine=True), 0.25 / 255
    for t in range(40):
        fused = fuser.step(*noisy(road(light=step * t), t), NOISE)
    assert abs(float((fused.luma - road(light=step * 39)).mean())) < 4 / 255


@pytest.mark.parametrize("cell", [(0, 8, 0, 8), (40, 48, 80, 96), (82, 90, 150, 160)])
def test_flow_is_looked_for_around_what_moves(cell: tuple[int, int, int, int]) -> None:
    """And the estimator is then as it was before; a part that is too small would set up OpenCV's anew."""
    rng = np.random.default_rng(1)
    before = rng.random((HEIGHT // 2, WIDTH // 2), np.float32)
    now, busy = np.roll(before, 1, 1), np.zeros_like(before)
    estimate = FlowEstimator(finest=1)
    assert not flow_around(busy, estimate, now, before).any()
    busy[cell[0] : cell[1], cell[2] : cell[3]] = 1
    assert float(busy.mean()) < FEW
    found = flow_around(busy, estimate, now, before)
    assert (found.any() and not found[:, -40:].any()) or cell[2] > 100
    assert np.array_equal(estimate(now, before), FlowEstimator(finest=1)(now, before))
