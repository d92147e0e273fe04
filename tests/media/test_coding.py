"""How frames were coded, as decoders tell it: where it is asked for, what it survives, and what it leaves alone."""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

import streamfix
from streamfix.chainspec import parse_chain
from streamfix.coding import FrameCoding
from streamfix.conformance.fakes import clip, coded, difference
from streamfix.filters import FILTERS
from streamfix.filters.base import Filter
from streamfix.filters.batcher import Batcher
from streamfix.filters.restorer import Restorer
from streamfix.frame import Frame
from streamfix.jobs import JobSpec, build_job, restore_stage
from streamfix.jobs.pool import FilterPool
from streamfix.layout import from_tensor, to_layout
from streamfix.live.policy import LivePolicy
from streamfix.media.input.coding import jpeg_qp, qp_map
from streamfix.media.picture.avfilter import GraphStage
from streamfix.media.picture.planes import to_av
from streamfix.media.picture.side_data import side_data
from streamfix.media.specs import InputSpec, OutputSpec

WIDTH, HEIGHT, FRAMES = 100, 52, 9  # neither is a multiple of 16


class Listens(Filter[list[FrameCoding | None]]):
    """Leaves pictures alone, and keeps what it hears."""

    wants_coding = True
    future = 1
    heard: list[FrameCoding | None]

    def __init__(self) -> None:
        self.heard = []

    def tell(self, state: Any, frames: Sequence[Frame]) -> None:
        self.heard.append(frames[0].coding)

    def __call__(self, x: Tensor, states: Sequence[Any]) -> Tensor:
        return x[:, :1]


class Enlarges(Filter[None]):
    """Doubles each pixel."""

    scale = 2

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


@pytest.fixture(autouse=True)
def _filters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FILTERS, "_classes", {**FILTERS._classes, "listens": Listens, "enlarges": Enlarges})


def write(path: Path, codec: str = "libx264", pix_fmt: str = "yuv420p", **options: str) -> Path:
    """A moving clip of nine frames; H.264 with a keyframe at each fourth and one quantiser in I, P and B."""
    own = {"qp": "30", "g": "4", "bf": "1", "x264-params": "ipratio=1:pbratio=1:aq-mode=0"}
    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=Fraction(25), options=options or own)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, pix_fmt
        for number, frame in enumerate(clip(FRAMES, WIDTH, HEIGHT)):
            made = to_av(frame).reformat(format=pix_fmt)
            made.pts, made.time_base = number, Fraction(1, 25)
            container.mux(video.encode(made))
        container.mux(video.encode(None))
    return path


@pytest.fixture(scope="module")
def h264(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("coding") / "clip.mkv")


def frames_of(path: Path, *, asked: bool = True) -> list[Frame]:
    with streamfix.open(path, coding=asked) as video:
        return list(video)


def qp_of(frame: Frame) -> Any:
    assert frame.coding is not None
    assert frame.coding.qp is not None
    return frame.coding.qp


# -- what decoders tell


def test_h264_tells_types_keyframes_and_each_macroblocks_quantiser(h264: Path) -> None:
    frames = frames_of(h264)
    codings = [f.coding for f in frames if f.coding is not None]
    assert len(codings) == FRAMES
    assert [c.since_key for c in codings] == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert {c.picture_type for c in codings} == {"I", "P", "B"}
    assert all(c.picture_type == "I" for c in codings if c.since_key == 0)
    for frame in frames:
        assert qp_of(frame).shape == (4, 7)
        assert qp_of(frame).dtype == np.float32
        assert set(qp_of(frame).ravel().tolist()) == {30.0}


def test_ten_bit_quantisers_are_on_the_scale_of_eight(tmp_path: Path) -> None:
    """10-bit codes have steps four times as fine, and QPs 12 higher for what is the same part of full scale."""
    options = {"qp": "42", "x264-params": "ipratio=1:pbratio=1:aq-mode=0"}
    found = frames_of(write(tmp_path / "deep.mkv", pix_fmt="yuv420p10le", **options))
    assert float(qp_of(found[2]).mean()) == pytest.approx(30, abs=0.01)


