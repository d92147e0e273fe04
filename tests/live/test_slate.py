"""The slate: of the stream's own shape and range, legible, grey."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.frame import Color
from streamfix.live.camera.slate import slate
from streamfix.media.picture.planes import planar_format

FORMATS = ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p12le", "gray", "gray10le", "gbrp", "yuv410p"]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(64, 36), (33, 17), (1, 1), (180, 320)])
def test_every_planar_format_and_size(name: str, size: tuple[int, int]) -> None:
    format = planar_format(name)
    made = slate(format, *size, Color(), "yard", "12:00:00")  # Planes checks its shapes itself
    assert (made.width, made.height, made.format) == (*size, format)
    for plane in made.data:
        assert plane.dtype == (np.uint8 if format.depth == 8 else np.uint16)
    if format.kind == "yuv":
        grey = 1 << (format.depth - 1)
        assert all(bool((p == grey).all()) for p in made.data[1:])


@pytest.mark.parametrize(("color", "low", "high"), [(Color(), 16, 235), (Color(full_range=True), 0, 255)])
def test_the_range_is_the_stream_s(color: Color, low: int, high: int) -> None:
    luma = slate(planar_format("yuv420p"), 640, 360, color, "yard", "12:00:00").data[0].astype(np.float32)
    # The band is 12 % above black, the ink 82 %.
    assert luma.min() == pytest.approx(low + 0.12 * (high - low), abs=1)
    assert luma.max() == pytest.approx(low + 0.82 * (high - low), abs=1)


def test_depth_changes_nothing_that_is_seen() -> None:
    eight, ten = (
        slate(planar_format(n), 320, 180, Color(), "a", "b").data[0].astype(np.float32) for n in ("gray", "gray10le")
    )
    assert np.abs(ten / 4 - eight).max() <= 0.5


def test_the_text_is_there_and_inside() -> None:
    with_name = slate(planar_format("gray"), 640, 360, Color(), "yard", "12:00:00").data[0]
    other_name = slate(planar_format("gray"), 640, 360, Color(), "gate", "12:00:00").data[0]
    long = slate(planar_format("gray"), 640, 360, Color(), "y" * 300, "12:00:00").data[0]
    assert not np.array_equal(with_name, other_name)
    border = np.concatenate((long[:, :20], long[:, -20:]), 1)
    assert int(border.max()) < 70, "no letter is cut off at the edge"
