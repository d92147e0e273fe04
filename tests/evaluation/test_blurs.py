"""Blur in linear light: its size in closed form, and moments that lie between their frames."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.evaluation import blurs
from streamfix.evaluation.clip import Clip, Floats
from streamfix.evaluation.sensor import to_coded, to_linear
from tests.evaluation.material import flat, moving


def light(clip: Clip, t: int = 0) -> Floats:
    """The red light of a picture, (H, W)."""
    return np.asarray(to_linear(clip.rgb(t))[0], np.float32)


def edge(at: int, frames: int = 1, step: int = 0) -> Clip:
    """Dark to the left of column `at`, bright to the right; it moves by `step` a frame."""
    clip = flat(40, frames, 96, 64)
    for t in range(frames):
        clip.y[t, :, at + step * t :] = 200
    return clip


def width(profile: Floats) -> float:
    """How wide an edge is: the standard deviation of its slope, pixels."""
    slope = np.diff(profile.astype(np.float64))
    slope /= slope.sum()
    at = np.arange(len(slope))
    mean = float((at * slope).sum())
    return float((((at - mean) ** 2 * slope).sum()) ** 0.5)


@pytest.mark.parametrize("length", [4, 8, 14])
def test_an_edge_across_the_motion_becomes_as_wide_as_the_line(length: int) -> None:
    """A line of length L is a box: its deviation is L / sqrt(12); the spot that draws it adds 0.5 pixels."""
    profile = light(blurs.line(edge(48), length, 0.0))[32]
    assert width(profile) == pytest.approx((length**2 / 12 + 0.25) ** 0.5, rel=0.05)


def test_an_edge_along_the_motion_stays() -> None:
    along, across = (width(light(blurs.line(edge(48), 14, angle))[32]) for angle in (np.pi / 2, 0.0))
    assert along < 0.8 < 3 < across


def test_a_lens_widens_an_edge_by_its_deviation() -> None:
    assert width(light(blurs.optics(edge(48), 1.5))[32]) == pytest.approx(1.5, rel=0.1)


def test_light_adds_up_not_codes() -> None:
    """Half black, half white under a long line is half the light, which is code 188 of 255, not 128."""
    clip = edge(48)
    clip.y[0, :, :48], clip.y[0, :, 48:] = 16, 235
    middle = blurs.line(clip, 14, 0.0).rgb(0)[0, 32, 47:49].mean()
    assert middle == pytest.approx(float(to_coded(np.array(0.5, np.float32))), abs=0.04)


def test_moments_are_between_their_frames_and_the_frame_is_in_the_middle() -> None:
    clip = moving(4, 96, 64, step=4)
    moments = list(blurs.between(clip, 5))
    for t, (found, frame) in enumerate(zip(moments, clip.y, strict=True)):
        assert found.shape == (5, 64, 96, 3)
        assert np.abs(found[2].transpose(2, 0, 1) - to_linear(clip.rgb(t))).max() < 1e-6, frame.shape
    # 0.4 of the way to the next frame the texture has moved by 1.6 pixels: nearer to 2 than to 0 or 4.
    later, inner = moments[1][4][8:-8, 16:-16], slice(16, -16)
    now = np.ascontiguousarray(to_linear(clip.rgb(1)).transpose(1, 2, 0))
    errors = [float(np.abs(later - np.roll(now, -n, 1)[8:-8, inner]).mean()) for n in (0, 2, 4)]
    assert errors[1] < 0.5 * min(errors[0], errors[2])
    # Beyond the ends the scene stands still.
    assert np.array_equal(moments[0][0], moments[0][2]) and np.array_equal(moments[3][4], moments[3][2])


def test_an_open_shutter_blurs_what_moves_alone() -> None:
    stands, moves = moving(3, 96, 64, step=0), moving(3, 96, 64, step=8)
    for clip, low, high in ((stands, 0.0, 1.0), (moves, 2.0, 30.0)):
        error = np.abs(blurs.exposure(clip).y[1].astype(int) - clip.y[1])[16:-16, 16:-16].mean()
        assert low <= error <= high


def test_a_clip_comes_back_from_rgb() -> None:
    clip = moving(2)
    assert np.abs(blurs.again(clip).y.astype(int) - clip.y).max() <= 1
