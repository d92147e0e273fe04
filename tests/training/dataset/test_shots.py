"""Shots: single scenes from a few places of a video, halved."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.training.dataset.shots import MIN_FRAMES, cut, halve, places
from tests.training.dataset.photos import joined, moving


@pytest.mark.parametrize(
    ("length", "frames", "count"), [(50, 60, 4), (60, 60, 4), (300, 60, 4), (61, 60, 1), (1000, 90, 3)]
)
def test_places_lie_in_the_video_and_do_not_overlap(length: int, frames: int, count: int) -> None:
    found = places(length, frames, count)
    taken = [i for span in found for i in span]
    assert taken == sorted(set(taken)) and taken[0] >= 0 and taken[-1] < length
    assert len(taken) == min(length, frames // count * count)
    assert len(found) == 1 or (found[0].start, found[-1].stop) == (0, length)


def test_shots_hold_no_cut() -> None:
    first, short, last = moving(1, 20), moving(2, MIN_FRAMES - 1), moving(3, 24)
    whole = joined(first, short, last)
    found = list(cut(list(zip(whole.y, whole.u, whole.v, strict=True))))
    assert [len(shot) for shot in found] == [20, 24]
    assert np.array_equal(found[0].y, first.y) and np.array_equal(found[1].y, last.y)


def test_halving_is_the_mean_of_four_in_each_plane() -> None:
    clip = moving(4, 1, 102, 134)
    planes = (clip.y[0], clip.u[0], clip.v[0])
    y, u, v = halve(planes)
    assert y.shape == (50, 66) and u.shape == v.shape == (25, 33)  # the sizes stay even, so a line is lost
    mean = planes[0][:100, :132].reshape(50, 2, 66, 2).astype(np.float64).mean((1, 3))
    assert np.abs(y - mean).max() <= 0.5


def test_few_frames_of_a_clip_are_from_fewer_places() -> None:
    """(Four parts of 15 frames each are too short, and no clip was left.)"""
    assert [len(part) for part in places(1000, 60, 4)] == [20, 20, 20]
    assert [len(part) for part in places(1000, 20, 4)] == [20]
