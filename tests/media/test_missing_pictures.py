"""Pictures that do not come out of the decoder are counted and told; a stream that changes its codec goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from streamfix.errors import DecodeError
from streamfix.frame import Frame
from streamfix.media.input.codec_change import becomes, tail_of
from streamfix.media.input.missing import MissingPictures
from streamfix.media.input.order import Order
from streamfix.media.input.reader import InputSpec, Reader
from tests.media.make import clip, needs_ffmpeg, run, times

MS = Fraction(1, 1000)


def remuxed(source: Path, target: Path, change: Callable[[int, av.Packet[Any]], bytes | None]) -> Path:
    """The video of a file with each packet's data replaced. change: of its number and itself; None leaves it out."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        video = old.streams.video[0]
        out = new.add_stream_from_template(video)
        packets = [p for p in old.demux(video) if p.size]
        for i, packet in enumerate(packets):
            data = change(i, packet)
            if data is None:
                continue
            other: av.Packet[Any] = av.Packet(data)
            other.pts, other.dts, other.time_base = packet.pts, packet.dts, packet.time_base
            other.duration, other.is_keyframe, other.stream = packet.duration, packet.is_keyframe, out
            new.mux(other)
    return target


def read(path: Path) -> tuple[Reader, list[Frame]]:
    reader = Reader([InputSpec(str(path))])
    frames = [item for item in reader if isinstance(item, Frame)]
    return reader, frames


def test_packets_before_the_first_keyframe_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    plain = clip(tmp_path / "plain.ts", frames=30, options={"g": "10", "bf": "0"})
    source = remuxed(plain, tmp_path / "in.ts", lambda i, p: None if i < 3 else bytes(p))
    reader, frames = read(source)
    reader.close()
    count = 27 - len(frames)
    assert count == reader.missing > 0
    assert f"begins between two keyframes; its first {count} packets give no picture and are left out" in caplog.text


@pytest.mark.parametrize(
    ("lost", "missing"), [((), 0), ((5,), 1), ((5, 6, 7), 3), ((5, 20), 2)], ids=["none", "one", "three", "apart"]
)
def test_pictures_of_hevc_without_their_references(
    tmp_path: Path, lost: tuple[int, ...], missing: int, caplog: pytest.LogCaptureFixture
) -> None:
    """libavcodec leaves them out without a word unless it is told not to; those that are lost leave a gap."""
    options = {"x265-params": "log-level=none:bframes=0:keyint=15:min-keyint=15", "preset": "ultrafast"}
    plain = clip(tmp_path / "plain.mkv", frames=30, codec="libx265", options=options)
    source = remuxed(plain, tmp_path / "in.mkv", lambda i, p: None if i in lost else bytes(p))
    reader, frames = read(source)
    reader.close()
    assert len(frames) == 30 - len(lost)
    assert all(a.pts < b.pts for a, b in pairwise(frames))
    assert [f.damaged for f in frames].count(True) > 0 or not lost
    assert reader.missing == missing
    assert (f"{missing} pictures are missing" in caplog.text) == (missing > 0)


