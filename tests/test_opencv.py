"""The drop-in for cv2.VideoCapture: property by property and call by call beside cv2's own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import streamfix
from streamfix.opencv import VideoCapture, request
from tests.apps.material import write_clip
from tests.live.legs import BUNNY, encode, free_port, needs_rtsp_server, rtsp
from tests.media.make import needs_ffmpeg

Opened = Callable[..., Any]

PROPERTIES = [
    *("POS_MSEC", "POS_FRAMES", "FRAME_WIDTH", "FRAME_HEIGHT", "FPS", "FOURCC", "FRAME_COUNT", "FORMAT"),
    *("CONVERT_RGB", "SAR_NUM", "SAR_DEN", "BACKEND", "ORIENTATION_AUTO", "EXPOSURE", "ZOOM"),
]


def properties(cap: Any) -> dict[str, float]:
    return {name: cap.get(getattr(cv2, f"CAP_PROP_{name}")) for name in PROPERTIES}


def passing(*args: Any) -> VideoCapture:
    """The drop-in without filters."""
    return VideoCapture(*args, chain="")


@pytest.fixture(scope="module", params=["h264.mp4", "mpeg4.avi", "ffv1.mkv"])
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Clips in which frame i is as bright as i: with B-frames, with a container's own tag, lossless."""
    folder = tmp_path_factory.mktemp("opencv")
    path = folder / request.param
    if request.param == "ffv1.mkv":
        return str(write_clip(path, 20))
    codec = {"h264.mp4": "libx264", "mpeg4.avi": "mpeg4"}[request.param]
    streamfix.restore(write_clip(folder / "clip.mkv", 20), path, video_codec=codec)
    return str(path)


def test_properties_are_cv2s_at_every_frame(file: str) -> None:
    theirs, ours = cv2.VideoCapture(file), passing(file)
    for _ in range(20):
        assert properties(ours) == pytest.approx(properties(theirs))
        assert ours.grab() and theirs.grab()
    assert (ours.get(cv2.CAP_PROP_POS_FRAMES), ours.get(cv2.CAP_PROP_POS_MSEC)) == pytest.approx((20, 760))


def test_pictures_are_cv2s(file: str) -> None:
    """Within what its fixed-point conversion rounds; grey ones, so that chroma's siting does not matter."""
    theirs, ours = cv2.VideoCapture(file), passing(file)
    for _ in range(20):
        (ok, got), (_, want) = ours.read(), theirs.read()
        assert ok and got is not None and got.dtype == np.uint8
        assert np.abs(got.astype(int) - want).max() <= 2
    for cap in (ours, theirs):
        ok, nothing = cap.read()
        assert not ok and nothing is None
    assert ours.isOpened() and theirs.isOpened()


@pytest.mark.parametrize("opened", [cv2.VideoCapture, passing])
def test_grab_and_retrieve(file: str, opened: Opened) -> None:
    cap = opened(file)
    assert cap.retrieve()[0] is False
    assert cap.grab() and cap.grab()
    first, again = cap.retrieve(), cap.retrieve()
    assert first[0] and np.array_equal(first[1], again[1])
    buffer = np.zeros_like(first[1])
    ok, filled = cap.read(buffer)
    assert ok and filled is buffer and filled.any()


@pytest.mark.parametrize("opened", [cv2.VideoCapture, passing])
def test_a_seek_leads_to_that_frame(file: str, opened: Opened) -> None:
    cap, whole = opened(file), opened(file)
    pictures = [whole.read()[1] for _ in range(20)]
    for number in (7, 0, 19, 3):
        assert cap.set(cv2.CAP_PROP_POS_FRAMES, number)
        assert cap.get(cv2.CAP_PROP_POS_FRAMES) == number
        assert cap.get(cv2.CAP_PROP_POS_MSEC) == pytest.approx(max(number - 1, 0) * 40)
        ok, picture = cap.read()
        assert ok and np.array_equal(picture, pictures[number])
        assert cap.get(cv2.CAP_PROP_POS_MSEC) == pytest.approx(number * 40)
    assert cap.set(cv2.CAP_PROP_POS_MSEC, 400)
    assert np.array_equal(cap.read()[1], pictures[10])
    assert cap.set(cv2.CAP_PROP_POS_FRAMES, 1000)
    assert cap.get(cv2.CAP_PROP_POS_FRAMES) == 20
    assert cap.read()[0] is False


