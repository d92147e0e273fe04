"""The losses, against what can be worked out by hand."""

from __future__ import annotations

import pytest
import torch

from streamfix import UsageError
from streamfix.training import losses
from streamfix.training.losses import LossWeights

TRUE = torch.rand(2, 6, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["gradient", "fft", "ms_ssim"])
def test_nothing_is_lost_where_nothing_differs(name: str) -> None:
    luma = losses.luma_of(TRUE)
    assert float(getattr(losses, name)(luma, luma)) == pytest.approx(0, abs=1e-6)


def test_charbonnier_is_the_distance_far_away_and_eps_at_zero() -> None:
    assert float(losses.charbonnier(TRUE, TRUE)) == pytest.approx(1e-3)
    assert float(losses.charbonnier(TRUE + 0.5, TRUE)) == pytest.approx(0.5, rel=1e-4)


def test_chroma_counts_as_much_as_it_is_weighted() -> None:
    wrong = TRUE.clone()
    wrong[:, 4:] += 0.5
    plain, heavy = (float(losses.charbonnier(wrong, TRUE, chroma)) for chroma in (1.0, 4.0))
    assert plain == pytest.approx((4 * 1e-3 + 2 * 0.5) / 6, rel=1e-3)
    assert heavy == pytest.approx((4 * 1e-3 + 8 * 0.5) / 12, rel=1e-3)


def test_a_constant_error_has_no_gradient() -> None:
    luma = losses.luma_of(TRUE)
    assert float(losses.gradient(luma + 0.3, luma)) == pytest.approx(0, abs=1e-6)


def test_the_spectrum_of_a_constant_error_is_one_line() -> None:
    """A constant c over N pixels has the energy of one coefficient, c sqrt(N)."""
    luma = torch.zeros(1, 1, 16, 16)
    bins = 16 * 9  # of a real transform
    assert float(losses.fft(luma + 0.5, luma)) == pytest.approx(0.5 * 16 / bins, rel=1e-5)


def test_luma_is_put_together_from_its_sub_pixels() -> None:
    luma = torch.arange(16.0).view(1, 1, 4, 4)
    planes = [luma[0, 0, i // 2 :: 2, i % 2 :: 2] for i in range(4)]
    assert torch.equal(losses.luma_of(torch.stack([*planes, *planes[:2]])[None]), luma)


@pytest.mark.parametrize("planes", [1, 3])
def test_pictures_may_be_luma_or_rgb(planes: int) -> None:
    true = TRUE[:, :planes]
    every = LossWeights(chroma=3.0, ms_ssim=0.1, fft=0.1, gradient=0.1)
    assert float(losses.total(true, true, every, 0.5)) == pytest.approx(1e-3, abs=1e-6)
    assert float(losses.charbonnier(true + 0.5, true, 3.0)) == pytest.approx(0.5, rel=1e-4)
    assert losses.luma_of(true).shape == (2, 1, 64, 64)


def test_the_luma_of_rgb_is_bt601s() -> None:
    red, green, blue = torch.eye(3)[:, None, :, None, None]
    luma = [float(losses.luma_of(colour)) for colour in (red, green, blue)]
    assert luma == pytest.approx([0.299, 0.587, 0.114])


def test_what_is_no_picture_is_named() -> None:
    with pytest.raises(UsageError, match=r"pictures of 5 planes; a recipe's are packed 4:2:0 \(6\), R'G'B' \(3\) or"):
        losses.total(TRUE[:, :5], TRUE[:, :5], LossWeights(), 0.0)


def test_what_is_restored_has_the_targets_shape() -> None:
    """(One of another size that can be broadcast would be learnt from as if it were right.)"""
    with pytest.raises(UsageError, match=r"restores pictures \(1, 6, 64, 64\) where its target is \(2, 6, 64, 64\)"):
        losses.total(TRUE[:1], TRUE, LossWeights(), 0.0)


def test_psnr_is_the_mean_over_pictures_and_no_more_than_60() -> None:
    assert float(losses.psnr(TRUE, TRUE)) == pytest.approx(60)
    wrong = TRUE.clone()
    wrong[0] += 0.1
    assert float(losses.psnr(wrong, TRUE)) == pytest.approx((20 + 60) / 2, abs=1e-3)


def test_an_error_that_stays_does_not_flicker() -> None:
    target = TRUE[:, None].expand(-1, 2, -1, -1, -1)
    assert float(losses.temporal(target + 0.1, target)) == pytest.approx(0, abs=1e-6)
    changed = target.clone()
    changed[:, 1] += 0.1
    assert float(losses.temporal(changed, target)) == pytest.approx(0.1, rel=1e-3)


def test_flicker_is_not_counted_where_the_picture_moves() -> None:
    target = torch.stack([TRUE, TRUE + 0.5], 1)
    restored = target.clone()
    restored[:, 1] += 0.1
    assert float(losses.temporal(restored, target)) < 1e-6


def test_the_temporal_part_comes_late_and_asks_for_pairs() -> None:
    weights = LossWeights(temporal=1.0, temporal_from=0.8)
    flat = losses.total(TRUE + 0.1, TRUE, weights, 0.5)
    assert float(flat) == pytest.approx(0.1, rel=1e-3)
    with pytest.raises(UsageError, match="pairs of pictures"):
        losses.total(TRUE, TRUE, weights, 0.9)