@pytest.mark.parametrize(("codec", "name"), [("mpeg4", "a.mp4"), ("mpeg2video", "a.ts"), ("mpeg1video", "a.mpg")])
def test_mpegs_quantisers_are_told_by_their_step(tmp_path: Path, codec: str, name: str) -> None:
    """Scale 5 of MPEG-4 is a step of 10 codes, which H.264 has at QP 24."""
    found = frames_of(write(tmp_path / name, codec, qmin="5", qmax="5"))
    assert [float(qp_of(f).max()) for f in found[:6]] == [pytest.approx(24)] * 6
    assert [float(qp_of(f).min()) for f in found[:6]] == [pytest.approx(24)] * 6


def test_motion_jpeg_tells_by_its_tables(tmp_path: Path) -> None:
    """A quantiser that is twice as coarse is 6 more, to within the rounding of tables."""
    found = [
        frames_of(write(tmp_path / f"{q}.avi", "mjpeg", "yuvj420p", qmin=str(q), qmax=str(q))) for q in (2, 4, 8, 16)
    ]
    values = [float(qp_of(frames[3]).mean()) for frames in found]
    assert all(qp_of(f).shape == (4, 7) for frames in found for f in frames)
    assert [b - a for a, b in pairwise(values)] == pytest.approx([6] * 3, abs=1)
    assert all(f.coding is not None and f.coding.picture_type == "I" for frames in found for f in frames)


def test_codecs_that_do_not_tell_are_read_all_the_same(tmp_path: Path) -> None:
    for codec, name in (("libx265", "a.mkv"), ("libvpx-vp9", "a.webm"), ("ffv1", "b.mkv")):
        options = {"x265-params": "log-level=none"} if codec == "libx265" else {"threads": "1"}
        frames = frames_of(write(tmp_path / name, codec, **options))
        assert len(frames) == FRAMES
        assert [f.coding.qp for f in frames if f.coding is not None] == [None] * FRAMES
        assert frames[0].coding is not None
        assert frames[0].coding.since_key == 0


@pytest.mark.parametrize(
    ("codec", "name", "pix_fmt", "lossless"),
    [
        ("ffv1", "a.mkv", "yuv420p", True),
        ("png", "a.avi", "rgb24", True),
        ("rawvideo", "a.y4m", "yuv420p", True),
        ("mjpeg", "a.avi", "yuvj420p", False),
        ("libx264", "b.mkv", "yuv420p", False),  # it can be lossless as well; then its quantisers say so
    ],
)
def test_codecs_that_lose_nothing_are_told_from_others(
    tmp_path: Path, codec: str, name: str, pix_fmt: str, lossless: bool
) -> None:
    if codec == "rawvideo":
        codec = "wrapped_avframe"  # what libavformat's writer of y4m takes
    found = frames_of(write(tmp_path / name, codec, pix_fmt, g="4"))
    assert [f.coding is not None and f.coding.lossless for f in found] == [lossless] * FRAMES


@pytest.mark.parametrize(("codec", "name"), [("libx264", "a.mkv"), ("mpeg4", "a.mp4"), ("mjpeg", "a.avi")])
def test_threads_change_nothing(tmp_path: Path, codec: str, name: str) -> None:
    """libavcodec's frame threads let a picture out while its quantisers are still being read."""
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = write(tmp_path / name, codec, pix_fmt, **({"crf": "23", "bf": "2"} if codec == "libx264" else {"g": "5"}))
    told = []
    for threads in (1, 0, 8, 8, 8):
        with streamfix.open(InputSpec(str(path), thread_count=threads), coding=True) as video:
            told.append([(f.coding.picture_type, f.coding.since_key, qp_of(f).tolist()) for f in video if f.coding])
    assert len(told[0]) == FRAMES
    assert all(one == told[0] for one in told)


# -- who asks


