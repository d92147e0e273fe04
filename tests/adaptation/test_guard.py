"""Footage from which nothing can be learnt is refused, with the reason."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from streamfix.adaptation import guard
from streamfix.adaptation.footage import Footage
from streamfix.errors import InputError
from streamfix.fusion import Floats, pack420

from .test_freshness import stream


def footage(lumas: Sequence[Floats], gop: int | None = None, blockiness: float = 0.0) -> Footage:
    grey = np.full((48, 64, 2), 0.5, np.float32)
    return Footage([pack420(luma, grey) for luma in lumas], gop, blockiness)


def test_new_noise_is_learnt_from_neighbours() -> None:
    lag, noise = guard.lag(footage(stream(0.0)), "cam")
    assert lag == 1
    assert noise.ratio == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (footage(stream(0.98)), "copied from the frame before by its codec"),
        (footage(stream(0.0, sigma=0.5 / 255)), "from which nothing can be learnt"),
        (footage(stream(0.0), blockiness=0.4 / 255), "edges of blocks stand 0.40 codes high"),
        (footage([stream(0.0)[0]] * 32), "too little of the picture stands still"),
        (footage(stream(0.5)), "only one keyframe was seen"),
        (footage(stream(0.5), gop=20), "read more with --frames 60"),
    ],
)
def test_it_is_refused_with_the_reason_and_the_input(given: Footage, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as refused:
        guard.lag(given, "rtsp://yard")
    assert str(refused.value).startswith("rtsp://yard: ")


def test_noise_that_is_copied_within_a_group_of_pictures_is_learnt_from_the_next() -> None:
    lumas: list[Floats] = []
    for group in range(4):  # each group of 13 begins anew, and copies half of the noise inside
        lumas += stream(0.6, frames=13, seed=1) if not lumas else _renewed(lumas[0], group)
    lag, noise = guard.lag(footage(lumas, gop=13), "cam")
    assert lag == 13
    assert noise.ratio >= 0.85


def _renewed(like: Floats, group: int) -> list[Floats]:
    """Another group of pictures of the same scene."""
    from .test_freshness import scene

    clean = scene(np.random.default_rng(1))
    return [clean + (luma - scene(np.random.default_rng(50 + group))) for luma in stream(0.6, 13, seed=50 + group)]
