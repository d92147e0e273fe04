"""The small picture of a frame: the same whatever the pixel format, with what is hidden left out."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from streamfix.frame import Frame, PixelFormat, Planes
from streamfix.health import Change, Examiner, Feed, Limits, hidden_pixels, sight_of


def frame(code: int = 100, chroma: int = 128, depth: int = 8, pts: int = 0) -> Frame:
    name = "yuv420p" if depth == 8 else f"yuv420p{depth}le"
    format = PixelFormat(name, "yuv", depth, 1, 1)
    kind = np.uint8 if depth == 8 else np.uint16
    shift = depth - 8
    luma = ((np.arange(360 * 640).reshape(360, 640) // 640 % 100 + code) << shift).astype(kind)
    colours = [np.full((180, 320), chroma << shift, kind) for _ in range(2)]
    return Frame(Planes(format, 640, 360, (luma, *colours)), pts, Fraction(1, 25))


@pytest.mark.parametrize("depth", [8, 10])
def test_it_has_one_size_and_depth(depth: int) -> None:
    seen = sight_of(frame(depth=depth), clock=(0.5, 0.0, 1.0, 0.1))
    assert (seen.luma.shape, seen.luma.dtype.name) == ((180, 320), "uint8")
    assert np.abs(seen.luma.astype(int) - sight_of(frame()).luma).max() <= 1
    assert seen.clock is not None and seen.clock.shape == (36, 320)


def test_infrared_is_a_picture_without_colour() -> None:
    assert sight_of(frame(chroma=129)).grey
    assert not sight_of(frame(chroma=140)).grey


def test_equal_pictures_have_equal_digests() -> None:
    assert sight_of(frame()).digest == sight_of(frame(pts=9)).digest != sight_of(frame(code=101)).digest


def test_hidden_pixels_have_a_margin() -> None:
    hidden = hidden_pixels([((0.25, 0.25), (0.5, 0.25), (0.5, 0.5), (0.25, 0.5))], [(0.9, 0.9, 1.0, 1.0)])
    assert hidden[45 - 3, 80 - 3] and hidden[175, 315] and not hidden[45 - 5, 80 - 5]
    assert not hidden_pixels([]).any()


def test_two_frames_a_second_are_looked_at_and_none_that_is_no_picture_of_the_camera() -> None:
    seen: list[float] = []

    class Noting(Examiner):
        def see(self, sight: object, at_s: float, objects: object = None) -> list[Change]:
            seen.append(at_s)
            return []

    feed = Feed(Noting(Limits()), lambda change: None)
    for i in range(100):
        feed(frame(pts=i), i / 25)
    assert len(seen) == 8
    feed(replace(frame(), damaged=True), 10.0)
    feed(replace(frame(), standing_in=True), 10.0)
    assert len(seen) == 8