def test_nobody_is_told_who_did_not_ask(h264: Path) -> None:
    assert [f.coding for f in frames_of(h264, asked=False)] == [None] * FRAMES
    with streamfix.open(h264) as video:
        assert [f.coding for f in video.filter("enlarges")] == [None] * FRAMES


def test_a_filter_that_asks_is_told_by_the_library(h264: Path) -> None:
    """Although the file was opened before anybody knew of the filter; and again the second time."""
    with streamfix.open(h264) as video:
        for _ in range(2):
            told = [f.coding for f in video.filter("listens")]
            assert [c.since_key for c in told if c is not None] == [0, 1, 2, 3, 0, 1, 2, 3, 0]


@pytest.mark.parametrize("live", [None, LivePolicy()])
def test_a_filter_that_asks_is_told_in_a_job(h264: Path, tmp_path: Path, live: LivePolicy | None) -> None:
    out = OutputSpec(str(tmp_path / "out.mkv"))
    job = build_job(JobSpec((InputSpec(str(h264)),), (out,), parse_chain("listens"), live=live))
    restoration: Any = job.restoration
    filters = restoration.filters if live is None else restoration.runner.current.stage.filters
    heard = filters[0].heard
    job.run()
    assert len(heard) >= (FRAMES if live is None else 1)  # a live stream drops frames that it has no time for
    assert all(c is not None and c.qp is not None for c in heard)


def test_a_host_hands_on_what_it_has(h264: Path) -> None:
    with streamfix.Stream("listens", live=False) as stream:
        assert stream.wants_coding
        given = frames_of(h264)
        found = [out for f in given for out in stream.push(f)] + stream.flush()
    assert [f.coding for f in found] == [f.coding for f in given]
    with streamfix.Stream("enlarges", live=False) as stream:
        assert not stream.wants_coding


def test_it_is_heard_through_batcher_lease_and_second_part() -> None:
    frames = coded(clip(5, WIDTH, HEIGHT))
    pool = FilterPool("cpu")
    alone, batched = Listens(), Listens()
    leased: Any = pool.lease(parse_chain("listens")[0])
    filters: list[tuple[Filter[Any], Any]] = [(alone, alone), (Batcher(batched), batched), (leased, leased.wrapped)]
    for filter, own in filters:
        assert filter.wants_coding
        restorer = Restorer(filter, overlap=True)
        found = [out for f in frames for out in restorer.push(f)] + list(restorer.flush())
        restorer.close()
        filter.close()
        assert own.heard == [f.coding for f in frames]
        assert [f.coding for f in found] == own.heard


# -- what it survives


def test_it_survives_pickling_and_filters_that_keep_the_size() -> None:
    frame = coded(clip(1, WIDTH, HEIGHT))[0]
    again = pickle.loads(pickle.dumps(frame))
    assert again.coding.picture_type == "I"
    assert np.array_equal(qp_of(again), qp_of(frame))
    same = from_tensor(frame, to_layout(frame, "rgb"), "rgb")
    assert same.coding is frame.coding