@pytest.mark.parametrize("opened", [cv2.VideoCapture, passing])
def test_what_is_missing_is_not_open(opened: Opened) -> None:
    cap = opened("missing.mp4")
    assert not cap.isOpened()
    assert cap.read() == (False, None) and not cap.grab()
    assert not cap.set(cv2.CAP_PROP_POS_FRAMES, 1)
    assert cap.get(cv2.CAP_PROP_FPS) == cv2.VideoCapture().get(cv2.CAP_PROP_FPS)
    with pytest.raises(cv2.error):
        cap.getBackendName()
    assert not opened().isOpened()


@pytest.mark.parametrize("opened", [cv2.VideoCapture, passing])
def test_exception_mode_raises(file: str, opened: Opened) -> None:
    cap = opened()
    assert not cap.getExceptionMode()
    cap.setExceptionMode(True)
    assert cap.getExceptionMode()
    with pytest.raises(cv2.error, match=r"missing\.mp4"):
        cap.open("missing.mp4")
    assert cap.open(file)
    with pytest.raises(cv2.error):
        list(iter(cap.read, None))


def test_why_it_is_not_open_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "streamfix.opencv"):
        for wrong, said in (
            (("missing.mp4",), "could not open 'missing.mp4'"),
            (("in.mp4", cv2.CAP_GSTREAMER), "take CAP_ANY"),
            (("in.mp4", cv2.CAP_ANY, [cv2.CAP_PROP_ZOOM, 1]), f"property {cv2.CAP_PROP_ZOOM} cannot be opened with"),
            (("in.mp4", cv2.CAP_ANY, [cv2.CAP_PROP_FPS]), "a value is missing"),
        ):
            caplog.clear()
            assert not passing(*wrong).isOpened()
            assert said in caplog.text


