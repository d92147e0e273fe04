"""Pixel formats: what is passed through is untouched, what is converted keeps its values."""

from __future__ import annotations

import gc
import logging
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import streamfix
from streamfix import layout
from streamfix.errors import UsageError
from streamfix.frame import Color, Frame, Planes
from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.writer import OutputSpec, Writer
from streamfix.media.picture.convert import choose_pix_fmt, reformat
from streamfix.media.picture.planes import (
    DecodedPicture,
    color_of,
    frame_from_av,
    planar_format,
    set_color,
    to_av,
)
from tests.media.make import clip, digest, ffmpeg, ffprobe, hashes, needs_ffmpeg, picture, run

PLANAR = [
    *("yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "yuv420p9le", "yuv420p10le", "yuv422p12le"),
    *("yuv444p14le", "yuv444p16le", "gray", "gray10le", "gray12le", "gray16le", "gbrp", "gbrp10le", "gbrp12le"),
]
# format, the planar one that holds its values
OTHERS = {
    "nv12": "yuv420p", "nv21": "yuv420p", "nv16": "yuv422p", "nv24": "yuv444p", "yuyv422": "yuv422p",
    "uyvy422": "yuv422p", "p010le": "yuv420p10le", "p210le": "yuv422p10le", "p012le": "yuv420p12le",
    "yuv420p10be": "yuv420p10le", "gray16be": "gray16le", "rgb24": "gbrp", "bgr24": "gbrp", "rgb48le": "gbrp16le",
    "rgb48be": "gbrp16le", "yuvj420p": "yuv420p", "yuvj422p": "yuv422p", "yuva420p": "yuv420p", "gbrap": "gbrp",
    "rgba": "gbrp", "bgra": "gbrp", "ya8": "gray", "pal8": "gbrp",
}  # fmt: skip


def noise(pix_fmt: str, width: int = 34, height: int = 22) -> av.VideoFrame:
    """A frame of random code values."""
    frame = av.VideoFrame(width, height, pix_fmt)
    random = np.random.default_rng(7)
    bits = max(c.bits for c in frame.format.components)
    for plane in frame.planes:
        values = np.frombuffer(memoryview(plane), np.uint8)
        values[:] = random.integers(0, 256, values.size)
        if bits > 8 and pix_fmt.endswith("le"):
            wide = values.view("<u2")
            wide[:] = wide << (16 - bits) if pix_fmt.startswith("p") else wide & ((1 << bits) - 1)
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    return frame


def same_values(a: av.VideoFrame, b: av.VideoFrame) -> bool:
    return digest(a) == digest(b)


@pytest.mark.parametrize("pix_fmt", PLANAR)
def test_planar_formats_are_shown_as_they_lie_in_memory(pix_fmt: str) -> None:
    frame = noise(pix_fmt)
    shown = DecodedPicture(frame)
    assert shown.format.name == pix_fmt
    planes = shown.planes(Color())
    for array, plane in zip(planes.data, frame.planes, strict=True):
        assert array.ctypes.data == plane.buffer_ptr  # no copy
    back = to_av(Frame(planes, 0, Fraction(1, 25)))
    assert same_values(frame, back)


@pytest.mark.parametrize(("pix_fmt", "planar"), OTHERS.items())
def test_other_formats_become_planar_without_loss(pix_fmt: str, planar: str) -> None:
    frame = noise(pix_fmt)
    assert planar_format(pix_fmt).name == planar
    color = color_of(frame)
    planes = DecodedPicture(frame).planes(color)
    back = to_av(Frame(planes, 0, Fraction(1, 25), color=color))
    if pix_fmt == "pal8":
        palette = np.frombuffer(memoryview(frame.planes[1]), np.uint8).reshape(256, 4)
        index = frame.planes[0]
        wanted = palette[np.frombuffer(memoryview(index), np.uint8).reshape(22, index.line_size)[:, :34]]
        assert np.array_equal(np.stack(planes.data[::1], -1), wanted[..., [1, 0, 2]])
    elif any(c.is_alpha for c in frame.format.components):
        again = reformat(frame, planar, color=color)
        assert same_values(again, back)
    else:
        assert same_values(frame, reformat(back, pix_fmt, color=color))


@pytest.mark.parametrize("pix_fmt", ["yuyv422", "uyvy422"])
def test_packed_pictures_are_the_same_each_time(pix_fmt: str) -> None:
    """swscale's threads wrote over each other's rows: about one narrow picture in a hundred differed."""
    for height in (22, 64, 400, 1000):
        frame = noise("yuv422p", 34, height)
        assert len({digest(reformat(frame, pix_fmt, color=Color())) for _ in range(2000)}) == 1


def test_odd_sizes_have_their_last_column() -> None:
    frame = noise("yuv420p", 35, 23)
    planes = DecodedPicture(frame).planes(Color())
    assert [tuple(p.shape) for p in planes.data] == [(23, 35), (12, 18), (12, 18)]


@pytest.mark.skipif(not hasattr(av.VideoFrame, "color_primaries"), reason="frames tell all their tags from PyAV 17 on")
def test_tags_survive_the_way_there_and_back() -> None:
    color = Color(9, 16, 9, False)
    frame = noise("yuv420p10le")
    set_color(frame, color)
    assert color_of(frame) == color
    assert color_of(to_av(Frame(DecodedPicture(frame).planes(color), 3, Fraction(1, 10), color=color))) == color
    assert color_of(noise("yuvj420p")).full_range is True


def test_a_new_picture_keeps_the_side_data_of_the_old(tmp_path: Path) -> None:
    reader = Reader([InputSpec(str(clip(tmp_path / "in.h264", frames=2)))])
    first = next(f for f in reader if isinstance(f, Frame))
    reader.close()
    kinds = _side_data(first.origin)  # x264's note of its settings
    assert kinds
    values = first.picture.planes(first.color)
    bright = Planes(values.format, values.width, values.height, tuple(255 - p for p in values.data))
    before = digest(first.origin)
    out = to_av(first.with_picture(bright))
    assert _side_data(out) == kinds
    assert digest(out) != before == digest(first.origin)


@pytest.mark.parametrize("filtered", [False, True])
def test_pictures_are_freed_with_the_last_who_holds_them(tmp_path: Path, filtered: bool) -> None:
    """Not by the garbage collector, which comes by when hundreds have gathered: a live stream's memory grew by that."""
    source = clip(tmp_path / "in.mkv", frames=40, codec="libx264", size=(64, 64))
    held: list[Any] = []
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        reader = Reader([InputSpec(str(source))])
        writer = Writer(OutputSpec(str(tmp_path / "out.mkv"), video_codec="ffv1"), reader)
        for frame in reader:
            assert isinstance(frame, Frame)
            writer.push(layout.from_tensor(frame, frame.tensor("luma"), "luma", 1) if filtered else frame)
        del frame
        writer.flush()
        writer.close()
        reader.close()
        gc.collect()
        held = [found for found in gc.garbage if isinstance(found, av.VideoFrame)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert len(held) <= 2


def _side_data(frame: av.VideoFrame) -> list[Any]:
    held: Any = frame.side_data
    return [d.type for d in held]


@pytest.mark.parametrize("scale", [1, 2])
def test_filtered_frames_are_encoded(tmp_path: Path, scale: int) -> None:
    """A filter that turns the picture to its negative, by way of the layout."""
    for pix_fmt in ("yuv420p", "yuv420p10le", "yuv444p", "gray", "yuv422p12le"):
        source = clip(tmp_path / f"{pix_fmt}.mkv", frames=3, codec="ffv1", pix_fmt=pix_fmt, size=(33, 17))
        out = tmp_path / f"out-{pix_fmt}.mkv"
        reader = Reader([InputSpec(str(source))])
        writer = Writer(OutputSpec(str(out), video_codec="ffv1", overwrite=True), reader)
        for frame in reader:
            assert isinstance(frame, Frame)
            negative = 1 - frame.tensor("luma")
            larger = negative.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
            writer.push(layout.from_tensor(frame, larger, "luma", scale))
        writer.flush()
        writer.close()
        reader.close()
        with av.open(str(source)) as a, av.open(str(out)) as b:
            assert b.streams.video[0].pix_fmt == pix_fmt
            for old, new in zip(a.decode(video=0), b.decode(video=0), strict=True):
                top = planar_format(pix_fmt).max_code
                was, now = (DecodedPicture(f).planes(Color()).data[0].astype(np.int64) for f in (old, new))
                assert np.array_equal(now[::scale, ::scale], top - was)
                assert (new.width, new.height) == (33 * scale, 17 * scale)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p10le", "yuv444p12le", "gray", "gray16le", "bgr0", "yuva420p"])
def test_pass_through_is_bit_exact(tmp_path: Path, pix_fmt: str) -> None:
    source = clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt=pix_fmt, frames=4)
    run(source, tmp_path / "out.mkv", video_codec="ffv1")
    assert hashes(tmp_path / "out.mkv") == hashes(source)


@needs_ffmpeg
def test_pass_through_equals_ffmpegs(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", frames=20, options={"bf": "2"})
    ffmpeg("-i", source, "-c:v", "ffv1", tmp_path / "peer.mkv")
    run(source, tmp_path / "out.mkv", video_codec="ffv1")
    assert hashes(tmp_path / "out.mkv") == hashes(tmp_path / "peer.mkv")


@pytest.mark.parametrize(
    ("source", "offered", "best", "loss"),
    [
        ("yuv420p", ["yuv420p", "yuv444p"], "yuv420p", ""),
        ("yuv420p10le", ["yuv420p", "yuv420p10le"], "yuv420p10le", ""),
        ("yuv420p12le", ["yuv420p", "yuv420p10le"], "yuv420p10le", "bit depth"),
        ("yuv422p", ["yuv420p", "yuv444p"], "yuv444p", ""),
        ("yuv444p", ["yuv420p"], "yuv420p", "chroma resolution"),
        ("rgb24", ["gbrp"], "gbrp", ""),
        ("gray", ["yuv420p"], "yuv420p", ""),
        ("yuv420p", ["gray"], "gray", "colour"),
        ("yuva420p", ["yuv420p"], "yuv420p", "transparency"),
    ],
)
def test_the_nearest_format_loses_least(source: str, offered: list[str], best: str, loss: str) -> None:
    chosen, lost = choose_pix_fmt(source, offered)
    assert chosen == best
    assert loss in lost if loss else not lost


def test_a_loss_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = clip(tmp_path / "in.mkv", codec="ffv1", pix_fmt="yuv420p12le", frames=2)
    run(source, tmp_path / "out.mkv", video_codec="libx264")
    assert "libx264 takes no yuv420p12le; it gets yuv420p10le, at a loss of bit depth" in caplog.text
    with av.open(str(tmp_path / "out.mkv")) as out:
        assert out.streams.video[0].pix_fmt == "yuv420p10le"


def test_a_pix_fmt_that_is_wrong_lists_what_there_is(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=2)
    with pytest.raises(UsageError, match=r"libx264 takes no -pix_fmt rgb24; it takes: yuv420p, "):
        run(source, tmp_path / "out.mkv", pix_fmt="rgb24")
    with pytest.raises(UsageError, match="no -pix_fmt 'nonesuch'"):
        run(source, tmp_path / "out.yuv", pix_fmt="nonesuch", format="rawvideo")


def _matrix_rgb(y: int, u: int, v: int, kr: float, kb: float, full: bool) -> np.ndarray[Any, Any]:
    luma = y / 255 if full else (y - 16) / 219
    pb, pr = ((c - 128) / (255 if full else 224) for c in (u, v))
    r, b = luma + 2 * (1 - kr) * pr, luma + 2 * (1 - kb) * pb
    g = (luma - kr * r - kb * b) / (1 - kr - kb)
    rgb: np.ndarray[Any, Any] = np.clip(np.array([r, g, b]) * 255, 0, 255)
    return rgb


@pytest.mark.parametrize("height", [64, 720])
@pytest.mark.parametrize(
    ("matrix", "kr", "kb"), [(1, 0.2126, 0.0722), (6, 0.299, 0.114), (9, 0.2627, 0.0593), (2, None, None)]
)
@pytest.mark.parametrize("full", [False, True])
def test_conversion_to_rgb_uses_the_frames_matrix_and_range(
    matrix: int, kr: float | None, kb: float | None, full: bool, height: int
) -> None:
    if kr is None or kb is None:
        kr, kb = (0.2126, 0.0722) if height >= 720 else (0.299, 0.114)
    color = Color(matrix=matrix, full_range=full)
    y, u, v = 120, 100, 150
    frame = av.VideoFrame(16, height, "yuv444p")
    for plane, value in zip(frame.planes, (y, u, v), strict=True):
        np.frombuffer(memoryview(plane), np.uint8)[:] = value
    set_color(frame, color)
    rgb = reformat(frame, "rgb24", color=color)
    assert np.abs(rgb.to_ndarray()[0, 0] - _matrix_rgb(y, u, v, kr, kb, full)).max() <= 1
    assert (int(frame.colorspace), int(frame.color_range)) == (matrix, 2 if full else 1)  # left as it was
    back = reformat(rgb, "yuv444p", color=Color(matrix=matrix, full_range=True), full_range=full)
    assert np.abs(back.to_ndarray()[:, 0, 0].astype(int) - (y, u, v)).max() <= 1


def test_limited_video_becomes_full_range_for_jpeg_and_back(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", frames=1, codec="ffv1", size=(64, 64))
    run(source, tmp_path / "out%d.jpg", video_options={"q": "1"})
    with av.open(str(source)) as a, av.open(str(tmp_path / "out1.jpg")) as b:
        was, now = next(a.decode(video=0)), next(b.decode(video=0))
    assert color_of(now).full_range is True
    before = was.to_ndarray(format="rgb24").astype(int)
    after = reformat(now, "rgb24", color=color_of(now)).to_ndarray().astype(int)
    assert np.abs(before - after).mean() < 4


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (9, 16, 9, 1), (6, 6, 6, 2), (2, 2, 2, 0), (9, 18, 9, 1)])
@pytest.mark.parametrize("ending", ["mkv", "mp4", "ts"])
def test_colour_tags_are_kept(tmp_path: Path, ending: str, tags: tuple[int, int, int, int]) -> None:
    names = ("color_primaries", "color_trc", "colorspace", "color_range")
    source = clip(tmp_path / "in.mkv", frames=10, context=dict(zip(names, tags, strict=True)))
    out = tmp_path / f"out.{ending}"
    run(source, out)
    with streamfix.open(out) as video:
        found = next(iter(video)).color
    assert (found.primaries, found.transfer, found.matrix) == tags[:3]
    assert found.is_full() == (tags[3] == 2)


MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"


@pytest.mark.parametrize("codec", ["libx265", "libx264", "libsvtav1"])
def test_hdr10_is_carried(tmp_path: Path, codec: str) -> None:
    params = {"x265-params": f"log-level=none:master-display={MASTERING}:max-cll=1000,400", "preset": "ultrafast"}
    colors = {"color_primaries": 9, "color_trc": 16, "colorspace": 9, "color_range": 1}
    source = clip(
        tmp_path / "in.mkv",
        frames=3,
        codec="libx265",
        pix_fmt="yuv420p10le",
        options=params,
        size=(64, 64),
        context=colors,
    )
    out = tmp_path / "out.mkv"
    run(source, out, video_codec=codec, pix_fmt="yuv420p10le")
    found = []
    for path in (source, out):
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            side: Any = frame.side_data
            found.append({d.type.name: bytes(d) for d in side})
    assert found[0]["CONTENT_LIGHT_LEVEL"] == found[1]["CONTENT_LIGHT_LEVEL"]
    old, new = (np.frombuffer(f["MASTERING_DISPLAY_METADATA"][:80], "<i4").reshape(10, 2) for f in found)
    assert np.allclose(old[:, 0] / old[:, 1], new[:, 0] / new[:, 1], rtol=1e-3, atol=1e-4)


def test_hdr10_that_is_not_carried_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    params = {"x265-params": f"log-level=none:master-display={MASTERING}:max-cll=1000,400", "preset": "ultrafast"}
    source = clip(tmp_path / "in.mkv", frames=2, codec="libx265", pix_fmt="yuv420p10le", options=params)
    with caplog.at_level(logging.WARNING):
        run(source, tmp_path / "out.mkv", video_codec="ffv1")
    assert "HDR10 metadata is not carried by ffv1; -c:v libx265 carries it" in caplog.text


@pytest.mark.parametrize("ending", ["mkv", "mp4", "mov", "ts"])
@pytest.mark.parametrize("made_new", [False, True])
def test_interlaced_frames_stay_interlaced(tmp_path: Path, ending: str, made_new: bool) -> None:
    """Without a word from the user, and also where a filter has made the pictures."""
    source = clip(tmp_path / "in.mkv", frames=6, options={"flags": "+ildct+ilme", "x264-params": "tff=1"})
    out = tmp_path / f"out.{ending}"
    filtered(source, out) if made_new else run(source, out)
    with av.open(str(source)) as a, av.open(str(out)) as b:
        assert all(f.interlaced_frame for f in a.decode(video=0))
        assert all(f.interlaced_frame for f in b.decode(video=0))
        if ending == "mkv" and hasattr(a.streams.video[0].codec_context, "field_order"):  # PyAV 18.1
            assert a.streams.video[0].codec_context.field_order == b.streams.video[0].codec_context.field_order


@needs_ffmpeg
@pytest.mark.parametrize("first", ["tff", "bff"])
@pytest.mark.parametrize("made_new", [False, True])
def test_the_field_that_comes_first_stays_first(tmp_path: Path, first: str, made_new: bool) -> None:
    source, out = tmp_path / "in.mkv", tmp_path / "out.mp4"
    ffmpeg(
        *("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=50:duration=0.4", "-vf", f"interlace=scan={first}"),
        *("-c:v", "mpeg2video", "-flags", "+ildct+ilme", source),
    )
    filtered(source, out) if made_new else run(source, out)
    said = ffprobe("-show_entries", "frame=interlaced_frame,top_field_first", "-of", "csv=p=0:nk=1", str(out))
    assert {line[:3] for line in said.split()} == {"1,1" if first == "tff" else "1,0"}


@pytest.mark.parametrize(
    ("codec", "options", "said"),
    [
        ("libx265", {"preset": "ultrafast"}, "or take -c:v libx264"),
        ("libx264", {"profile": "baseline"}, "without -profile baseline"),
    ],
)
def test_interlaced_frames_that_become_progressive_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, codec: str, options: dict[str, str], said: str
) -> None:
    source = clip(tmp_path / "in.mkv", frames=3, options={"flags": "+ildct+ilme", "x264-params": "tff=1"})
    run(source, tmp_path / "out.mp4", video_codec=codec, video_options=options)
    assert f"{codec} encodes the interlaced video as progressive" in caplog.text
    assert said in caplog.text


