"""Frames as arrays: the standard's own values, rounded once; what is read as an array is given back as it was."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import streamfix
from streamfix import color as formulas
from streamfix import tensor_pictures
from streamfix.arrays import array_of, picture_of, usual_color
from streamfix.color_cpu import excursions
from streamfix.frame import ARRAY_FORMATS, ArrayFormat, Color, Frame, PixelFormat, Planes
from streamfix.layout import from_tensor, to_layout
from streamfix.tensor_pictures import picture_of_tensor, tensor_like

FORMATS = ARRAY_FORMATS
RGB: tuple[ArrayFormat, ...] = ("bgr24", "rgb24")


def noise(shape: tuple[int, ...], seed: int = 0, top: int = 255) -> NDArray[Any]:
    values = np.random.default_rng(seed).integers(0, top + 1, shape)
    return values.astype(np.uint8 if top < 256 else np.uint16)


def array(format: ArrayFormat, width: int = 48, height: int = 32) -> NDArray[np.uint8]:
    shapes = {"gray": (height, width), "bgr24": (height, width, 3), "rgb24": (height, width, 3)}
    return noise(shapes.get(format, (height * 3 // 2, width)))


def frame_of(picture: Any, color: Color | None = None) -> Frame:
    return Frame(picture, 0, Fraction(1, 25), color=color or Color())


def yuv(width: int, height: int, depth: int = 8, log2: tuple[int, int] = (1, 1), color: Color | None = None) -> Frame:
    f = PixelFormat("yuv", "yuv", depth, *log2)
    data = [noise(shape, i, f.max_code) for i, shape in enumerate(f.plane_shapes(width, height))]
    return frame_of(Planes(f, width, height, tuple(data)), color)


def by_the_standard(frame: Frame) -> NDArray[np.float64]:
    """R'G'B' of 4:2:0 in float64, 0 to 255, clipped: H.273's equations, chroma to the left and between two lines."""
    planes = frame.picture.planes(frame.color)
    y, u, v = (p.astype(np.float64) for p in planes.data)
    height, width = y.shape

    def at_luma(c: NDArray[np.float64]) -> NDArray[np.float64]:
        rows, columns = (np.arange(height) - 0.5) / 2, np.arange(width) / 2
        for axis, where in ((0, rows), (1, columns)):
            low = np.floor(where).astype(int)
            part = (where - low).reshape((-1, 1) if axis == 0 else (1, -1))
            last = c.shape[axis] - 1
            before, after = (np.take(c, np.clip(i, 0, last), axis) for i in (low, low + 1))
            c = before * (1 - part) + after * part
        return c

    kr, kb = frame.color.kr_kb(height)
    depth = planes.format.depth
    black, luma, chroma, neutral = (x * planes.format.max_code for x in excursions(frame.color.is_full(), depth))
    light = (y - black) / luma
    pb, pr = ((at_luma(c) - neutral) / chroma for c in (u, v))
    r, b = light + 2 * (1 - kr) * pr, light + 2 * (1 - kb) * pb
    g = (light - kr * r - kb * b) / (1 - kr - kb)
    return np.clip(np.dstack((r, g, b)) * 255, 0, 255)


@pytest.mark.parametrize("size", [(64, 48), (65, 47), (2, 2), (1, 1), (5, 3), (33, 130)], ids=str)
@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("color", [Color(), Color(matrix=1), Color(matrix=9, full_range=True)], ids=str)
def test_rgb_is_the_standards_own_value_rounded_once(size: tuple[int, int], depth: int, color: Color) -> None:
    frame = yuv(*size, depth, color=color)
    want = by_the_standard(frame)
    for format in RGB:
        got = array_of(frame, format)
        got = got[..., ::-1] if format == "bgr24" else got
        assert np.abs(got - want).max() <= 0.5 + 1e-3
    assert np.array_equal(frame.rgb(), array_of(frame, "rgb24"))


def test_rgb_is_not_biased() -> None:
    """Fixed-point conversions are darker by a third of a code: a chain of them drifts."""
    frame = yuv(640, 480)
    assert abs(np.mean(array_of(frame, "rgb24") - by_the_standard(frame))) < 1e-3


@pytest.mark.parametrize("log2", [(1, 1), (1, 0), (0, 0), (2, 0), (0, 1)], ids=str)
def test_rgb_of_a_filters_result_is_that_of_its_codes(log2: tuple[int, int]) -> None:
    """Within what rounding to codes changes, which a filter's result has not been through."""
    frame = yuv(66, 46, log2=log2)
    restored = from_tensor(frame, to_layout(frame, "yuv420"), "yuv420")
    assert np.abs(restored.rgb().astype(int) - frame.rgb()).max() <= 1