@pytest.mark.parametrize("opened", [cv2.VideoCapture, passing])
def test_a_capture_may_be_used_again(file: str, opened: Opened) -> None:
    cap = opened(file)
    cap.read()
    cap.release()
    cap.release()
    assert not cap.isOpened() and not cap.grab()
    assert cap.open(file, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    assert cap.read()[0] and cap.get(cv2.CAP_PROP_POS_FRAMES) == 1


def test_without_conversion_pictures_are_420(file: str) -> None:
    cap = VideoCapture(file, cv2.CAP_FFMPEG, [cv2.CAP_PROP_CONVERT_RGB, 0], chain="")
    assert cap.get(cv2.CAP_PROP_CONVERT_RGB) == 0
    (_, picture), frame = cap.read(), next(iter(streamfix.open(file)))
    assert picture is not None and np.array_equal(picture, frame.array("i420"))
    assert cap.set(cv2.CAP_PROP_CONVERT_RGB, 1)
    assert cap.retrieve()[1].shape == (32, 48, 3)  # type: ignore[union-attr]


def test_pictures_are_those_of_the_library(file: str) -> None:
    cap = VideoCapture(file, chain="smooth")
    for frame in streamfix.open(file).filter("smooth"):
        ok, picture = cap.read()
        assert ok and np.array_equal(picture, frame.array("bgr24"))  # type: ignore[arg-type]
    assert not cap.read()[0]
    assert cap.getBackendName() == "STREAMFIX"


@pytest.mark.parametrize(("chain", "size"), [("smooth", (48, 32)), ("scale=24:16", (24, 16)), ("", (48, 32))])
def test_the_size_is_that_of_the_pictures(file: str, chain: str, size: tuple[int, int]) -> None:
    cap = VideoCapture(file, chain=chain)
    assert [cap.get(cv2.CAP_PROP_FRAME_WIDTH), cap.get(cv2.CAP_PROP_FRAME_HEIGHT)] == list(size)
    for number in range(1, 21):
        _, picture = cap.read()
        assert picture is not None and picture.shape == (size[1], size[0], 3)
        assert cap.get(cv2.CAP_PROP_POS_FRAMES) == number
    assert not cap.grab()


def test_a_class_of_ones_own_has_its_chain(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Negative(VideoCapture):
        chain = "negate"

    monkeypatch.setattr(cv2, "VideoCapture", Negative)
    cap = cv2.VideoCapture(file)
    assert isinstance(cap, cv2.VideoCapture)
    assert cap.read()[1].mean() > 200


def test_a_wrong_chain_is_refused() -> None:
    cap = VideoCapture(chain="nosuch")
    cap.setExceptionMode(True)
    with pytest.raises(cv2.error, match="nosuch"):
        cap.open(__file__)


def test_a_number_is_a_camera_and_params_are_its_options() -> None:
    params = [cv2.CAP_PROP_FRAME_WIDTH, 640, cv2.CAP_PROP_FRAME_HEIGHT, 480, cv2.CAP_PROP_FPS, 30]
    spec = request.spec_of(2, request.pairs_of(params))
    assert (spec.url, spec.format) == ("/dev/video2", "v4l2")
    assert spec.options == {"video_size": "640x480", "framerate": "30"}
    assert not passing(99).isOpened()  # there is none


@pytest.mark.slow
@needs_rtsp_server
def test_a_camera_gives_its_newest_picture(tmp_path: Path) -> None:
    clip = encode(BUNNY, tmp_path / "cam.mp4", "-c:v", "libx264", "-g", "25", "-pix_fmt", "yuv420p")
    with rtsp(clip) as url:
        cap = VideoCapture(url, chain="smooth")
        assert cap.isOpened()
        assert (cap.get(cv2.CAP_PROP_FRAME_WIDTH), cap.get(cv2.CAP_PROP_FRAME_HEIGHT)) == (160, 90)
        assert cap.get(cv2.CAP_PROP_FOURCC) == cv2.VideoWriter.fourcc(*"h264")
        times = []
        for number in range(1, 11):
            ok, picture = cap.read()
            assert ok and picture is not None and picture.shape == (90, 160, 3)
            assert cap.get(cv2.CAP_PROP_POS_FRAMES) == number
            times.append(cap.get(cv2.CAP_PROP_POS_MSEC))
        assert times[0] == 0 and times == sorted(set(times))
        assert not cap.set(cv2.CAP_PROP_POS_FRAMES, 0)
        cap.release()
        assert not cap.isOpened()


@pytest.mark.slow
@needs_rtsp_server
def test_a_camera_that_is_not_there_fails_in_time(caplog: pytest.LogCaptureFixture) -> None:
    cap = VideoCapture(
        f"rtsp://127.0.0.1:{free_port()}/cam", cv2.CAP_ANY, [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, 300], chain=""
    )
    assert not cap.isOpened()
    assert "no picture within 0.3 s" in caplog.text


@pytest.fixture
def supervision() -> Any:
    return pytest.importorskip("supervision", reason="pip install supervision, which brings opencv-python")


@pytest.mark.slow
@needs_ffmpeg
def test_supervisions_own_loops_run_with_it(
    file: str, tmp_path: Path, supervision: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Smooth(VideoCapture):
        chain = "smooth"

    # supervision takes the class from cv2 when it is imported; a program replaces it before.
    monkeypatch.setattr(supervision.utils.video.cv2, "VideoCapture", Smooth)
    info = supervision.VideoInfo.from_video_path(file)
    assert (info.width, info.height, info.fps, info.total_frames) == (48, 32, 25, 20)
    want = [frame.array("bgr24") for frame in streamfix.open(file).filter("smooth")]
    got: Iterator[NDArray[np.uint8]] = supervision.get_video_frames_generator(file)
    assert all(np.array_equal(a, b) for a, b in zip(got, want, strict=True))
    some = list(supervision.get_video_frames_generator(file, stride=3, start=4, end=15))
    assert len(some) == 4
    seen: list[int] = []

    def call(frame: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
        assert np.array_equal(frame, want[number])
        seen.append(number)
        return frame

    supervision.process_video(source_path=file, target_path=str(tmp_path / "out.mp4"), callback=call)
    assert sorted(seen) == list(range(20))
    assert len(list(streamfix.open(tmp_path / "out.mp4"))) == 20
