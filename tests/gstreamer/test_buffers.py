"""Raw video of GStreamer's formats becomes planes and raw video again, whatever its rows' length."""

from __future__ import annotations

import numpy as np
import pytest

from streamfix.errors import UsageError
from streamfix.frame import PixelFormat, Planes
from streamfix.gstreamer.buffers import FORMATS, PlaneLayout, format_of, planes_of, write_planes

NAMES = sorted(FORMATS)


def picture(name: str, width: int, height: int) -> Planes:
    pixels = FORMATS[name].pixels
    random = np.random.default_rng(0)
    shapes = pixels.plane_shapes(width, height)
    kind = np.uint8 if pixels.depth == 8 else np.uint16
    data = tuple(random.integers(0, pixels.max_code, shape, kind, endpoint=True) for shape in shapes)
    return Planes(pixels, width, height, data)


def layout(name: str, width: int, height: int, *, spare: int) -> tuple[int, list[PlaneLayout]]:
    """Size of the memory, and its planes: one after the other, rows `spare` bytes longer than they need to be."""
    format = FORMATS[name]
    item = 1 if format.pixels.depth == 8 else 2
    shapes = format.pixels.plane_shapes(width, height)[: format.planes]
    at, found = spare, []
    for number, (rows, columns) in enumerate(shapes):
        together = 2 if number and format.order in ("uv", "vu") else 1
        stride = columns * item * together + spare
        found.append(PlaneLayout(at, stride))
        at += stride * rows
    return at, found


@pytest.mark.parametrize("spare", [0, 6])
@pytest.mark.parametrize("size", [(16, 8), (15, 7), (1, 1)])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_again(name: str, size: tuple[int, int], spare: int) -> None:
    wanted = picture(name, *size)
    length, where = layout(name, *size, spare=spare)
    memory = bytearray(length)
    write_planes(wanted, memory, FORMATS[name], where)
    found = planes_of(bytes(memory), FORMATS[name], *size, where)
    assert found.format == wanted.format
    assert all(np.array_equal(a, b) for a, b in zip(found.data, wanted.data, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_between_rows_is_left_alone(name: str) -> None:
    length, where = layout(name, 6, 4, spare=6)
    memory = bytearray(b"\x5a" * length)
    write_planes(picture(name, 6, 4), memory, FORMATS[name], where)
    assert memory[: where[0].offset] == b"\x5a" * 6
    assert memory[-6:] == b"\x5a" * 6


def test_planes_are_where_the_format_says() -> None:
    y, u, v = b"\1\2\3\4", b"\5", b"\6"
    at = [PlaneLayout(0, 2), PlaneLayout(4, 2), PlaneLayout(5, 1)]
    for name, memory in (("I420", y + u + v), ("YV12", y + v + u), ("NV12", y + u + v), ("NV21", y + v + u)):
        found = planes_of(memory, FORMATS[name], 2, 2, at[: FORMATS[name].planes])
        assert [plane.flatten().tolist() for plane in found.data] == [[1, 2, 3, 4], [5], [6]], name


def test_p010_has_its_codes_in_the_upper_bits() -> None:
    memory = np.array([1023, 0, 512, 1, 3, 4], "<u2") << 6
    found = planes_of(memory.tobytes(), FORMATS["P010_10LE"], 2, 2, [PlaneLayout(0, 4), PlaneLayout(8, 4)])
    assert [plane.flatten().tolist() for plane in found.data] == [[1023, 0, 512, 1], [3], [4]]


def test_what_comes_out_keeps_its_kind_or_gets_the_planar_one() -> None:
    assert format_of(FORMATS["I420"].pixels, FORMATS["NV12"]).name == "NV12"
    assert format_of(FORMATS["Y444"].pixels, FORMATS["NV12"]).name == "Y444"
    with pytest.raises(UsageError, match="gbrp, which the element does not pass on; add ,format=yuv420p"):
        format_of(PixelFormat("gbrp", "rgb", 8), FORMATS["NV12"])