@pytest.mark.parametrize(
    ("chain", "kept"),
    [
        *(("null", True), ("listens", True), ("bwdif,listens", True), ("format=yuv444p", True), ("fps=25", True)),
        *(("enlarges", False), ("scale=50:26", False), ("rotate=0.1", False), ("crop=32:32:n:0", False)),
        *(("hflip", True), ("crop=64:48:16:0", True), ("bwdif,transpose=1", True), ("crop=64:48,scale=32:24", False)),
    ],
)
def test_it_is_gone_where_things_are_no_longer_in_their_place(h264: Path, chain: str, kept: bool) -> None:
    stage = restore_stage(parse_chain(chain))
    given = frames_of(h264)
    found = given if stage is None else [out for f in given for out in stage.push(f)] + list(stage.flush())
    if stage is not None:
        stage.close()
    assert {f.coding is not None for f in found} == {kept}


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv420p10le", "gray"])
@pytest.mark.parametrize(
    ("chain", "moved"),
    [
        ("hflip", lambda qp: qp[:, ::-1]),
        ("vflip", lambda qp: qp[::-1]),
        ("transpose=clock", lambda qp: np.rot90(qp, -1)),
        ("transpose=cclock", np.rot90),
        ("transpose=0", np.transpose),
        ("crop=64:48:32:16", lambda qp: qp[1:4, 2:6]),
        ("crop=40:24:38:10", lambda qp: qp[1:3, [2, 3, 4]]),  # middles are 46, 62 and 77 across, 18 and 33 down
        ("hflip,crop=64:48:0:0", lambda qp: qp[:3, ::-1][:, :4]),
    ],
)
def test_quantisers_go_with_their_macroblocks(pix_fmt: str, chain: str, moved: Callable[[Any], Any]) -> None:
    frame = clip(1, 112, 64, pix_fmt)[0]
    qp = np.arange(4 * 7, dtype=np.float32).reshape(4, 7)
    stage = GraphStage(parse_chain(chain))
    found = [*stage.push(replace(frame, coding=FrameCoding("I", 0, qp))), *stage.flush()][0]
    assert qp_of(found).shape == (-(-found.height // 16), -(-found.width // 16))
    assert np.array_equal(qp_of(found), moved(qp))


@pytest.mark.skipif(not hasattr(av.VideoStream, "set_display_matrix"), reason="PyAV before 17.1 writes no such clip")
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quantisers_of_a_picture_that_is_turned_go_along(tmp_path: Path, turns: int) -> None:
    """An even half and a noisy one, which x264 gives other quantisers."""
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(25), options={"crf": "23"})
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        video.set_display_rotation(90 * turns)
        noise = np.random.default_rng(1)
        for number in range(4):
            picture = np.full((64, 96, 3), 40, np.uint8)
            picture[:32, 48:] = noise.integers(0, 255, (32, 48, 3))
            made = av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")
            made.pts, made.time_base = number, Fraction(1, 25)
            container.mux(video.encode(made))
        container.mux(video.encode(None))
    with (
        streamfix.open(InputSpec(str(path), autorotate=False), coding=True) as plain,
        streamfix.open(path, coding=True) as turned,
    ):
        was, found = next(iter(plain)), next(iter(turned))
    assert (found.width, found.height) == ((96, 64) if turns == 2 else (64, 96))
    # The picture says which way it went: found in the corner that the noise is in now.
    grid = np.repeat(np.repeat(np.arange(4 * 6).reshape(4, 6), 16, 0), 16, 1)
    luma = [f.picture.planes(f.color).data[0] for f in (was, found)]
    k = next(
        k
        for k in range(4)
        if luma[1].shape == np.rot90(luma[0], k).shape and np.array_equal(luma[1], np.rot90(luma[0], k))
    )
    assert np.array_equal(qp_of(found), qp_of(was).ravel()[np.rot90(grid, k)[8::16, 8::16]])
    assert qp_of(was).min() < qp_of(was).max()


def test_a_picture_that_is_scaled_to_the_first_ones_size_says_nothing(tmp_path: Path) -> None:
    """The macroblocks of such a picture lie elsewhere."""
    stream = b""
    for width in (64, 96):
        data = io.BytesIO()
        with av.open(data, "w", format="h264") as container:
            video = container.add_stream("libx264", rate=Fraction(25), options={"qp": "28", "bf": "0"})
            video.width, video.height, video.pix_fmt = width, 64, "yuv420p"
            for number, frame in enumerate(clip(4, width, 64)):
                made = to_av(frame)
                made.pts, made.time_base = number, Fraction(1, 25)
                container.mux(video.encode(made))
            container.mux(video.encode(None))
        stream += data.getvalue()
    path = tmp_path / "two.h264"
    path.write_bytes(stream)
    frames = frames_of(path)
    assert [(f.width, f.coding is not None) for f in frames] == [(64, True)] * 4 + [(64, False)] * 4


# -- what it leaves alone


def test_pictures_times_and_side_data_are_the_same_whether_asked_or_not(h264: Path) -> None:
    asked, plain = frames_of(h264), frames_of(h264, asked=False)
    for a, b in zip(asked, plain, strict=True):
        assert difference(a, b) == 0
        assert (a.pts, a.duration, a.time_base, a.color, a.cut) == (b.pts, b.duration, b.time_base, b.color, b.cut)
        assert [d.type for d in side_data(a.origin)] == [d.type for d in side_data(b.origin)]
        assert (a.origin.pict_type, a.origin.key_frame) == (b.origin.pict_type, b.origin.key_frame)


@pytest.mark.parametrize("codec", ["rawvideo", "ffv1"])
def test_outputs_are_the_same_whether_asked_or_not(h264: Path, tmp_path: Path, codec: str) -> None:
    written = []
    for number, chain in enumerate(("", "listens")):
        out = tmp_path / f"{number}.nut"
        streamfix.restore(h264, out, chain, video_codec=codec, fflags="+bitexact", threads=1)
        with av.open(str(out)) as container:
            written.append([bytes(p) for p in container.demux(video=0)])
    assert written[0] == written[1]


def test_what_the_user_asks_the_decoder_for_stays(h264: Path) -> None:
    """`-export_side_data` is libav's own option: its user finds the data where libav puts them."""
    with streamfix.open(h264, coding=True, export_side_data="venc_params") as video:
        frame = next(iter(video))
    assert "VIDEO_ENC_PARAMS" in {d.type.name for d in side_data(frame.origin)}
    assert frame.coding is not None


# -- data from outside


@given(st.binary(max_size=300))
def test_any_bytes_are_parameters_or_none(data: bytes) -> None:
    found = qp_map(data, 48, 32)
    assert found is None or found.shape == (2, 3)


@settings(max_examples=200)
@example(blocks=6, offset=0, size=0, kind=1, rest=[])
@example(blocks=6, offset=32, size=20, kind=1, rest=[-64, -64, 16, 16, 3] * 6)  # places outside the picture
@given(
    st.integers(0, 40), st.integers(0, 2**33), st.integers(0, 64), st.integers(-2, 5),
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=64),
)  # fmt: skip
def test_parameters_that_lie_are_none_or_a_map(blocks: int, offset: int, size: int, kind: int, rest: list[int]) -> None:
    data = struct.pack("=I4xQQii", blocks, offset, size, kind, 20) + np.array(rest, np.int32).tobytes()
    found = qp_map(data, 48, 32)
    assert found is None or (found.shape == (2, 3) and bool(np.isfinite(found).all()))


