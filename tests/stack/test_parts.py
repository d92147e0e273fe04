"""The parts of a stack: the sensor's model, told kernels, the choice by coding."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.coding import FrameCoding
from streamfix.frame import PixelFormat
from streamfix.stack.choice import weight_map
from streamfix.stack.deblur import kernel, undone
from streamfix.stack.region import MARGIN, luma_to_plane, region
from streamfix.stack.sensor import view


def test_the_sensor_averages_over_squares() -> None:
    where = region((40, 30), None, None, 4)
    one = view(np.zeros((30, 40), np.float32), where.to_reference(), where.grid, 4)
    assert one is not None and one.recorded.shape == (30, 40) and one.inside.all()
    fine = np.random.default_rng(0).random(where.grid[::-1], np.float32)
    edge = MARGIN * 4
    means = fine[edge:-edge, edge:-edge].reshape(30, 4, 40, 4).mean((1, 3))
    assert np.allclose(one.project(fine), means, atol=1e-5)


def test_spreading_is_the_projection_transposed() -> None:
    where, rng = region((32, 24), (4, 4, 20, 14), None, 3), np.random.default_rng(0)
    moved = np.array([[1.01, 0.02, 0.3], [-0.01, 0.99, -0.4], [0, 0, 1.0]])
    one = view(np.zeros((24, 32), np.float32), moved @ where.to_reference(), where.grid, 3)
    assert one is not None
    fine = rng.random(where.grid[::-1], np.float32)
    recorded = rng.random(one.recorded.shape, np.float32) * one.inside
    there, back = float(np.sum(one.project(fine) * recorded)), float(np.sum(fine * one.spread(recorded))) / 9
    assert there == pytest.approx(back, rel=0.02)


def test_a_grid_beside_the_picture_has_no_view() -> None:
    where = region((40, 30), None, None, 2)
    away = np.array([[1, 0, 500], [0, 1, 0], [0, 0, 1.0]])
    assert view(np.zeros((30, 40), np.float32), away @ where.to_reference(), where.grid, 2) is None


def test_chroma_lies_where_the_standard_says() -> None:
    format = PixelFormat("yuv420p", "yuv", 8, 1, 1)
    assert np.allclose(luma_to_plane(format, 1) @ [2, 2.5, 1], [1, 1, 1])
    assert np.allclose(luma_to_plane(format, 0), np.eye(3))


@pytest.mark.parametrize("text", ["gauss:0.8", "disc:1.5", "line:4:30"])
def test_a_kernel_reads_as_it_is_written(text: str) -> None:
    found = kernel(text)
    assert str(found) == text
    assert found.drawn(2, 2).sum() == pytest.approx(1, abs=1e-5)


def test_wieners_filter_keeps_what_is_flat() -> None:
    assert np.allclose(undone(np.full((20, 30), 77, np.float32), kernel("disc:2").drawn(1, 1)), 77, atol=1e-3)


def test_blocks_of_a_finer_quantiser_count_more() -> None:
    qp = np.array([[20, 40]], np.float32)
    found = weight_map(FrameCoding("P", 1, qp), (16, 32), 0.5)
    assert found is not None and found.shape == (16, 32)
    assert found.mean() == pytest.approx(0.5, rel=1e-5)
    assert found[0, 0] > 20 * found[0, 20]
    assert weight_map(None, (16, 32), 1.0) is None
