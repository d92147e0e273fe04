"""Colour and layouts: closed-form values, round trips, and swscale as a second opinion."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from streamfix.color import rgb_to_ycbcr, ycbcr_to_rgb
from streamfix.frame import LAYOUTS, Color, Frame, Layout, PixelFormat, Planes
from streamfix.layout import from_tensor, pack420, to_layout, unpack420
from streamfix.rgb8 import to_rgb8

SUBSAMPLINGS = {"yuv420p": (1, 1), "yuv422p": (1, 0), "yuv444p": (0, 0), "yuv411p": (2, 0), "yuv440p": (0, 1)}
SIZES = [(64, 48), (65, 47), (641, 359), (1, 1), (2, 2), (3, 5)]
MATRICES = {"bt709": 1, "bt601": 6, "bt2020": 9}


def smooth_noise(shape: tuple[int, int], low: int, high: int, seed: int) -> Tensor:
    """Random codes in [low, high], of no particular smoothness: the worst case for a round trip."""
    return torch.randint(low, high + 1, shape, generator=torch.Generator().manual_seed(seed))


def picture(name: str, depth: int, width: int, height: int, span: tuple[float, float] = (0.44, 0.56)) -> Planes:
    """Random planes near grey, so that no conversion leaves the gamut and clips."""
    kind = "gray" if name == "gray" else "rgb" if name == "gbrp" else "yuv"
    log2_w, log2_h = SUBSAMPLINGS.get(name, (0, 0))
    f = PixelFormat(name, kind, depth, log2_w, log2_h)  # type: ignore[arg-type]
    low, high = round(span[0] * f.max_code), round(span[1] * f.max_code)
    dtype = np.uint8 if depth == 8 else np.uint16
    shapes = f.plane_shapes(width, height)
    return Planes(
        f, width, height, tuple(smooth_noise(s, low, high, i).numpy().astype(dtype) for i, s in enumerate(shapes))
    )


def frame_of(planes: Planes, color: Color | None = None) -> Frame:
    return Frame(planes, 0, Fraction(1, 25), color=color or Color())


def largest_error(a: Planes, b: Planes) -> int:
    return max(int(np.abs(x.astype(int) - y).max()) for x, y in zip(a.data, b.data, strict=True))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("name", ["yuv420p", "gray"])
@pytest.mark.parametrize("layout", ["yuv420", "luma"])
def test_a_round_trip_through_a_native_layout_is_bit_exact(
    name: str, depth: int, size: tuple[int, int], layout: Layout
) -> None:
    frame = frame_of(picture(name, depth, *size, span=(0.0, 1.0)))
    back = from_tensor(frame, to_layout(frame, layout), layout).picture.planes(frame.color)
    assert largest_error(back, frame.picture.planes(frame.color)) == 0


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize(
    ("name", "layout"),
    [(n, "rgb") for n in (*SUBSAMPLINGS, "gbrp")] + [(n, "luma") for n in (*SUBSAMPLINGS, "gray", "gbrp")],
)
def test_a_round_trip_through_any_format_stays_within_one_code(
    name: str, depth: int, size: tuple[int, int], layout: Layout
) -> None:
    frame = frame_of(picture(name, depth, *size))
    back = from_tensor(frame, to_layout(frame, layout), layout).picture.planes(frame.color)
    assert largest_error(back, frame.picture.planes(frame.color)) <= 1


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("name", ["yuv444p", "yuv422p", "gbrp"])
def test_what_a_420_filter_leaves_alone_keeps_its_chroma(name: str, depth: int, size: tuple[int, int]) -> None:
    """(Chroma finer than 4:2:0 was made coarser, by up to 48 codes, where nothing was to be done.)"""
    before = picture(name, depth, *size, span=(0.1, 0.9))
    frame = frame_of(before)
    after = from_tensor(frame, to_layout(frame, "yuv420"), "yuv420")
    assert largest_error(before, after.picture.planes(frame.color)) <= (1 if name == "gbrp" else 0)
    again = from_tensor(after, to_layout(after, "yuv420"), "yuv420")
    assert largest_error(before, again.picture.planes(frame.color)) <= (1 if name == "gbrp" else 0)


def test_what_a_420_filter_changes_in_chroma_is_changed_in_444() -> None:
    frame = frame_of(picture("yuv444p", 8, 32, 16, span=(0.1, 0.9)))
    tensor = to_layout(frame, "yuv420").clone()
    tensor[4] += 8 / 255
    after = from_tensor(frame, tensor, "yuv420").picture.planes(frame.color)
    change = after.data[1].astype(int) - frame.picture.planes(frame.color).data[1]
    assert set(change.flatten().tolist()) == {8}
    assert np.array_equal(after.data[2], frame.picture.planes(frame.color).data[2])


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", MATRICES.values(), ids=list(MATRICES))
@pytest.mark.parametrize("depth", [8, 10])
def test_rgb_round_trip_for_every_matrix_and_range(matrix: int, full: bool, depth: int) -> None:
    color = Color(matrix=matrix, full_range=full)
    frame = frame_of(picture("yuv420p", depth, 64, 48), color)
    back = from_tensor(frame, to_layout(frame, "rgb"), "rgb").picture.planes(color)
    assert largest_error(back, frame.picture.planes(color)) == 0


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_limited_range_black_white_and_primaries_by_the_standard(depth: int) -> None:
    """BT.709 limited: black is 16, white 235, pure red Cr 240 and Y 16 + 219 Kr, each times 2**(depth-8)."""
    color, unit, top = Color(matrix=1, full_range=False), 1 << (depth - 8), (1 << depth) - 1
    colours = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 0, 1], [0.5, 0.5, 0.5]]).T[:, None]
    y, uv = rgb_to_ycbcr(colours, color, depth)
    codes = torch.cat((y, uv))[:, 0] * top / unit
    assert torch.allclose(codes[0], torch.tensor([16, 235, 16 + 219 * 0.2126, 16 + 219 * 0.0722, 125.5]), atol=1e-3)
    assert torch.allclose(codes[1], torch.tensor([128, 128, 128 - 224 * 0.2126 / 1.8556, 240, 128]), atol=1e-3)
    assert torch.allclose(codes[2], torch.tensor([128, 128, 240, 128 - 224 * 0.0722 / 1.5748, 128]), atol=1e-3)
    assert torch.allclose(ycbcr_to_rgb(y, uv, color, depth), colours, atol=1e-5)


def test_full_range_uses_all_codes() -> None:
    color = Color(matrix=6, full_range=True)
    y, uv = rgb_to_ycbcr(torch.tensor([0.0, 1.0]).expand(3, 1, 2), color)
    assert torch.allclose(y * 255, torch.tensor([[[0.0, 255.0]]]), atol=1e-4)
    assert torch.allclose(uv * 255, torch.full((2, 1, 2), 128.0), atol=1e-4)


def test_untagged_video_is_601_below_720_lines_and_709_from_there() -> None:
    assert Color().kr_kb(576) == (0.299, 0.114)
    assert Color().kr_kb(719) == (0.299, 0.114)
    assert Color().kr_kb(720) == (0.2126, 0.0722)
    assert Color(matrix=9).kr_kb(480) == (0.2627, 0.0593)
    assert not Color().is_full() and Color(full_range=True).is_full()


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", ["bt709", "bt601", "bt2020"])
def test_444_agrees_with_swscale(matrix: str, full: bool) -> None:
    """The same codes through swscale, which rounds in fixed point: never more than 2 of 255 apart, 0.5 on average."""
    codes = picture("yuv444p", 8, 64, 48, span=(0.3, 0.7))
    color = Color(matrix=MATRICES[matrix], full_range=full)
    ours = to_rgb8(frame_of(codes, color)).astype(int)
    theirs = through_swscale(codes, matrix, full).astype(int)
    difference = np.abs(ours - theirs)
    assert difference.mean() < 0.5 and difference.max() <= 2


def test_420_agrees_with_swscale_on_a_smooth_picture() -> None:
    """Chroma is interpolated differently (linear here, bicubic there), so the picture is smooth."""
    y, x = np.mgrid[0:48, 0:64]
    planes = [
        (128 + 40 * np.sin(x / 9.0) * np.cos(y / 7.0)),
        (128 + 30 * np.sin((x[::2, ::2]) / 15.0)),
        (128 + 30 * np.cos((y[::2, ::2] + 0.5) / 13.0)),
    ]
    data = tuple(p.round().astype(np.uint8) for p in planes)
    codes = Planes(PixelFormat("yuv420p", "yuv", 8, 1, 1), 64, 48, data)
    ours = to_rgb8(frame_of(codes, Color(matrix=1, full_range=False))).astype(int)
    difference = np.abs(ours - through_swscale(codes, "bt709", False).astype(int))
    assert difference.mean() < 0.5 and difference.max() <= 3


def through_swscale(codes: Planes, matrix: str, full: bool) -> NDArray[np.uint8]:
    """(H, W, 3) R'G'B' by swscale with its accurate flags."""
    names = {"bt709": "bt709", "bt601": "smpte170m", "bt2020": "bt2020nc"}
    source = av.VideoFrame(codes.width, codes.height, codes.format.name)
    for plane, data in zip(source.planes, codes.data, strict=True):
        lines = np.zeros((plane.height, plane.line_size), np.uint8)
        lines[:, : plane.width] = data
        plane.update(lines.tobytes())
    source.pts, source.time_base = 0, Fraction(1, 25)
    graph = av.filter.Graph()
    pixels = f"video_size={codes.width}x{codes.height}:pix_fmt={codes.format.name}:time_base=1/25:pixel_aspect=1/1"
    tags = f":colorspace={names[matrix]}:range={'pc' if full else 'tv'}"
    nodes = [
        graph.add("buffer", pixels + tags),
        graph.add("scale", "in_chroma_loc=left:flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"),
        graph.add("format", "gbrp"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes)
    graph.configure()
    source.colorspace, source.color_range = MATRICES[matrix], 2 if full else 1
    graph.push(source)
    pulled = graph.pull()
    assert isinstance(pulled, av.VideoFrame)
    return np.asarray(pulled.to_ndarray(format="rgb24"), np.uint8)


def test_10_bit_stays_10_bit() -> None:
    """All 1024 codes come back through every layout that shows the luma as recorded."""
    ramp = np.arange(1024, dtype=np.uint16).reshape(16, 64)
    planes = Planes(PixelFormat("gray10le", "gray", 10), 64, 16, (ramp,))
    frame = frame_of(planes)
    for layout in LAYOUTS[::2]:
        back = from_tensor(frame, to_layout(frame, layout), layout).picture.planes(frame.color)
        assert back.data[0].dtype == np.uint16
        assert np.array_equal(back.data[0], ramp)


def test_packing_is_its_own_inverse_and_keeps_the_order() -> None:
    y = torch.arange(16.0).reshape(1, 4, 4)
    uv = torch.zeros(2, 2, 2)
    packed = pack420(y, uv)
    assert packed[:4, 0, 0].tolist() == [0, 1, 4, 5]
    back, chroma = unpack420(packed, 4, 4)
    assert torch.equal(back, y) and torch.equal(chroma, uv)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("size", [(64, 48), (17, 9), (1, 1)], ids=str)
def test_a_flat_picture_keeps_its_colour_when_it_grows(layout: Layout, scale: int, size: tuple[int, int]) -> None:
    f = PixelFormat("yuv420p", "yuv", 8, 1, 1)
    shapes = f.plane_shapes(*size)
    data = tuple(np.full(s, v, np.uint8) for s, v in zip(shapes, (90, 140, 100), strict=True))
    frame = frame_of(Planes(f, *size, data))
    tensor = to_layout(frame, layout)
    large = torch.nn.functional.interpolate(tensor[None], scale_factor=scale, mode="nearest")[0]
    got = from_tensor(frame, large, layout, scale).picture.planes(frame.color)
    assert (got.width, got.height) == (size[0] * scale, size[1] * scale)
    for plane, value in zip(got.data, (90, 140, 100), strict=True):
        assert np.abs(plane.astype(int) - value).max() <= 1


def test_wrong_shape_from_a_filter_is_named() -> None:
    frame = frame_of(picture("yuv420p", 8, 64, 48))
    with pytest.raises(ValueError, match=r"a rgb picture of 64x48 is \(3, 48, 64\), got \(3, 48, 60\)"):
        from_tensor(frame, torch.zeros(3, 48, 60), "rgb")


def test_codes_outside_the_range_are_clipped_not_wrapped() -> None:
    frame = frame_of(picture("yuv420p", 8, 4, 4))
    packed = torch.full((6, 2, 2), 1.5)
    packed[0] = -0.5
    back = from_tensor(frame, packed, "yuv420").picture.planes(frame.color)
    assert back.data[0][0, 0] == 0 and back.data[0][0, 1] == 255