@given(st.binary(max_size=400))
def test_any_bytes_are_a_jpeg_or_none(data: bytes) -> None:
    for start in (b"", b"\xff\xd8", b"\xff\xd8\xff\xdb"):
        found = jpeg_qp(start + data)
        assert found is None or np.isfinite(found)


@pytest.mark.parametrize("make", [bytes, memoryview])
def test_the_lumas_table_is_found_among_others(make: Callable[[bytes], Any]) -> None:
    def table(number: int, step: int, wide: bool) -> bytes:
        return bytes([(16 if wide else 0) | number]) + (
            struct.pack(">64H", *[step] * 64) if wide else bytes([step] * 64)
        )

    def segment(marker: int, body: bytes) -> bytes:
        return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body

    head = b"\xff\xd8" + segment(0xE0, b"JFIF\0" + bytes(9))
    for wide in (False, True):
        both = head + segment(0xDB, table(1, 99, wide) + table(0, 10, wide)) + segment(0xDA, bytes(10))
        assert jpeg_qp(make(both)) == pytest.approx(24)
    assert jpeg_qp(make(head + segment(0xDB, table(1, 99, False)) + segment(0xDA, bytes(10)))) is None
    assert jpeg_qp(make(head + segment(0xDA, bytes(10)) + segment(0xDB, table(0, 10, False)))) is None
