"""Block edges: what is none must not count, what is one is found wherever the grid begins."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.analysis import BlockGrid, blockiness

from .material import enlarged, jpeg, moving, noisy, scene

SHOWN = 0.06 / 255  # from here on `auto` takes a picture to be coded


@pytest.mark.parametrize("seed", range(4))
def test_a_scene_has_no_grid(seed: int) -> None:
    assert blockiness(scene(seed)).step < SHOWN / 2


@pytest.mark.parametrize("sigma", [3, 10, 30])
def test_noise_has_no_grid(sigma: float) -> None:
    assert blockiness(noisy(scene(), sigma)).step < SHOWN


def test_the_coarser_the_codec_the_higher_the_edges() -> None:
    found = [blockiness(jpeg(scene(), quality)).step for quality in (90, 60, 35, 15)]
    assert found == sorted(found)
    assert found[-1] > 4 * SHOWN


@pytest.mark.parametrize(("left", "top"), [(0, 0), (3, 0), (0, 5), (7, 6)])
def test_the_grid_may_begin_anywhere(left: int, top: int) -> None:
    coded = jpeg(scene(), 20)
    whole, part = blockiness(coded), blockiness(np.ascontiguousarray(coded[top:, left:]))
    assert part.pitch == 8
    assert part.step == pytest.approx(whole.step, rel=0.15)


@pytest.mark.parametrize(("times", "pitch"), [(1.5, 12), (2, 16), (2.25, 18)])
def test_the_grid_may_be_enlarged(times: float, pitch: float) -> None:
    found = blockiness(enlarged(jpeg(scene(), 12), times))
    assert found.pitch == pytest.approx(pitch)
    assert found.step > SHOWN


def test_frames_are_averaged() -> None:
    grid = BlockGrid()
    for picture in moving(6):
        grid.add(jpeg(picture, 40))
    assert grid.found.step > SHOWN
    assert grid.found.pitch == 8


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (16, 2000), (40, 40)])
def test_small_pictures_show_nothing(size: tuple[int, int]) -> None:
    assert blockiness(np.random.default_rng(0).random(size).astype(np.float32)).step >= 0


def test_another_size_begins_anew() -> None:
    grid = BlockGrid()
    grid.add(jpeg(scene(), 10))
    grid.add(scene(1, 144, 176))
    assert grid.found.step < SHOWN
