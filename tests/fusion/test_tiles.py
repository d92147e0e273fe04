"""A picture that is worked on in tiles is what it would be in one piece, however many threads there are."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix import cores, motion
from streamfix.fusion import Fuser, Noise, enlarge, enlarge_part
from streamfix.fusion import fuser as fuser_module
from streamfix.fusion.agreement import Residual, busy_cells, moving_parts, refined
from streamfix.fusion.planes import bound_difference, bound_missed, tent
from streamfix.fusion.tiles import tiles
from streamfix.motion import Floats
from tests.fusion.test_ahead import NOISE, SIGMA, noisy, scene, view

SIZES = [(1, 1), (45, 80), (180, 320), (301, 333), (540, 960)]


def random(height: int, width: int, seed: int = 0, planes: int = 0) -> Floats:
    shape = (height, width, planes) if planes else (height, width)
    return np.random.default_rng(seed).random(shape, np.float32)


@pytest.mark.parametrize("size", SIZES)
def test_tiles_cover_the_picture_once(size: tuple[int, int]) -> None:
    seen = np.zeros(size, int)
    for tile in tiles(*size):
        seen[tile.core.half] += 1
        around = tile.around(4)
        inner = tile.core.inside(around)
        assert seen[around.half][inner.half].shape == seen[tile.core.half].shape
    assert (seen == 1).all()


@pytest.mark.parametrize("planes", [0, 2])
def test_a_part_enlarged_is_part_of_the_whole(planes: int) -> None:
    picture = random(301, 333, planes=planes)
    whole = enlarge(picture, 602, 666)
    for tile in tiles(301, 333):
        for at in (tile.core, tile.around(5)):
            assert np.allclose(enlarge_part(picture, at, tile), whole[at.full], atol=1e-6)


def test_moving_parts_hold_all_that_moves_and_no_more_than_cells_of_it() -> None:
    flow = np.zeros((100, 150, 2), np.float32)
    assert moving_parts(flow) == []
    flow[3, 4] = (0.5, 0)
    flow[40:80, 100:149] = (0, -1)
    flow[99, 149] = (1e-3, 0)
    seen = np.zeros((100, 150), int)
    for part in moving_parts(flow):
        seen[part.half] += 1
    assert seen.max() == 1
    assert (seen[(flow != 0).any(2)] == 1).all()
    assert seen.mean() < 0.35
    still = np.zeros_like(flow)
    assert moving_parts(still * np.float32(-1)) == [], "-0.0 is no motion"
    flow[:] = 1
    (whole,) = moving_parts(flow)
    assert (whole.top, whole.bottom, whole.left, whole.right) == (0, 100, 0, 150)


def test_nothing_is_busy_where_there_is_but_noise() -> None:
    expected = np.full((96, 160), 0.02, np.float32)
    found = expected * (0.7 + 0.6 * random(96, 160))
    assert not busy_cells((found, expected)).any()
    found[40:56, 80:96] *= 4
    busy = busy_cells((found, expected))
    assert busy[36:60, 76:100].all() and busy[:24].max() == 0 and busy[:, :64].max() == 0


def test_white_noise_hardly_ever_looks_busy_and_a_faint_thing_does() -> None:
    rng = np.random.default_rng(3)
    now, before = (np.asarray(rng.normal(0.5, SIGMA / 2, (180, 320)), np.float32) for _ in range(2))
    still = Residual(now, SIGMA)(before, np.ones_like(now))
    assert busy_cells(still).mean() < 0.08
    now[80:88, 160:168] += 3 * np.float32(SIGMA / 2)
    faint = Residual(now, SIGMA)(before, np.ones_like(now))
    assert busy_cells(faint)[74:94, 154:174].all()


def test_a_large_picture_is_followed_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scene(1, 320, 700)

    def errors(speed: int, large: int) -> list[float]:
        """How far each fused frame is from the truth. large: from how many pixels on the quick coarse flow is used."""
        monkeypatch.setattr(fuser_module, "_LARGE", large)
        fuser, found = Fuser(), []
        for t in range(6):
            luma = np.ascontiguousarray(whole[:, speed * t : speed * t + 640])
            result = fuser.step(*noisy((luma, np.repeat(luma[::2, ::2, None], 2, 2)), t), NOISE)
            found.append(float(np.abs(result.luma - luma).mean()))
        return found

    assert errors(2, 1) == errors(2, 1 << 30), "the camera moves: as in small pictures"
    assert np.allclose(errors(0, 1)[1:], errors(0, 1 << 30)[1:], rtol=0.05)
    assert errors(0, 1)[-1] < 0.6 * errors(0, 1)[0]


def test_motion_is_refined_in_tiles_as_in_the_whole() -> None:
    rng = np.random.default_rng(1)
    before = tent(random(360, 800))
    now = np.ascontiguousarray(np.roll(before, (1, -1), (0, 1)))
    flow = rng.normal((0.5, -0.5), 0.2, (180, 400, 2)).astype(np.float32)
    warp = motion.Warper(360, 800)
    whole = motion.refine(flow, now, before, SIGMA, warp)
    assert np.allclose(refined(flow, now, before, SIGMA, warp), whole, atol=1e-4)
    still = np.zeros_like(flow)
    assert np.array_equal(refined(still, now, before, SIGMA, warp), still)
    still[30:70, 100:190] = flow[30:70, 100:190]
    few, around = refined(still, now, before, SIGMA, warp), motion.refine(still, now, before, SIGMA, warp)
    assert np.allclose(few[30:70, 100:190], around[30:70, 100:190], atol=1e-4)
    assert not few[:, :99].any() and not few[71:].any(), "where nothing moves, nothing is refined"


def test_what_is_missed_is_bounded_as_a_difference_is() -> None:
    frame, out = random(60, 80), random(60, 80, 1)
    missed = frame - out
    for _ in range(2):
        bound_difference(out, frame, 0.02)
    bound_missed(missed, 0.02)
    assert np.allclose(frame - missed, out, atol=1e-6)


@pytest.mark.parametrize("fine", [False, True])
@pytest.mark.parametrize("speed", [0, 2])
def test_the_number_of_threads_changes_nothing(fine: bool, speed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scene(1, 400, 900)

    def fused(threads: int) -> list[Floats]:
        monkeypatch.setattr(cores, "count", lambda: threads)
        monkeypatch.setattr(cores, "_helpers", cores._Helpers())
        fuser, results = Fuser(fine), []
        for t in range(4):
            luma = np.ascontiguousarray(whole[:, speed * t : speed * t + 800])
            frame = noisy((luma, np.repeat(luma[::2, ::2, None], 2, 2)), t)
            result = fuser.step(*frame, NOISE)
            results += [result.luma.copy(), result.chroma.copy(), result.variance.copy()]
        return results

    for one, many in zip(fused(1), fused(5), strict=True):
        assert np.array_equal(one, many)


def test_a_result_lasts_until_the_step_after_the_next() -> None:
    fuser, frames = Fuser(), [noisy(view(scene(), t), t) for t in range(4)]
    fuser.step(*frames[0], NOISE)
    kept = fuser.step(*frames[1], Noise(SIGMA, SIGMA))
    before = kept.luma.copy(), kept.chroma.copy(), kept.variance.copy()
    fuser.step(*frames[2], NOISE)
    assert np.array_equal(kept.luma, before[0]) and np.array_equal(kept.chroma, before[1])
    fuser.step(*frames[3], NOISE)
    assert np.array_equal(kept.variance, before[2]), "which other threads may still read"
