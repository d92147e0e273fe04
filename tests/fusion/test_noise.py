"""Noise is measured as it is, however a camera has spread it; detail is none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamfix.fusion import NoiseEstimator
from streamfix.motion import Floats
from streamfix.training.degradations import codec, gaussian
from streamfix.training.planes420 import Planes420, quantise

SIGMA = 8 / 255


def scene(t: int, detail: float) -> Floats:
    """A panning street: areas of flat light with hard edges, and fine detail on the lower half."""
    rng = np.random.default_rng(3)
    areas = cv2.resize(rng.random((6, 14)), (400, 192), interpolation=cv2.INTER_NEAREST) * 0.5 + 0.25
    grain = cv2.GaussianBlur(rng.standard_normal((192, 400)), (0, 0), 1.0)
    areas[96:] += detail * grain[96:] / grain.std()
    picture = cv2.GaussianBlur(areas, (0, 0), 0.7)
    return np.ascontiguousarray(picture[:, 3 * t : 3 * t + 256], np.float32)


def spread_noise(t: int, kernel: int) -> Floats:
    """Of deviation SIGMA, behind a triangle filter of so many pixels, as bilinear demosaicking is one of 3."""
    noise = np.random.default_rng(t).standard_normal((192, 256))
    side = np.concatenate([np.arange(1, (kernel + 1) // 2 + 1), np.arange(kernel // 2, 0, -1)]).astype(float)
    smooth = cv2.sepFilter2D(noise, -1, side, side) if kernel > 1 else noise
    return np.asarray(SIGMA * smooth / smooth.std(), np.float32)


def measured(frames: list[Floats]) -> float:
    estimate = NoiseEstimator()
    for luma in frames:
        codes = (np.rint(np.clip(luma, 0, 1) * 255) / 255).astype(np.float32)
        noise = estimate(codes, np.repeat(codes[::2, ::2, None], 2, 2), still=False)
    return noise.luma


@pytest.mark.parametrize("kernel", [1, 3])
def test_noise_that_a_camera_has_spread_is_measured_too(kernel: int) -> None:
    """(It was measured as a third of it: a denoiser that is told so leaves most of it.)"""
    found = measured([scene(t, 0) + spread_noise(t, kernel) for t in range(8)])
    assert 0.75 * SIGMA < found < 1.2 * SIGMA


@pytest.mark.parametrize("detail", [0.0, 0.05, 0.15])
def test_detail_of_a_clean_moving_picture_is_no_noise(detail: float) -> None:
    assert measured([scene(t, detail) for t in range(8)]) < 0.6 / 255


def test_detail_does_not_add_to_noise() -> None:
    found = measured([scene(t, 0.15) + spread_noise(t, 3) for t in range(8)])
    assert found < 1.2 * SIGMA


def both(luma: float, chroma: float) -> tuple[float, float]:
    """What is measured of noise of so many codes on a still picture without detail, in codes."""
    estimate = NoiseEstimator()
    for t in range(6):
        rng = np.random.default_rng(t)
        y = 0.5 + rng.normal(0, luma / 255, (192, 256))
        uv = 0.5 + rng.normal(0, chroma / 255, (96, 128, 2))
        noise = estimate(y.astype(np.float32), uv.astype(np.float32), still=True)
    return noise.luma * 255, noise.chroma * 255


@pytest.mark.parametrize(("luma", "chroma"), [(10, 10), (10, 5), (6, 8), (0.5, 1)])
def test_what_no_codec_has_smeared_is_measured_as_it_is(luma: float, chroma: float) -> None:
    assert both(luma, chroma) == pytest.approx((luma, chroma), rel=0.1)


def test_noise_left_by_a_codec_tells_of_what_it_smeared() -> None:
    luma, chroma = both(1, 4)
    assert luma > 4
    assert chroma > 4.5
    assert both(1, 1.4) == pytest.approx((1, 1.4), rel=0.1)  # too little to be sure of


@pytest.mark.parametrize("crf", [28, 30])
def test_noise_behind_a_codec_is_measured_as_what_was_done_to_the_picture(crf: int) -> None:
    """(Luma's was measured as a tenth to a third of it, and most of it left.)"""
    clean = np.stack([scene(t, 0.05) for t in range(12)])
    rng = np.random.default_rng(5)
    grey = np.full((12, 96, 128, 2), 0.5, np.float32)
    noisy = quantise(gaussian.add_gaussian(Planes420(clean, grey), 12 / 255, 12 / 255, rng))
    coded = codec.code_clip(noisy, codec.Coding(quality=crf, preset="medium", bframes=3)).planes
    estimate = NoiseEstimator()
    for y, uv in zip(coded.y, coded.uv, strict=True):
        noise = estimate(y, uv, still=False)
    done = float(np.std(coded.y - clean))
    assert 0.6 * done < noise.luma < 1.8 * done


def with_bars(luma: Floats, wide: int, shape: str) -> Floats:
    """The picture amid black: beside it, around it (a fisheye), or beside three cameras that are off."""
    h, w = luma.shape
    black = 16 / 255
    if shape == "round":
        y, x = np.mgrid[:h, :w]
        return np.where((y - h / 2) ** 2 + (x - w / 2) ** 2 < (h / 2) ** 2, luma, black).astype(np.float32)
    if shape == "mosaic":
        whole = np.full((2 * h, 2 * w), black, np.float32)
        whole[:h, :w] = luma
        return whole
    return np.pad(luma, ((0, 0), (wide, wide)), constant_values=black)


@pytest.mark.parametrize(("shape", "wide"), [("bars", 21), ("bars", 300), ("round", 0), ("mosaic", 0)])
def test_black_around_the_picture_is_no_part_of_it(shape: str, wide: int) -> None:
    """(It was taken for parts without noise: a film in upright format was measured as clean.)"""
    plain = [scene(t, 0) + spread_noise(t, 1) for t in range(8)]
    assert measured([with_bars(luma, wide, shape) for luma in plain]) == pytest.approx(measured(plain), rel=0.1)


def test_black_frames_say_nothing() -> None:
    """A film that begins with two seconds of black."""
    black = [np.full((192, 256), 16 / 255, np.float32)] * 50
    plain = [scene(t, 0) + spread_noise(t, 1) for t in range(4)]
    assert measured([*black, *plain]) == pytest.approx(measured(plain), rel=0.05)
    assert measured([*plain, *black]) == pytest.approx(measured(plain), rel=0.05)
    assert measured(black) == 0
