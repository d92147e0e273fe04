"""Pictures for browsers: right colours, each frame encoded once, nothing kept for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.apps.daemon.engine.control import UnknownStream
from streamfix.apps.daemon.http.jpeg import SIDES, Side, encode, shown_size
from streamfix.apps.daemon.http.preview import BOUNDARY, EncodedPicture, Previews
from streamfix.conformance.fakes import FORMATS, clip, constant
from streamfix.frame import Color, Frame
from streamfix.layout import from_tensor
from tests.fakes.clock import Clock


def decoded(jpeg: bytes) -> np.ndarray[Any, Any]:
    """(H, W, 3) R'G'B'."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture[..., ::-1]


async def stays() -> bool:
    return False


def painted(rgb: tuple[float, float, float], color: Color, format: str = "yuv420p", size: int = 32) -> Frame:
    """A frame of one colour, made with the matrix and range that it is tagged with."""
    frame = replace(constant(0.5, 1, size, size, format)[0], color=color)
    flat = torch.tensor(rgb).reshape(3, 1, 1).expand(3, size, size).contiguous()
    painted = from_tensor(frame, flat, "rgb")
    return painted.with_picture(painted.picture.planes(color))


@pytest.mark.parametrize("format", ["yuv420p", "yuv420p10le", "yuv444p", "gbrp"])
@pytest.mark.parametrize("color", [Color(matrix=1, full_range=False), Color(matrix=6, full_range=True), Color()])
def test_colours_are_the_frames_own(format: str, color: Color) -> None:
    if format == "gbrp":
        color = Color(matrix=0, full_range=True)
    wanted = (0.8, 0.25, 0.3)
    frame = painted(wanted, color, format)
    got = decoded(encode((frame, frame), "after", quality=100))[8:24, 8:24].mean((0, 1))
    assert np.abs(got - 255 * np.array(wanted)).max() < 4, "a wrong matrix is off by 15, a wrong range by 10"


def test_both_sides_of_one_frame_lie_side_by_side() -> None:
    dark, light = constant(0.2, 1)[0], constant(0.8, 1, 96, 64)[0]
    picture = decoded(encode((dark, light), "both"))
    assert picture.shape == (64, 192, 3)
    assert picture[:, :90].max() < 80 < 180 < picture[:, 102:].min()
    assert decoded(encode((dark, light), "before")).shape == (32, 48, 3)
    assert decoded(encode((dark, light), "after", 48)).shape == (32, 48, 3)


@given(
    st.integers(1, 9000),
    st.integers(1, 9000),
    st.one_of(st.none(), st.fractions(Fraction(1, 100), 100)),
    st.one_of(st.none(), st.integers(16, 4096)),
)
def test_a_shown_picture_is_bounded_and_square_sampled(
    w: int, h: int, aspect: Fraction | None, width: int | None
) -> None:
    class Sized:
        width, height, sample_aspect_ratio = w, h, aspect

    shown = shown_size(Sized(), width)  # type: ignore[arg-type]  # all that it looks at
    assert 1 <= shown[0] <= min(width or 4096, 4096)
    assert 1 <= shown[1] <= 4096


def test_samples_become_square() -> None:
    frame = replace(clip(1, 64, 48)[0], sample_aspect_ratio=Fraction(3, 2))
    assert shown_size(frame) == (96, 48)
    assert shown_size(frame, 48) == (48, 24)
    assert shown_size(replace(frame, sample_aspect_ratio=Fraction(1000)), 64) == (64, 48), "no camera has such samples"


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(FORMATS)), st.integers(1, 70), st.integers(1, 50), st.sampled_from(SIDES))
def test_any_size_and_format_can_be_shown(format: str, width: int, height: int, side: Side) -> None:
    frame = constant(0.5, 1, width, height, format)[0]
    assert decoded(encode((frame, frame), side)).shape == (height, width * (2 if side == "both" else 1), 3)


def test_the_frame_itself_is_left_as_it_is() -> None:
    """The encoder of the stream has it in its hands at the same time."""
    frame = clip(1)[0]
    before = [plane.copy() for plane in frame.picture.planes(frame.color).data]
    encode((frame, frame), "both", 24)
    assert all(np.array_equal(a, b) for a, b in zip(before, frame.picture.planes(frame.color).data, strict=True))


class Camera:
    """Gives the frame that it was told to; counts what is made of them."""

    def __init__(self) -> None:
        self.frames = clip(8)
        self.now: int | None = 0
        self.encoded: list[int] = []
        self.previews = Previews(self.latest, most_views=4, encode=self.encode)

    def latest(self, name: str) -> tuple[Frame, Frame] | None:
        if name != "yard":
            raise LookupError(name)
        if self.now is None:
            return None
        frame = self.frames[self.now]
        if self.pair is None or self.pair[0] is not frame:
            self.pair = (frame, frame)
        return self.pair

    pair: tuple[Frame, Frame] | None = None

    def encode(self, pair: tuple[Frame, Frame], side: Side, width: int | None) -> bytes:
        self.encoded.append(pair[0].pts)
        return b"jpeg"

    def view(self, fps: float = 1000, gone: Callable[[], Awaitable[bool]] = stays) -> AsyncIterator[EncodedPicture]:
        return self.previews.view("yard", "after", fps, None, gone)


def test_a_frame_is_encoded_once_for_all_who_look() -> None:
    async def look() -> None:
        camera = Camera()
        views = [camera.view() for _ in range(3)]
        seen: list[list[int]] = [[], [], []]
        for now in range(4):
            camera.now = now
            for i, view in enumerate(views):
                seen[i].append((await anext(view)).pts)
        pts = [frame.pts for frame in camera.frames[:4]]
        assert seen == [pts] * 3
        assert camera.encoded == pts
        assert camera.previews.views == 3

    asyncio.run(look())


