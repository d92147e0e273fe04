"""Motion between two pictures, and pictures moved along it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamfix import motion


def texture(height: int, width: int, seed: int = 0) -> motion.Floats:
    """Smooth random luma in [0, 1] with detail of every size down to some two pixels."""
    rng = np.random.default_rng(seed)
    layers = [
        cv2.resize(rng.random((height // s + 2, width // s + 2), np.float32), (width, height)) for s in (3, 8, 24)
    ]
    return np.asarray(np.mean(layers, axis=0), np.float32)


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (3, 0), (-2, 5), (7, -4)])
def test_flow_finds_a_shift(dx: int, dy: int) -> None:
    wide = texture(140, 200)
    before = np.ascontiguousarray(wide[20:120, 20:180])
    now = np.ascontiguousarray(wide[20 + dy : 120 + dy, 20 + dx : 180 + dx])  # what now shows at p was at p + (dx, dy)
    flow = motion.FlowEstimator()(now, before)[16:-16, 16:-16]
    assert np.abs(np.median(flow, axis=(0, 1)) - (dx, dy)).max() < 0.15
    assert np.quantile(np.abs(flow - np.array([dx, dy], np.float32)), 0.9) < 0.5
    assert motion.typical_motion(flow) == pytest.approx(np.hypot(dx, dy), abs=0.2)
    assert motion.global_motion(flow) == pytest.approx(np.hypot(dx, dy), abs=0.2)


def test_flow_is_the_same_every_time() -> None:
    now, before = texture(90, 120, 1), texture(90, 120, 2)
    estimate = motion.FlowEstimator()
    first = estimate(now, before)
    estimate(before, now)
    np.testing.assert_array_equal(estimate(now, before), first)
    np.testing.assert_array_equal(motion.FlowEstimator()(now, before), first)


@pytest.mark.parametrize("size", [(1, 1), (1, 64), (31, 200), (32, 32), (33, 47), (112, 32)])
def test_flow_takes_any_size(size: tuple[int, int]) -> None:
    now = texture(*size)
    flow = motion.FlowEstimator()(now, np.ascontiguousarray(now[::-1]))
    assert flow.shape == (*size, 2)
    assert np.isfinite(flow).all()
    if min(size) < motion.MIN_FLOW_SIZE:
        assert not flow.any()


def test_flow_of_two_sizes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(40, 40\) and \(40, 44\)"):
        motion.FlowEstimator()(np.zeros((40, 40), np.float32), np.zeros((40, 44), np.float32))


def test_warping_by_whole_pixels_is_exact() -> None:
    picture = texture(20, 30)
    flow = np.empty((20, 30, 2), np.float32)
    flow[:] = (2, -1)
    warp = motion.Warper(20, 30).aim(flow)
    for cubic in (False, True):
        moved = warp(picture, cubic=cubic)
        np.testing.assert_allclose(moved[1:, :-2], picture[:-1, 2:], atol=1e-6)
        np.testing.assert_allclose(moved[1:, -2:], picture[:-1, [-1, -1]], atol=1e-6)  # the edge is repeated
    assert (warp(picture, outside=9.0)[1:, -2:] == 9).all()
    assert (warp(picture, outside=9.0)[0] == 9).all()


def test_warping_undoes_the_motion_that_was_found() -> None:
    wide = texture(140, 200, 5)
    before, now = np.ascontiguousarray(wide[20:120, 20:180]), np.ascontiguousarray(wide[23:123, 18:178])
    moved = motion.Warper(100, 160).aim(motion.FlowEstimator()(now, before))(before, cubic=True)
    inside = (slice(12, -12), slice(12, -12))
    assert np.abs(moved - now)[inside].mean() < 0.1 * np.abs(before - now)[inside].mean()


def test_channels_move_together() -> None:
    picture = np.dstack([texture(20, 30, 1), texture(20, 30, 2)])
    flow = np.full((20, 30, 2), 0.4, np.float32)
    warp = motion.Warper(20, 30).aim(flow)
    moved = warp(picture)
    for channel in (0, 1):
        # OpenCV rounds the position to 1/32 pixel when there are several channels.
        alone = warp(np.ascontiguousarray(picture[..., channel]))
        np.testing.assert_allclose(moved[..., channel], alone, atol=0.01)


def test_resized_flow_is_the_same_motion() -> None:
    flow = np.empty((10, 20, 2), np.float32)
    flow[:] = (1.5, -2)
    larger = motion.resize_flow(flow, 20, 60)
    assert larger.shape == (20, 60, 2)
    np.testing.assert_allclose(larger[..., 0], 4.5, rtol=1e-6)
    np.testing.assert_allclose(larger[..., 1], -4, rtol=1e-6)
    assert motion.resize_flow(flow, 10, 20) is flow


def test_an_inverse_flow_leads_back() -> None:
    """There and back is where one was, but at the edge, for motion that turns and grows smoothly."""
    rows, columns = np.mgrid[:60, :80].astype(np.float32)
    flow = np.dstack([3 * np.sin(rows / 15) + 1, 2 * np.cos(columns / 20)]).astype(np.float32)
    warp = motion.Warper(60, 80)
    back = motion.inverse(flow, warp)
    there_and_back = back + warp.aim(back)(flow)
    assert np.abs(there_and_back[8:-8, 8:-8]).max() < 0.15


def shifted(dx: float, dy: float, noise: float) -> tuple[motion.Floats, motion.Floats]:
    """(now, before) of 96x160: what now shows at p was at p + (dx, dy); the one noisy, the other not."""
    wide = texture(140, 200)
    grid = np.dstack(np.meshgrid(np.arange(20, 180), np.arange(20, 116))).astype(np.float32)
    now = cv2.remap(wide, grid + np.array([dx, dy], np.float32), None, cv2.INTER_CUBIC)  # type: ignore[call-overload]
    noisy = now + noise * np.random.default_rng(3).standard_normal(now.shape, np.float32)
    return np.asarray(noisy, np.float32), np.ascontiguousarray(wide[20:116, 20:180])


@pytest.mark.parametrize("noise", [0, 5 / 255, 20 / 255])
def test_refined_flow_is_nearer(noise: float) -> None:
    now, before = shifted(1.3, -0.7, noise)
    true = np.array([1.3, -0.7], np.float32) / 2
    rough = np.full((48, 80, 2), true + np.array([0.15, 0.2], np.float32), np.float32)
    refined = motion.refine(rough, now, before, noise, motion.Warper(96, 160))

    def missed(flow: motion.Floats) -> float:
        return float(np.sqrt(np.mean((flow - true)[8:-8, 8:-8] ** 2)))

    assert missed(refined) < (0.2 if noise < 10 / 255 else 0.6) * missed(rough)


def test_refining_leaves_what_no_detail_speaks_against() -> None:
    rough = np.random.default_rng(0).normal(0, 1, (48, 80, 2)).astype(np.float32)
    flat = np.full((96, 160), 0.5, np.float32)
    warp = motion.Warper(96, 160)
    np.testing.assert_array_equal(motion.refine(rough, flat, flat, 0, warp), rough)
    noisy = flat + (np.random.default_rng(1).normal(0, 20 / 255, flat.shape)).astype(np.float32)
    moved = motion.refine(rough, noisy, flat, 20 / 255, warp) - rough
    assert np.abs(moved).max() < 1e-6


def test_no_step_of_refining_is_longer_than_a_pixel() -> None:
    now, before = texture(96, 160, 1), texture(96, 160, 2)
    rough = np.zeros((48, 80, 2), np.float32)
    step = np.abs(motion.refine(rough, now, before, 0, motion.Warper(96, 160)))
    assert step.max() == 0.5
    assert (step < 0.5).mean() > 0.5


def test_pictures_too_small_for_flow_are_not_refined() -> None:
    now, before = texture(16, 60, 1), texture(16, 60, 2)
    rough = np.zeros((8, 30, 2), np.float32)
    np.testing.assert_array_equal(motion.refine(rough, now, before, 0.1, motion.Warper(16, 60)), rough)


def test_motion_that_goes_on_is_told_twice() -> None:
    rng = np.random.default_rng(0)
    true = np.zeros((60, 90, 2), np.float32) + np.array([1.5, -0.5], np.float32)
    found, expected = (true + rng.normal(0, 0.1, true.shape).astype(np.float32) for _ in range(2))
    steady = motion.steadied(found, expected, 0.4)
    assert np.std(steady - true) < 0.8 * np.std(found - true)
    np.testing.assert_allclose(motion.steadied(found, found, 0.4), found, atol=1e-6)


def test_what_a_shaken_camera_changes_everywhere_is_kept() -> None:
    found = np.random.default_rng(0).normal(0, 0.1, (60, 90, 2)).astype(np.float32)
    shaken = found + np.array([2, -3], np.float32)
    np.testing.assert_allclose(motion.steadied(found, shaken, 0.4), found, atol=1e-5)


def test_what_moves_otherwise_than_expected_is_as_it_was_found() -> None:
    found, expected = np.zeros((60, 90, 2), np.float32), np.zeros((60, 90, 2), np.float32)
    found[20:40, 30:50] = 5  # it has begun to move
    steady = motion.steadied(found, expected, 0.4)
    np.testing.assert_allclose(steady[26:34, 36:44], 5, atol=1e-5)
    np.testing.assert_allclose(steady[:8], 0, atol=1e-5)