def test_frame_from_av_needs_a_time() -> None:
    frame = picture(0, 16, 16)
    with pytest.raises(ValueError, match="needs a pts"):
        frame_from_av(frame, Fraction(1, 25))


def filtered(source: Path, out: Path, **options: Any) -> None:
    """The source through a filter that turns brightness round."""
    reader = Reader([InputSpec(str(source))])
    writer = Writer(OutputSpec(str(out), **options), reader)
    for frame in reader:
        assert isinstance(frame, Frame)
        writer.push(layout.from_tensor(frame, 1 - frame.tensor("luma"), "luma", 1))
    writer.flush()
    writer.close()
    reader.close()


def test_transparency_that_filters_lose_is_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = clip(tmp_path / "in.mkv", frames=3, codec="ffv1", pix_fmt="yuva420p")
    run(source, tmp_path / "passed.mkv", video_codec="ffv1")
    assert caplog.text == ""
    assert hashes(tmp_path / "passed.mkv") == hashes(source)
    filtered(source, tmp_path / "out.mkv", video_codec="ffv1")
    assert caplog.text.count("transparency is lost in the filters") == 1
    with av.open(str(tmp_path / "out.mkv")) as out:
        assert out.streams.video[0].pix_fmt == "yuv420p"
        assert "ALPHA_MODE" not in out.streams.video[0].metadata


