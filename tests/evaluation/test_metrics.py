"""Figures against their closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.evaluation.clip import Clip
from streamfix.evaluation.metrics import Judge, psnr, settle, ssim
from streamfix.evaluation.scaling import enlarged
from tests.evaluation.material import flat, moving, shifted, texture


def test_a_perfect_copy_has_no_error_and_the_floor_of_steadiness() -> None:
    clip = moving(16)
    found = Judge(clip)(clip)
    assert found.psnr_y == found.psnr_uv == found.psnr_rgb == pytest.approx(psnr(0))
    assert found.ssim_y == pytest.approx(1)
    assert found.warp_error < 1.0  # it moves by whole pixels; what is left is the flow's inaccuracy


def test_an_error_of_one_size_has_the_psnr_of_that_size() -> None:
    clip = moving(12)
    found = Judge(clip)(shifted(clip, 5))
    assert found.psnr_y == pytest.approx(10 * np.log10(255**2 / 25))
    assert found.moving_y == pytest.approx(found.psnr_y)
    assert found.psnr_uv == pytest.approx(psnr(0))
    # Five codes of luma are 5 * 255 / 219 of each R'G'B'.
    assert found.psnr_rgb == pytest.approx(psnr((5 * 255 / 219) ** 2), abs=0.1)


def test_luma_and_chroma_are_told_apart() -> None:
    clip = moving(12)
    found = Judge(clip)(Clip(clip.y, clip.u ^ np.uint8(4), clip.v))
    assert found.psnr_y == pytest.approx(psnr(0))
    assert found.psnr_uv == pytest.approx(psnr(16 / 2))


def test_moving_and_static_pixels_are_told_apart() -> None:
    """Half of the picture stands, half moves; the error is in the half that stands, away from the border."""
    ground, wide = texture(48, 32), texture(48, 64, 1)
    y = np.stack([np.hstack([ground, wide[:, 2 * t : 2 * t + 32]]) for t in range(12)]).astype(np.uint8)
    chroma = np.full((12, 24, 32), 128, np.uint8)
    out = y.copy()
    out[:, :, :20] ^= 8
    found = Judge(Clip(y, chroma, chroma))(Clip(out, chroma, chroma))
    assert found.moving_y == pytest.approx(psnr(0))
    assert found.static_y < found.psnr_y == pytest.approx(psnr(64 * 20 / 64))


def test_flicker_is_the_change_where_nothing_changes() -> None:
    clip = flat(100)
    y = clip.y.copy()
    y[::2] += 3
    found = Judge(clip)(Clip(y, clip.u, clip.v))
    assert found.flicker == pytest.approx(3)
    assert found.warp_error == pytest.approx(3)
    assert np.isnan(found.moving_y)
    assert found.rounded()["moving_y"] is None


def test_a_frozen_picture_is_steady_but_not_right_where_it_should_move() -> None:
    clip = moving(12)
    frozen = Clip(*(np.repeat(p[:1], 12, 0) for p in clip.planes()))
    found = Judge(clip)(frozen)
    assert found.moving_y < 25
    assert found.warp_error > Judge(clip)(clip).warp_error


def test_noise_makes_everything_worse() -> None:
    clip = moving(12)
    noise = np.random.default_rng(0).normal(0, 10, clip.y.shape)
    noisy = Clip((clip.y + noise).clip(0, 255).astype(np.uint8), clip.u, clip.v)
    judge = Judge(clip)
    better, worse = judge(clip), judge(noisy)
    assert worse.psnr_y == pytest.approx(psnr(100), abs=0.2)
    assert worse.ssim_y < 0.9 < better.ssim_y
    assert worse.warp_error > 8 > better.warp_error  # a difference of two: 10 * sqrt(2) * sqrt(2 / pi) or less


@pytest.mark.parametrize(("a", "b"), [(100, 100), (100, 110), (10, 200)])
def test_ssim_of_flat_pictures_is_its_luminance_term(a: int, b: int) -> None:
    c1 = (0.01 * 255) ** 2
    x, y = (np.full((32, 32), v, np.uint8) for v in (a, b))
    assert ssim(x, y) == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1), abs=1e-6)


def test_ssim_of_a_picture_with_half_its_contrast() -> None:
    """Means equal and covariance half the variance: (var + c2) / (1.25 var + c2) where var is large."""
    x = np.random.default_rng(0).choice([28, 228], (200, 200)).astype(np.uint8)
    y = (128 + (x.astype(int) - 128) // 2).astype(np.uint8)
    assert ssim(x, y) == pytest.approx(0.8, abs=0.01)


def test_the_first_frames_are_left_out() -> None:
    clip = moving(40)
    y = clip.y.copy()
    y[: settle(40)] = 0
    assert Judge(clip)(Clip(y, clip.u, clip.v)).psnr_y == pytest.approx(psnr(0))
    assert (settle(40), settle(20), settle(8), settle(100)) == (10, 5, 2, 10)


def test_another_size_or_length_is_refused() -> None:
    with pytest.raises(ValueError, match="restored clip is"):
        Judge(moving(12))(moving(11))


def test_a_border_does_not_count() -> None:
    clip = moving(12)
    y = clip.y.copy()
    y[:, :2], y[:, -2:], y[:, :, :2], y[:, :, -2:] = 0, 255, 0, 255
    found, inner = Judge(clip, border=2)(Clip(y, clip.u, clip.v)), Judge(clip, border=2)(clip)
    assert found == inner
    assert Judge(clip)(Clip(y, clip.u, clip.v)).psnr_y < 30 < psnr(0) == pytest.approx(found.psnr_y)


def test_a_single_picture_has_no_steadiness() -> None:
    clip = moving(1)
    found = Judge(clip, border=2)(shifted(clip, 5)).rounded()
    assert found["psnr_y"] == pytest.approx(10 * np.log10(255**2 / 25), abs=1e-3)
    assert found["flicker"] is found["warp_error"] is found["moving_y"] is None


def test_steadiness_is_measured_at_the_size_of_the_truth() -> None:
    """A small clip that flickers, enlarged: the figures are those of the large pictures."""
    large = flat(100, 12, 128, 96)
    small = flat(100, 12, 64, 48)
    small.y[::2] += 3
    found = Judge(large, border=2)(enlarged(small, 2))
    assert found.flicker == pytest.approx(3) and found.warp_error == pytest.approx(3)
