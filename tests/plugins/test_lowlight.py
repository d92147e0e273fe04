"""`lowlight`: one monotone curve, held over time, no steeper than the noise allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from streamfix import BadOption
from streamfix.chainspec import parse_chain
from streamfix.frame import Color, Frame, PixelFormat, Planes
from streamfix.jobs.chain import restore_stage
from streamfix_lowlight import Lowlight
from streamfix_lowlight.curve import brightened, darkened, slope
from tests.analysis.material import scene

HEIGHT, WIDTH = 64, 96


def night(count: int, noise: float = 0.5, lamps: bool = False) -> list[Any]:
    """Dark pictures of limited range, (H, W) codes; lamps: a bright spot moves across."""
    rng = np.random.default_rng(2)
    still = 18 + 30 * np.asarray(scene(4, HEIGHT, WIDTH), np.float32)
    pictures = []
    for i in range(count):
        luma = still + rng.normal(0, noise, still.shape)
        if lamps:
            luma[20:44, 4 * i % 60 : 4 * i % 60 + 24] = 200
        pictures.append(np.clip(np.rint(luma), 0, 255).astype(np.uint8))
    return pictures


def frames(pictures: Sequence[Any], full: bool = False) -> list[Frame]:
    half = np.full((HEIGHT // 2, WIDTH // 2), 120, np.uint8)
    format = PixelFormat("yuv420p", "yuv", 8, 1, 1)
    return [
        Frame(Planes(format, WIDTH, HEIGHT, (luma, half, half)), pts, 1, color=Color(full_range=full))  # type: ignore[arg-type]
        for pts, luma in enumerate(pictures)
    ]


def restored(pictures: Sequence[Any], vf: str = "lowlight", full: bool = False) -> tuple[list[Any], list[float]]:
    """The lumas behind it, and the gain of each."""
    stage = restore_stage(parse_chain(vf), "cpu", explain=True)
    assert stage is not None
    found = [f for frame in frames(pictures, full) for f in stage.push(frame)]
    found += list(stage.flush())
    stage.close()
    return [f.picture.planes(f.color).data[0] for f in found], [f.provenance[-1].measured["gain"] for f in found]


def flicker(pictures: Sequence[Any]) -> float:
    """Deviation over time, over the contrast: between the 5th and the 95th percentile."""
    stack = np.stack(pictures).astype(np.float32)
    low, high = np.percentile(stack, (5, 95))
    return float(stack.std(0).mean() / (high - low))


# -- laws


@pytest.mark.parametrize("gain", [1.0, 1.5, 4.0, 12.0])
def test_the_curve_is_monotone_and_can_be_undone(gain: float) -> None:
    x = np.linspace(-0.1, 1.1, 500)
    y = brightened(x, gain)
    assert (np.diff(y) > 0).all()
    assert brightened(np.array([0.0, 1.0]), gain) == pytest.approx([0, 1], abs=1e-6)
    assert darkened(y, gain) == pytest.approx(x, abs=5e-4)
    numeric = np.diff(brightened(np.array([0.2, 0.201]), gain).astype(np.float64)) / 0.001
    assert slope(np.array([0.2005]), gain) == pytest.approx(numeric, rel=0.01)


def test_what_is_brighter_stays_brighter() -> None:
    pictures = night(3)
    for before, after in zip(pictures, restored(pictures)[0], strict=True):
        levels = [after[before == level] for level in np.unique(before)]
        assert all(len(np.unique(level)) == 1 for level in levels)  # one curve for the whole picture
        assert (np.diff([int(level[0]) for level in levels]) >= 0).all()


def test_a_dark_picture_becomes_bright_and_a_bright_one_stays_bit_for_bit() -> None:
    dark = night(2)
    assert np.median(restored(dark)[0][0]) > np.median(dark[0]) + 30
    bright = [np.clip(one.astype(int) * 4, 0, 255).astype(np.uint8) for one in dark]
    assert all((a == b).all() for a, b in zip(bright, restored(bright)[0], strict=True))


def test_flicker_over_contrast_is_that_of_the_input() -> None:
    pictures = night(12)
    assert flicker(restored(pictures)[0]) <= 1.05 * flicker(pictures)


def test_headlights_do_not_change_the_gain() -> None:
    gains = restored(night(16, lamps=True))[1]
    assert max(gains[4:]) / min(gains[4:]) < 1.02


def test_small_changes_of_the_light_do_not_change_the_gain_and_large_ones_do_slowly() -> None:
    still = night(1, 0)[0].astype(np.float32)
    small = [np.rint(16 + (still - 16) * (1 + 0.02 * np.sin(i))).astype(np.uint8) for i in range(20)]
    assert len(set(restored(small)[1])) == 1
    dawn = [np.rint(16 + (still - 16) * (1 + i / 8)).astype(np.uint8) for i in range(24)]
    gains = restored(dawn)[1]
    steps = np.abs(np.diff(np.log(gains)))
    assert gains[-1] < 0.9 * gains[0] and steps.max() <= 0.0201


def test_the_noise_that_is_left_bounds_the_gain() -> None:
    quiet, noisy = (restored(night(8, noise))[1][-1] for noise in (0.2, 3.0))
    assert noisy < 0.8 * quiet and noisy * 3.0 < 5.5


def test_what_it_did_can_be_undone_from_what_it_reports() -> None:
    pictures = night(3)
    after, gains = restored(pictures)
    for luma, gain, before in zip(after, gains, pictures, strict=True):
        back = 16 + 219 * darkened((luma.astype(np.float64) - 16) / 219, gain)
        assert np.abs(back - before).max() <= 0.51


def test_black_is_black_in_either_range() -> None:
    for full, black in ((False, 16), (True, 0)):
        picture = np.full((HEIGHT, WIDTH), black, np.uint8)
        picture[:40] = black + 12
        (after,), (gain,) = restored([picture], full=full)
        assert gain > 2 and (after[48:] == black).all() and (after[:32] > black + 24).all()


def test_the_map_of_the_noise_grows_with_the_curve() -> None:
    stage = restore_stage(parse_chain("smooth,lowlight=gain=4"), "cpu", explain=True)
    assert stage is not None
    (frame,) = [*stage.push(frames(night(1))[0]), *stage.flush()]
    stage.close()
    smooth, lowlight = (one.maps for one in frame.provenance)
    assert smooth is not None and lowlight is not None
    steeper = lowlight.noise_left / smooth.noise_left
    assert 3 < np.median(steeper) < steeper.max() <= 4.001
    assert (lowlight.own == smooth.own).all()


@pytest.mark.parametrize("options", [{"gain": 0.5}, {"most": 0}, {"noise": 0.1}])
def test_wrong_options_are_told(options: dict[str, float]) -> None:
    with pytest.raises(BadOption, match="lowlight="):
        Lowlight(**options)