@pytest.mark.parametrize("size", [(64, 48), (65, 47), (1, 1), (3, 5)], ids=str)
def test_the_formulas_of_the_cpu_are_those_of_other_devices(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    width, height = size
    y, full = torch.rand(1, height, width), torch.rand(2, height, width)
    formats = [PixelFormat("", "yuv", 8, *log2) for log2 in ((1, 1), (1, 0), (2, 0))]

    def all_of_them() -> list[torch.Tensor]:
        found = [formulas.ycbcr_to_rgb(y, full, Color()), *formulas.rgb_to_ycbcr(torch.cat((y, full)), Color())]
        for f in formats:
            shape = f.plane_shapes(width, height)[1]
            small = formulas.resize_chroma(full, y, shape, PixelFormat("", "yuv", 8))
            found += [small, formulas.chroma_to_444(small, y, f)]
        return found

    quick = all_of_them()
    monkeypatch.setattr(formulas, "on_cpu", lambda x: False)
    for a, b in zip(quick, all_of_them(), strict=True):
        assert a.shape == b.shape and (a - b).abs().max() < 4e-6


@pytest.mark.parametrize("format", FORMATS)
def test_an_array_comes_back_as_it_was(format: ArrayFormat) -> None:
    given = array(format)
    frame = frame_of(picture_of(given, format), usual_color(format))
    got = frame.array(format)
    assert np.array_equal(got, given)
    assert got.flags.c_contiguous and got.flags.writeable and got.dtype == np.uint8
    got[:] = 0
    assert np.array_equal(frame.array(format), given)
    given[:] = 7
    assert not np.array_equal(frame.array(format), given)


@pytest.mark.parametrize("format", FORMATS)
def test_views_are_read_as_what_they_show(format: ArrayFormat) -> None:
    given = array(format, 96, 32)[:, :48]
    assert np.array_equal(frame_of(picture_of(given, format)).array(format), given)
    turned = array(format)[:, ::-1]
    assert np.array_equal(frame_of(picture_of(turned, format)).array(format), turned)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("floating", [None, torch.float32, torch.float16])
def test_a_tensor_comes_back_as_it_was(format: ArrayFormat, floating: torch.dtype | None) -> None:
    given = torch.rand(3, 32, 48).to(floating) if floating else torch.from_numpy(array(format))
    frame = frame_of(picture_of_tensor(given, format), usual_color(format))
    got = tensor_like(frame, given, format)
    assert got.dtype == given.dtype and torch.equal(got, given)


@pytest.mark.parametrize("format", FORMATS)
def test_a_tensor_of_another_device_gives_what_one_here_gives(
    format: ArrayFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other devices' tensors go another way; that way is tried on the CPU."""
    given = torch.from_numpy(array(format))
    monkeypatch.setattr(tensor_pictures, "_is_here", lambda x: False)
    frame = frame_of(picture_of_tensor(given, format), usual_color(format))
    assert not isinstance(frame.picture, Planes)
    assert torch.equal(tensor_like(frame, given, format), given)
    monkeypatch.undo()
    assert np.array_equal(frame.array(format), given.numpy())


def test_i420_and_nv12_are_as_opencv_reads_them() -> None:
    """A picture without edges, tagged as OpenCV takes it: BT.601, limited."""
    y, x = np.mgrid[0:64, 0:96]
    bgr = np.dstack([128 + 60 * np.sin(x / 40 + i) * np.cos(y / 30 - i) for i in range(3)]).round().astype(np.uint8)
    frame = frame_of(picture_of(bgr, "bgr24"), Color(matrix=6))
    for format, code in (("i420", cv2.COLOR_YUV2BGR_I420), ("nv12", cv2.COLOR_YUV2BGR_NV12)):
        back = cv2.cvtColor(array_of(frame, format), code)  # type: ignore[arg-type]
        assert np.abs(back.astype(int) - bgr).max() <= 6
    gray = array_of(frame, "gray").astype(int)
    assert np.abs(gray - cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)).max() <= 1


def test_deep_video_is_rounded_to_8_bits_by_its_range() -> None:
    ramp = np.arange(1024, dtype=np.uint16).reshape(16, 64)
    picture = Planes(PixelFormat("gray10le", "gray", 10), 64, 16, (ramp,))
    limited = array_of(frame_of(picture), "gray").reshape(-1)
    full = array_of(frame_of(picture, Color(full_range=True)), "gray").reshape(-1)
    assert limited[[64, 940, 1023]].tolist() == [16, 235, 255]
    assert full[[0, 512, 1023]].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("given", "format", "said"),
    [
        (np.zeros((4, 6), np.uint8), "bgr24", r"bgr24 is \(H, W, 3\) uint8, got \(4, 6\) uint8; say format='gray'"),
        (np.zeros((4, 6, 4), np.uint8), "rgb24", r"leave the fourth channel out: array\[\.\.\., :3\]"),
        (np.zeros((4, 6, 3), np.float32), "bgr24", r"bgr24 is \(H, W, 3\) uint8, got \(4, 6, 3\) float32; deeper"),
        (np.zeros((0, 6, 3), np.uint8), "bgr24", r"bgr24 is .* got \(0, 6, 3\)"),
        (np.zeros((7, 6), np.uint8), "i420", r"i420 is \(H \* 3/2, W\) uint8 of even height and width, got \(7, 6\)"),
        (np.zeros((6, 5), np.uint8), "nv12", r"nv12 is \(H \* 3/2, W\)"),
        (np.zeros((4, 6, 3), np.uint8), "gray", r"gray is \(H, W\) uint8, got \(4, 6, 3\)"),
    ],
)
def test_what_is_not_of_the_format_is_refused(given: NDArray[Any], format: ArrayFormat, said: str) -> None:
    with pytest.raises(streamfix.BadOption, match=said):
        picture_of(given, format)