@pytest.mark.skipif("libvpx-vp9" not in av.codecs_available, reason="needs libvpx")
def test_transparency_that_is_not_decoded_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = clip(tmp_path / "in.webm", frames=3, codec="libvpx-vp9", pix_fmt="yuva420p")
    run(source, tmp_path / "out.webm")
    assert "-c:v libvpx-vp9 before -i reads it" in caplog.text
    with av.open(str(tmp_path / "out.webm")) as out:
        assert "ALPHA_MODE" not in {k.upper() for k in out.streams.video[0].metadata}
    caplog.clear()
    run(InputSpec(str(source), video_codec="libvpx-vp9"), tmp_path / "kept.webm", video_codec="libvpx-vp9")
    assert caplog.text == ""
    with av.open(str(tmp_path / "kept.webm")) as out:
        assert {k.upper(): v for k, v in out.streams.video[0].metadata.items()}["ALPHA_MODE"] == "1"


def test_filters_on_interlaced_frames_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = clip(tmp_path / "in.mkv", frames=3, options={"flags": "+ildct+ilme", "x264-params": "tff=1"})
    run(source, tmp_path / "passed.mkv")
    assert caplog.text == ""
    filtered(source, tmp_path / "out.mkv")
    assert "begin -vf with bwdif" in caplog.text


def test_threads_that_convert_one_frame_leave_its_tags_as_they_were() -> None:
    """(The live path's threads share a camera's NV12 or YUYV frames, and PyAV changes tags while it converts.)"""
    formats = ("yuv420p", "rgb24", "yuv444p", "yuv422p")
    for i in range(40):
        frame = av.VideoFrame.from_ndarray(np.full((360, 320), i, np.uint8), format="nv12")
        tags = frame.colorspace, frame.color_range
        with ThreadPoolExecutor(len(formats)) as threads:
            made = list(threads.map(lambda name, f=frame: reformat(f, name, color=Color()), formats))
        assert [m.format.name for m in made] == list(formats)
        assert (frame.colorspace, frame.color_range) == tags
