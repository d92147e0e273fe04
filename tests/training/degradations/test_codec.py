"""Coding in memory: rates, errors and repeatability."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from streamfix.errors import FilterError
from streamfix.training.degradations import gaussian
from streamfix.training.degradations.codec import CodecName, Coding, code_clip, code_clip_to_rate
from streamfix.training.planes420 import Planes420, quantise, to_planes
from tests.training.scenes import clip, flat

PLANES = quantise(to_planes(clip(8, 96, 128)))
FAST = {"libx264": "veryfast", "libx265": "ultrafast", "mpeg4": "", "mjpeg": ""}
CODECS: list[CodecName] = ["libx264", "libx265", "mpeg4", "mjpeg"]


def error(a: Planes420, b: Planes420) -> float:
    return float(np.mean((a.y - b.y) ** 2) + np.mean((a.uv - b.uv) ** 2))


@pytest.mark.parametrize("codec", CODECS)
def test_worse_quality_is_more_error_in_fewer_bytes(codec: CodecName) -> None:
    qualities = (18, 26, 34, 42) if codec.startswith("libx26") else (2, 6, 14, 31)
    coded = [code_clip(PLANES, Coding(codec, q, preset=FAST[codec])) for q in qualities]
    errors, sizes = [error(c.planes, PLANES) for c in coded], [c.size for c in coded]
    assert errors == sorted(errors)
    assert sizes == sorted(sizes, reverse=True)
    assert errors[0] < 0.2 * errors[-1]


@pytest.mark.parametrize("codec", CODECS)
def test_what_comes_back_is_the_clip_in_order_and_without_a_shift(codec: CodecName) -> None:
    quality = 16 if codec.startswith("libx26") else 2
    coded = code_clip(
        PLANES, Coding(codec, quality, preset=FAST[codec], bframes=2 if codec.startswith("libx26") else 0)
    )
    for t, frame in enumerate(coded.planes.y):
        distances = [np.abs(frame - y).mean() for y in PLANES.y]
        assert int(np.argmin(distances)) == t
    assert abs(float((coded.planes.y - PLANES.y).mean())) < 0.5 / 255
    assert abs(float((coded.planes.uv - PLANES.uv).mean())) < 0.5 / 255
    assert {str(p.dtype) for p in (coded.planes.y, coded.planes.uv)} == {"float32"}


@pytest.mark.parametrize("codec", CODECS)
def test_coding_repeats(codec: CodecName) -> None:
    coding = Coding(codec, 20 if codec.startswith("libx26") else 8, preset=FAST[codec])
    a, b = code_clip(PLANES, coding), code_clip(PLANES, coding)
    np.testing.assert_array_equal(a.planes.y, b.planes.y)
    assert a.size == b.size


@pytest.fixture
def memory_holds() -> Iterator[Callable[[int], None]]:
    """Says which byte fills memory that is given out but not yet written (glibc's M_PERTURB)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        pytest.skip("what memory holds is told to glibc only")
    yield lambda byte: mallopt(-6, byte ^ 0xFF)
    mallopt(-6, 0)


@pytest.mark.parametrize("codec", CODECS)
def test_what_memory_held_before_changes_nothing(codec: CodecName, memory_holds: Callable[[int], None]) -> None:
    """At a width that is no multiple of what the codecs' routines take at a time."""
    planes = quantise(gaussian.add_gaussian(to_planes(clip(8, 64, 96)), 2 / 255, 2 / 255, np.random.default_rng(0)))
    coding = Coding(codec, 34 if codec.startswith("libx26") else 8, preset=FAST[codec], bframes=2)
    coded = []
    for byte in (0x00, 0x5A, 0xFD):
        memory_holds(byte)
        coded.append(code_clip(planes, coding))
    assert len({c.size for c in coded}) == 1
    for other in coded[1:]:
        np.testing.assert_array_equal(other.planes.y, coded[0].planes.y)
        np.testing.assert_array_equal(other.planes.uv, coded[0].planes.uv)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4"])
def test_keyframes_come_as_often_as_the_gop_says(codec: CodecName) -> None:
    still = Planes420(np.repeat(PLANES.y[:1], 9, 0), np.repeat(PLANES.uv[:1], 9, 0))
    coded = code_clip(still, Coding(codec, 24 if codec.startswith("libx26") else 6, 4, FAST[codec]))
    np.testing.assert_array_equal(np.flatnonzero(coded.keyframe), [0, 4, 8])
    assert code_clip(still, Coding("mjpeg", 6)).keyframe.all()


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("wanted", [0.05, 0.12, 0.5])
def test_the_rate_lands_near_the_bits_per_pixel_asked_for(codec: CodecName, wanted: float) -> None:
    coded = code_clip_to_rate(PLANES, wanted, Coding(codec, 30, preset=FAST[codec]))
    assert coded.size * 8 / PLANES.y.size == pytest.approx(wanted, rel=0.35)
    again = code_clip(PLANES, coded.coding)
    assert again.size == coded.size


def test_a_rate_search_keeps_the_nearest_try_where_noise_makes_a_cliff() -> None:
    noisy = quantise(gaussian.add_gaussian(PLANES, 8 / 255, 8 / 255, np.random.default_rng(0)))
    coded = code_clip_to_rate(noisy, 0.12, Coding("libx264", 23))
    first = code_clip(noisy, Coding("libx264", 23))
    assert abs(np.log(coded.size * 8 / noisy.y.size / 0.12)) < abs(np.log(first.size * 8 / noisy.y.size / 0.12))


def test_the_banner_of_x264_is_not_counted() -> None:
    grey = quantise(to_planes(flat(1, 32, 32, 0.5)))
    assert code_clip(grey, Coding("libx264", 40)).size < 200


def test_what_the_codec_does_not_take_is_an_error_that_says_so() -> None:
    with pytest.raises(FilterError, match=r"preset='nosuch'.*choose another codec or preset"):
        code_clip(PLANES, Coding("libx264", preset="nosuch"))
    with pytest.raises(FilterError, match="choose another codec"):
        code_clip(PLANES, replace(Coding(), codec="nosuch"))  # type: ignore[arg-type]


@pytest.mark.parametrize("side", [40, 48])
def test_what_is_too_small_for_x265_is_coded_by_x264(side: int) -> None:
    """(It wrote behind its memory, and the run was gone.)"""
    small = quantise(to_planes(clip(8, side, side)))
    coded = code_clip(small, Coding("libx265", 28, preset="ultrafast"))
    assert coded.coding.codec == "libx264"
    assert coded.planes.y.shape == small.y.shape