def test_a_float_tensor_is_rgb() -> None:
    with pytest.raises(streamfix.BadOption, match=r"a floating-point tensor is \(3, H, W\) .* got \(4, 6, 3\)"):
        picture_of_tensor(torch.zeros(4, 6, 3), "bgr24")


def test_a_frame_says_which_arrays_it_has() -> None:
    frame = yuv(35, 17)
    with pytest.raises(streamfix.BadOption, match="no array format 'bgr'; there are bgr24, rgb24, i420, nv12, gray"):
        frame.array("bgr")  # type: ignore[arg-type]
    with pytest.raises(streamfix.BadOption, match="i420 has even sizes, this frame is 35x17; crop it, or take bgr24"):
        frame.array("i420")
    assert frame.array("gray").shape == (17, 35)


def test_a_frame_for_pyav_has_its_time_and_colour() -> None:
    frame = frame_of(picture_of(array("i420"), "i420"), Color(matrix=1, full_range=True))
    made = frame.av()
    assert (made.width, made.height, made.format.name, made.pts, made.time_base) == (
        48,
        32,
        "yuv420p",
        0,
        Fraction(1, 25),
    )
    assert (int(made.colorspace), int(made.color_range)) == (1, 2)
    assert np.array_equal(made.to_ndarray(), array("i420"))