def test_who_looks_late_sees_the_newest_frame_only() -> None:
    async def look() -> None:
        camera = Camera()
        view = camera.view()
        seen = []
        for now in (0, 3, 7):
            camera.now = now
            seen.append((await anext(view)).pts)
        assert seen == [camera.frames[i].pts for i in (0, 3, 7)]

    asyncio.run(look())


def test_more_views_than_allowed_are_empty_and_a_closed_one_makes_room() -> None:
    async def look() -> None:
        camera = Camera()
        views = [camera.view() for _ in range(4)]
        for view in views:
            await anext(view)
        assert camera.previews.full
        assert [p async for p in camera.view()] == []
        await views[0].aclose()  # type: ignore[attr-defined]
        assert camera.previews.views == 3
        assert (await anext(camera.view())).jpeg == b"jpeg"

    asyncio.run(look())


def test_nothing_is_kept_for_nobody() -> None:
    async def look() -> None:
        camera = Camera()
        view = camera.view()
        await anext(view)
        assert camera.previews._shared
        await view.aclose()  # type: ignore[attr-defined]
        assert await camera.previews.snapshot("yard", "both", 320) is not None
        with pytest.raises(LookupError):
            await camera.previews.snapshot("garden", "both", 320)
        assert not camera.previews._shared

    asyncio.run(look())


def test_a_wall_has_each_streams_newest_picture_once() -> None:
    async def look() -> None:
        frames, encoded = clip(8), list[str]()
        pairs = dict.fromkeys("abc", (frames[0], frames[0]))

        def latest(name: str) -> tuple[Frame, Frame]:
            if name not in pairs:
                raise UnknownStream(name)
            return pairs[name]

        def encode(pair: tuple[Frame, Frame], side: Side, width: int | None) -> bytes:
            encoded.append(f"{side} {width}")
            return b"jpeg"

        here = ["a", "b", "c", "gone"]

        async def names() -> list[str]:
            return list(here)

        previews = Previews(latest, most_views=1, encode=encode)
        wall = previews.wall(names, 1000, 240, stays)
        assert [(await anext(wall))[0] for _ in range(3)] == ["a", "b", "c"]
        assert previews.full and [p async for p in previews.wall(names, 1000, 240, stays)] == []
        pairs["b"] = (frames[1], frames[1])
        here.remove("c")
        name, picture = await anext(wall)
        assert (name, picture.pts) == ("b", frames[1].pts), "what has not changed is not sent again"
        assert b"X-Stream: b\r\n\r\njpeg" in picture.part("b")
        assert set(previews._shared) == {(n, "after", 240) for n in ("a", "b", "gone")}
        await wall.aclose()  # type: ignore[attr-defined]
        assert not previews._shared and previews.views == 0
        assert encoded == ["after 240"] * 4

    asyncio.run(look())


def test_a_view_ends_when_its_viewer_leaves_and_when_all_is_closed() -> None:
    async def look() -> None:
        camera = Camera()
        left = False

        async def gone() -> bool:
            return left

        view = camera.view(gone=gone)
        await anext(view)
        left = True
        assert [p async for p in view] == []
        slow = camera.view(fps=0.1)
        await anext(slow)
        camera.previews.close()
        assert [p async for p in slow] == []
        assert camera.previews.views == 0

    asyncio.run(look())


def test_no_picture_yet() -> None:
    async def look() -> None:
        camera = Camera()
        camera.now = None
        assert await camera.previews.snapshot("yard", "after") is None
        view = camera.view()
        coming = asyncio.ensure_future(anext(view))
        while not camera.previews._shared:
            await asyncio.sleep(0)
        camera.now = 2
        assert (await coming).pts == camera.frames[2].pts

    asyncio.run(look())


def test_a_picture_whose_viewer_left_meanwhile_is_not_lost_for_the_others() -> None:
    async def look() -> None:
        camera = Camera()
        first, second = camera.view(), camera.view()
        await anext(second)
        camera.now = 1
        leaving = asyncio.ensure_future(anext(first))
        await asyncio.sleep(0)
        leaving.cancel()
        assert (await anext(second)).pts == camera.frames[1].pts

    asyncio.run(look())


def test_a_part_says_what_it_is() -> None:
    head, jpeg = EncodedPicture(b"\xff\xd8jpeg\xff\xd9", 1234).part().split(b"\r\n\r\n", 1)
    assert head.split(b"\r\n") == [
        f"--{BOUNDARY}".encode(),
        b"Content-Type: image/jpeg",
        b"Content-Length: 8",
        b"X-Pts: 1234",
    ]
    assert jpeg == b"\xff\xd8jpeg\xff\xd9\r\n"


def test_views_keep_their_rate_however_long_encoding_takes() -> None:
    """By a clock of the test's own: a camera of 25 fps, an encoder that needs most of the time between two pictures."""

    async def look() -> None:
        clock = Clock(100.03)
        frames = clip(100)

        def latest(name: str) -> tuple[Frame, Frame]:
            return pairs[int(clock.now_s * 25) % 100]

        def encode(*_: object) -> bytes:
            clock.now_s += 0.15
            encoded.append(clock.now_s)
            return b"jpeg"

        async def sleep(seconds: float) -> None:
            clock.now_s += seconds

        pairs, encoded = [(frame, frame) for frame in frames], list[float]()
        previews = Previews(latest, encode=encode, clock=clock, sleep=sleep)
        view = previews.view("yard", "after", 5, None, stays)
        for _ in range(20):
            await anext(view)
        assert len(encoded) == 20
        assert encoded[-1] - encoded[0] == pytest.approx(19 / 5, abs=0.2)

    asyncio.run(look())