def test_uneven_times_are_no_missing_pictures(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = clip(tmp_path / "in.mkv", pts=[0, 1, 2, 10, 11, 30, 31, 32], options={"bf": "2"})
    reader, frames = read(source)
    reader.close()
    assert (len(frames), reader.missing) == (8, 0)
    assert "missing" not in caplog.text


@pytest.mark.parametrize("codecs", [("libx264", "libx265"), ("libx265", "libx264"), ("mpeg2video", "libx264")])
def test_a_stream_that_becomes_one_of_another_codec(
    tmp_path: Path, codecs: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    parts = []
    for i, codec in enumerate(codecs):
        options = {"x265-params": "log-level=none:keyint=10"} if codec == "libx265" else {"g": "10"}
        pts = range(30 * i, 30 * i + 30)
        parts.append(clip(tmp_path / f"{i}.ts", pts=pts, codec=codec, options=options, size=(320, 192)))
    source = tmp_path / "in.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    run(source, tmp_path / "out.mkv")
    found = times(tmp_path / "out.mkv")
    assert len(found) >= 58, "libav takes the last picture of one codec and the first of the other for one"
    assert found[-1] > Fraction(59, 25) - Fraction(1, 10)
    assert "it is decoded as that from there on" in caplog.text


def test_an_end_without_pictures_is_an_error(tmp_path: Path) -> None:
    plain = clip(tmp_path / "plain.mkv", frames=150, options={"g": "300", "bf": "0"})
    source = remuxed(plain, tmp_path / "in.mkv", lambda i, p: b"\xff" * 50 if i >= 90 else bytes(p))
    reader, frames = read(source)
    assert 85 <= len(frames) <= 90
    with pytest.raises(DecodeError, match=r"gave a picture|are damaged"):
        reader.close()


def test_what_lies_in_a_gap_is_counted() -> None:
    missing = MissingPictures(MS, Fraction(25))
    for at in range(0, 400, 40):
        missing.packet(at)
    assert missing.picture(80, damaged=False) == 2
    assert missing.picture(120, damaged=False) == 0
    assert missing.picture(240, damaged=False) == 2
    assert (missing.at_start, missing.missing, missing.at_end) == (2, 2, 3)
    missing.packet(1000)
    assert missing.picture(1000, damaged=False) == 3
    missing.damage()
    assert missing.picture(1200, damaged=False) == 4, "packets may be lost as well"
    assert missing.picture(60_000, damaged=True) == 0, "a pause is no loss"


def test_the_second_field_of_a_picture_is_none_of_its_own() -> None:
    missing = MissingPictures(MS, Fraction(25))
    for at in range(0, 400, 20):
        missing.packet(at)
    assert [missing.picture(at, damaged=False) for at in range(0, 400, 40)] == [0] * 10


def test_pictures_that_come_too_early_wait() -> None:
    order = Order(60, active=True)
    out = []
    for pts in ([0], [40], [400], [160], [360], [440], [480], [900]):
        out += [[f.pts for f in order.push([_picture(at) for at in pts])]]
    assert out == [[0], [40], [], [160], [360], [400, 440], [480], []]
    assert [f.pts for f in order.flush([])] == [900]


def _picture(pts: int) -> av.VideoFrame:
    frame = av.VideoFrame(16, 16, "gray")
    frame.pts = pts
    return frame


def test_codecs_are_told_apart() -> None:
    h264, hevc, mpeg2 = b"\0\0\0\1\x09\xf0\0\0\1", b"\0\0\0\1\x46\x01\x50\0\0", b"\0\0\1\xb3\x14\0\xf0\x13"
    for codec, own in (("h264", h264), ("hevc", hevc), ("mpeg2video", mpeg2)):
        assert becomes(codec, own) is None
        assert becomes("mjpeg", own) is None
    assert becomes("h264", hevc) == "hevc"
    assert becomes("hevc", h264) == "h264"
    assert becomes("mpeg2video", h264) == "h264"
    assert becomes("h264", mpeg2) == "mpeg2video"
    assert tail_of("hevc", h264 + hevc) == hevc[1:]
    assert tail_of("hevc", h264) == b""


@pytest.mark.ffmpeg
@needs_ffmpeg
def test_what_an_edit_list_leaves_out_is_not_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that was cut between keyframes without being encoded anew: its first pictures are there to be decoded."""
    plain = clip(tmp_path / "plain.mp4", frames=30, options={"g": "30", "bf": "0", "sc_threshold": "0"})
    cut = tmp_path / "cut.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-ss", "0.6", "-i", plain, "-c", "copy", cut], check=True)
    reader, frames = read(cut)
    reader.close()
    with av.open(str(cut)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert 0 < sum(packet.is_discard for packet in packets) == len(packets) - len(frames)
    assert reader.missing == 0
    assert "missing" not in caplog.text
