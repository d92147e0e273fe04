"""A restored VapourSynth clip is what the library gives, in order; after a jump it is warmed up."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import streamfix
from streamfix.errors import BadOption, UnknownName, UsageError
from streamfix.frame import Color, Frame, PixelFormat, Planes

vs = pytest.importorskip(
    "vapoursynth", reason="needs VapourSynth for Python 3.12 or later: pip install 'streamfix[vapoursynth]'"
)

restoring = pytest.importorskip("streamfix.vapoursynth")

NAMES = ("YUV420P8", "YUV420P10", "YUV420P12", "YUV422P8", "YUV444P10", "GRAY8")


def codes(number: int, plane: int, shape: tuple[int, int], depth: int) -> NDArray[Any]:
    """A plane of a slope that moves, with noise."""
    random = np.random.default_rng((number, plane))
    slope = np.add.outer(np.arange(shape[0]), np.arange(shape[1]) + 2 * number) * 2.0 + 60
    values: NDArray[Any] = np.clip(slope + random.normal(0, 6, shape), 0, 255) * 2 ** (depth - 8)
    return values.astype(np.uint8 if depth == 8 else np.uint16)


def clip(name: str, length: int = 12, size: tuple[int, int] = (48, 32), **about: int) -> Any:
    made = vs.core.std.BlankClip(format=getattr(vs, name), width=size[0], height=size[1], length=length, keep=False)

    def fill(n: int, f: Any) -> Any:
        out = f.copy()
        for plane in range(out.format.num_planes):
            view = np.asarray(out[plane])
            view[:] = codes(n, plane, view.shape, out.format.bits_per_sample)
        out.props.update({**about, "number": n})
        return out

    return vs.core.std.ModifyFrame(made, made, fill)


def pictures(node: Any) -> Iterator[list[NDArray[Any]]]:
    for frame in node.frames(prefetch=1):
        yield [np.array(frame[plane]) for plane in range(frame.format.num_planes)]


def by_library(node: Any, chain: str, pixels: PixelFormat, color: Color) -> list[list[NDArray[Any]]]:
    with streamfix.Stream(chain, live=False) as stream:
        frames = [
            Frame(
                Planes(pixels, node.width, node.height, tuple(planes)),
                *(n, 1 / Fraction(node.fps)),
                duration=1,
                color=color,
            )
            for n, planes in enumerate(pictures(node))
        ]
        restored = [out for frame in frames for out in stream.push(frame)] + stream.flush()
    return [list(out.picture.planes(color).data) for out in restored]


PIXELS = {
    "YUV420P8": PixelFormat("yuv420p", "yuv", 8, 1, 1),
    "YUV420P10": PixelFormat("yuv420p10le", "yuv", 10, 1, 1),
    "YUV420P12": PixelFormat("yuv420p12le", "yuv", 12, 1, 1),
    "YUV422P8": PixelFormat("yuv422p", "yuv", 8, 1, 0),
    "YUV444P10": PixelFormat("yuv444p10le", "yuv", 10),
    "GRAY8": PixelFormat("gray", "gray", 8),
}


@pytest.mark.parametrize("name", NAMES)
def test_in_order_it_is_what_the_library_gives(name: str) -> None:
    node = clip(name, _Matrix=1, _Primaries=1, _Transfer=1, _Range=0)
    restored = restoring.restore(node, "smooth")
    wanted = by_library(node, "smooth", PIXELS[name], Color(1, 1, 1, False))
    found = list(pictures(restored))
    assert len(found) == len(wanted) == 12
    assert all(np.array_equal(a, b) for f, w in zip(found, wanted, strict=True) for a, b in zip(f, w, strict=True))
    assert not np.array_equal(found[5][0], list(pictures(node))[5][0])


@pytest.mark.slow
def test_a_filter_that_enlarges_gives_a_larger_clip() -> None:
    node = clip("YUV420P8", 3, _Matrix=1, _Primaries=1, _Transfer=1, _Range=0)
    restored = restoring.restore(node, "upscale")
    assert (restored.width, restored.height, restored.num_frames, restored.fps) == (96, 64, 3, node.fps)
    wanted = by_library(node, "upscale", PIXELS["YUV420P8"], Color(1, 1, 1, False))
    found = list(pictures(restored))
    assert all(np.array_equal(a, b) for f, w in zip(found, wanted, strict=True) for a, b in zip(f, w, strict=True))
    assert [frame.props["number"] for frame in restored.frames()] == [0, 1, 2]


def test_several_requests_at_once_change_nothing() -> None:
    node = clip("YUV420P8", 40)
    one, many = (restoring.restore(node, "smooth") for _ in range(2))
    wanted = [planes[0] for planes in pictures(one)]
    found = [np.array(frame[0]) for frame in many.frames(prefetch=8)]
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def test_frames_keep_their_properties() -> None:
    restored = restoring.restore(clip("YUV420P8", _Matrix=5), "smooth")
    assert [(frame.props["number"], frame.props["_Matrix"]) for frame in restored.frames()] == [
        (n, 5) for n in range(12)
    ]


def test_what_is_asked_again_is_the_same_and_not_computed_again() -> None:
    node = clip("YUV420P8", 30)
    asked: list[int] = []

    def note(n: int, f: Any) -> Any:
        asked.append(n)
        return f

    restored = restoring.restore(vs.core.std.ModifyFrame(node, node, note), "null", warmup=4, cache=8)
    first = np.array(restored.get_frame(3)[0])
    before = len(asked)
    assert np.array_equal(np.array(restored.get_frame(3)[0]), first)
    assert len(asked) == before


def test_a_jump_begins_some_frames_before_and_the_start_is_exact() -> None:
    node = clip("YUV420P8", 60)
    wanted = [planes[0] for planes in pictures(restoring.restore(node, "smooth"))]
    jumping = restoring.restore(node, "smooth", warmup=16, cache=1)
    for number in (50, 10, 59, 0):
        found = np.array(jumping.get_frame(number)[0])
        if number <= 16:  # it began with the first frame
            assert np.array_equal(found, wanted[number])
        error = np.mean((found.astype(float) - wanted[number]) ** 2)
        assert error == 0 or 10 * np.log10(255**2 / error) > 45
    # Without a warm-up the frame behind a jump is the first one of a stream.
    cold = np.array(restoring.restore(node, "smooth", warmup=0).get_frame(50)[0])
    assert not np.array_equal(cold, wanted[50])


def test_a_scene_change_is_told() -> None:
    node = clip("YUV420P8")

    def change(n: int, f: Any) -> Any:
        out = f.copy()
        out.props["_SceneChangePrev"] = int(n == 6)
        return out

    told = restoring.restore(vs.core.std.ModifyFrame(node, node, change), "smooth")
    begun = restoring.restore(node[6:], "smooth")
    assert np.array_equal(np.array(list(told.frames())[6][0]), np.array(begun.get_frame(0)[0]))


def test_wrong_requests_are_told() -> None:
    node = clip("YUV420P8")
    with pytest.raises(UnknownName, match="nonsense"):
        restoring.restore(node, "nonsense")
    with pytest.raises(UsageError, match="'hflip' is no filter of streamfix; use VapourSynth's own"):
        restoring.restore(node, "smooth,hflip")
    with pytest.raises(BadOption, match="cache=0: must be at least 1"):
        restoring.restore(node, "smooth", cache=0)
    with pytest.raises(BadOption, match="warmup=-1"):
        restoring.restore(node, "smooth", warmup=-1)
    with pytest.raises(UsageError, match=r"the clip is RGB24; streamfix takes YUV420.*resize"):
        restoring.restore(vs.core.std.BlankClip(format=vs.RGB24), "smooth")
    mixed = vs.core.std.Splice([clip("YUV420P8"), clip("YUV420P8", size=(64, 32))], mismatch=True)
    with pytest.raises(UsageError, match="changes its format or size"):
        restoring.restore(mixed, "smooth")
