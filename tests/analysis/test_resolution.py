"""True resolution: of enlarged and of sharp pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamfix.analysis import TrueResolution

from .material import Floats, eight_bit, enlarged, noisy, scene


def share(*pictures: Floats, sigma: float = 0.0) -> tuple[float, float]:
    resolution = TrueResolution()
    for picture in pictures:
        resolution.add(picture)
    return resolution.share(sigma / 255)


@pytest.mark.parametrize("seed", range(3))
def test_a_sharp_picture_is_full_of_detail(seed: int) -> None:
    assert share(eight_bit(scene(seed))) == (1.0, 1.0)


@pytest.mark.parametrize("times", [2.0, 3.0])
def test_an_enlarged_picture_holds_what_the_small_one_did(times: float) -> None:
    across, down = share(*(enlarged(scene(seed), times) for seed in range(3)))
    assert 0.8 / times < across < 1.4 / times
    assert 0.8 / times < down < 1.4 / times


def test_the_larger_the_picture_was_made_the_less_it_holds() -> None:
    found = [share(enlarged(scene(), times))[0] for times in (1.5, 2.0, 3.0, 4.0)]
    assert found == sorted(found, reverse=True)


def test_one_direction_may_be_enlarged_alone() -> None:
    tall = cv2.resize(scene(), None, fx=1, fy=2, interpolation=cv2.INTER_CUBIC)  # as a recorder of single fields does
    across, down = share(eight_bit(np.asarray(tall, np.float32)))
    assert across == 1.0
    assert down < 0.75


def test_noise_is_no_detail() -> None:
    assert share(noisy(enlarged(scene(), 2), 3), sigma=3)[0] < 0.7


def test_nothing_is_missing_before_the_first_frame() -> None:
    assert share() == (1.0, 1.0)
    assert share(np.zeros((20, 20), np.float32)) == (1.0, 1.0)


def test_a_flat_picture_gives_numbers() -> None:
    assert all(0 < part <= 1 for part in share(np.full((288, 352), 0.5, np.float32)))
