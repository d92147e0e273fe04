"""Maps of how far a picture can be trusted, and what it was told by."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from streamfix.chainspec import parse_chain
from streamfix.frame import Frame, PixelFormat, Planes
from streamfix.jobs.chain import restore_stage
from streamfix.models import trusted
from streamfix.provenance import Maps
from tests.analysis.material import scene

SIGMA = 6.0  # codes


def footage(count: int) -> tuple[Any, list[Any]]:
    """A still picture, (H, W) codes, and frames of it with noise."""
    true = np.asarray(scene(1, 96, 128), np.float32) * 180 + 35
    rng = np.random.default_rng(5)
    return true, [
        np.clip(np.rint(true + rng.normal(0, SIGMA, true.shape)), 0, 255).astype(np.uint8) for _ in range(count)
    ]


def restored(vf: str, pictures: list[Any], *, explain: bool = True) -> list[Frame]:
    stage = restore_stage(parse_chain(vf), "cpu", explain=explain)
    assert stage is not None
    grey, found = np.full((48, 64), 128, np.uint8), []
    for pts, luma in enumerate(pictures):
        planes = Planes(PixelFormat("yuv420p", "yuv", 8, 1, 1), 128, 96, (luma, grey, grey))
        found += list(stage.push(Frame(planes, pts, 1)))  # type: ignore[arg-type]  # any time base
    found += list(stage.flush())
    stage.close()
    return found


def maps_of(frame: Frame) -> Maps:
    maps = frame.provenance[-1].maps
    assert maps is not None
    return maps


@pytest.mark.parametrize("vf", ["smooth", "smooth=strength=0.5"])
def test_nine_pixels_of_ten_lie_within_two_deviations_of_the_truth(vf: str) -> None:
    true, pictures = footage(8)
    for frame in restored(vf, pictures)[2:]:
        sigma = 255 * cv2.resize(maps_of(frame).noise_left, true.shape[::-1], interpolation=cv2.INTER_LINEAR)
        error = np.abs(frame.picture.planes(frame.color).data[0] - true)
        assert np.mean(error <= 2 * sigma + 0.5) >= 0.9
        assert np.sqrt(np.mean(np.square(sigma))) < 3 * np.sqrt(np.mean(np.square(error)))  # it does not say nothing


def test_the_more_frames_were_averaged_the_less_comes_from_this_one() -> None:
    _, pictures = footage(8)
    frames = restored("smooth", pictures)
    own = [float(maps_of(frame).own.mean()) for frame in frames]
    assert own[0] > own[1] > own[4] and own[-1] < 0.4
    for frame in frames:
        maps = maps_of(frame)
        assert maps.own.min() >= 0 and maps.neighbours.min() >= 0
        assert (maps.own + maps.neighbours).max() <= 1 + 1e-5
    assert maps_of(frames[0]).neighbours.max() < 0.05


def test_who_explains_restores_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    _, pictures = footage(4)
    with_, without = (restored("smooth", pictures, explain=each) for each in (True, False))
    for one, other in zip(with_, without, strict=True):
        assert one.picture.planes(one.color).data[0].tobytes() == other.picture.planes(other.color).data[0].tobytes()
        assert other.provenance == () and one.provenance[0].filter == "smooth"
        assert one.provenance[0].measured.keys() == {"noise_luma", "noise_chroma"}


def test_what_an_earlier_filter_has_left_stays_and_what_it_was_told_counts() -> None:
    one, half = np.full((4, 6), 0.5, np.float32), np.full((4, 6), 0.25, np.float32)
    made = Maps(0.01 * one, one, half).behind(Maps(0.1 * one, half, half))
    assert (made.noise_left == 0.1 * one).all() and (made.own == 0.125).all() and (made.neighbours == 0.375).all()


def test_maps_are_of_the_picture_not_of_what_was_padded() -> None:
    _, pictures = footage(1)
    cut = [one[:90, :122].copy() for one in pictures]
    stage = restore_stage(parse_chain("deblock=strength=1:precision=fp32"), "cpu", explain=True)
    assert stage is not None
    planes = Planes(PixelFormat("gray", "gray", 8), 122, 90, (cut[0],))
    (frame,) = [*stage.push(Frame(planes, 0, 1)), *stage.flush()]  # type: ignore[arg-type]
    stage.close()
    assert maps_of(frame).own.shape == (45, 61)


def test_what_was_not_averaged_nor_removed_is_as_noisy_as_before() -> None:
    flat = np.full((32, 48), 0.5, np.float32)
    maps = trusted(flat, flat, flat, np.ones((16, 24), np.float32), 0.04)
    assert (
        maps.noise_left == pytest.approx(0.05, rel=0.01) and maps.own == pytest.approx(1) and not maps.neighbours.any()
    )
