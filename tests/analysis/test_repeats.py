"""Repeated frames: their share, and how regular they are."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from streamfix.analysis import Repeats

from .material import Floats, jpeg, moving, noisy, scene


def counted(frames: Iterable[Floats]) -> Repeats:
    found = Repeats()
    for before, now in pairwise(frames):
        found.add(now, before)
    return found


def test_moving_frames_repeat_none() -> None:
    found = counted(moving(20))
    assert found.share == 0
    assert found.cadence is None


def test_every_second_frame() -> None:
    found = counted([frame for frame in moving(12) for _ in range(2)])
    assert found.share is not None and 0.4 < found.share < 0.6
    assert found.cadence == 2


def test_every_fifth_frame_behind_a_codec() -> None:
    frames = [frame for t, frame in enumerate(moving(24)) for _ in range(2 if t % 4 == 3 else 1)]
    coded = [jpeg(noisy(frame, 0.2, seed), 90) for seed, frame in enumerate(frames)]
    assert counted(coded).cadence == 5


def test_now_and_then_is_no_cadence() -> None:
    frames = [frame for t, frame in enumerate(moving(30)) for _ in range(2 if t in (3, 11, 12, 25) else 1)]
    found = counted(frames)
    assert found.share is not None and 0.05 < found.share < 0.2
    assert found.cadence is None


def test_what_stands_still_tells_nothing() -> None:
    assert counted([scene()] * 12).share is None
    assert counted([np.zeros((9, 9), np.float32)] * 12).share is None
    assert counted([scene(), scene()]).share is None


def test_noise_of_a_standing_camera_is_no_repeat() -> None:
    assert counted([noisy(scene(), 5, seed) for seed in range(12)]).share == 0
