"""Side data of frames: an encoder keeps it, or it is named once."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from av.video.codeccontext import VideoCodecContext

from streamfix.media.picture.side_data import side_data
from tests.media.make import picture, run

CAPTIONS = b"\xb5\x00\x31GA94\x03" + bytes([0xC2, 0xFF, 0xFC, 0x94, 0x2C, 0xFC, 0x94, 0x20, 0xFF])
TELEMETRY = bytes(range(16)) + b"lat=48.1 lon=11.1"


def with_sei(path: Path, kind: int, payload: bytes, since: int = 0) -> Path:
    """H.264 of ten pictures, from `since` on each with an SEI message of a kind (ITU-T H.264, annex D)."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 48, "yuv420p", Fraction(1, 25)
    encoder.options = {"tune": "zerolatency"}
    data = b""
    for n in range(10):
        frame = picture(n, 64, 48)
        frame.pts, frame.time_base = n, Fraction(1, 25)
        for packet in encoder.encode(frame):
            whole = bytes(packet)
            at = max(whole.find(b"\0\0\1" + bytes([nal])) for nal in (0x65, 0x41, 0x61, 0x01))
            body = payload.replace(b"\0\0\1", b"\0\0\3\1").replace(b"\0\0\0", b"\0\0\3\0")
            sei = b"\0\0\1\x06" + bytes([kind, len(payload)]) + body + b"\x80"
            data += b"\0\0\1\x09\xf0" + whole[:at] + (sei if n >= since else b"") + whole[at:]
    path.write_bytes(data)
    return path


def kinds(path: Path) -> list[set[str]]:
    """The types of side data of each frame."""
    with av.open(str(path)) as container:
        return [{data.type.name for data in side_data(frame)} for frame in container.decode(container.streams.video[0])]


@pytest.mark.parametrize(
    ("kind", "payload", "name", "said"),
    [
        (4, CAPTIONS, "A53_CC", "closed captions (CEA-608/708)"),
        (5, TELEMETRY, "SEI_UNREGISTERED", "data of the camera in the video"),
    ],
)
def test_what_the_encoder_takes_is_kept_and_else_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: int, payload: bytes, name: str, said: str
) -> None:
    source = with_sei(tmp_path / "in.h264", kind, payload)
    assert all(name in found for found in kinds(source))
    run(source, tmp_path / "kept.mp4")
    assert all(name in found for found in kinds(tmp_path / "kept.mp4"))
    assert caplog.text == ""
    run(source, tmp_path / "lost.mkv", video_codec="ffv1")
    assert caplog.text.count(said) == 1
    assert "lost.mkv: ffv1 does not carry" in caplog.text
    assert "; -c:v libx264 " in caplog.text


def test_captions_that_begin_later_are_kept_or_named_then(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = with_sei(tmp_path / "in.h264", 4, CAPTIONS, since=5)
    run(source, tmp_path / "kept.mp4", video_codec="libx265", video_options={"preset": "ultrafast"})
    assert ["A53_CC" in found for found in kinds(tmp_path / "kept.mp4")] == [False] * 5 + [True] * 5
    assert caplog.text == ""
    run(source, tmp_path / "lost.mkv", video_codec="ffv1")
    assert "ffv1 does not carry closed captions (CEA-608/708) (from 0.200 s on)" in caplog.text


def test_what_an_encoder_says_of_itself_is_not_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = with_sei(tmp_path / "in.h264", 4, CAPTIONS)
    assert "SEI_UNREGISTERED" in kinds(source)[0], "x264 says who it is"
    run(source, tmp_path / "out.mkv", video_codec="mpeg2video")
    assert caplog.text == ""


def photo(path: Path, orientation: int) -> Path:
    """A JPEG with Exif: a camera's name and which way up it is."""
    encoder: Any = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 48, "yuvj420p", Fraction(1, 25)
    frame = picture(0, 64, 48, "yuvj420p")
    frame.pts = 0
    data = b"".join(bytes(p) for p in [*encoder.encode(frame), *encoder.encode(None)])
    tags = struct.pack("<HHI4s", 0x10F, 2, 4, b"Cam\0") + struct.pack("<HHI2H", 0x112, 3, 1, orientation, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + tags + bytes(4)
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    return path


def test_a_photo_with_exif_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Side data of a type that PyAV does not know ended the job with ValueError."""
    source = photo(tmp_path / "in.jpg", 6)
    run(source, tmp_path / "out.png")
    with av.open(str(tmp_path / "out.png")) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == (48, 64)
        assert getattr(frame, "metadata", {"Make": "Cam"})["Make"] == "Cam"  # PyAV 18.1 shows it
    assert caplog.text == ""
    run(source, tmp_path / "out.mp4")
    assert "the photo's Exif data" in caplog.text


def test_hdr10_plus_is_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """SMPTE ST 2094-40, one window and nothing optional, in an SEI message before each picture of HEVC."""
    numbers = [(0xB5, 8), (0x3C, 16), (1, 16), (4, 8), (1, 8), (1, 2), (400, 27), (0, 1)]
    numbers += [(1000, 17)] * 3 + [(200, 17), (0, 4), (0, 10), (0, 1), (0, 1), (0, 1)]
    bits = "".join(f"{value:0{width}b}" for value, width in numbers)
    payload = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    escaped = payload.replace(b"\0\0\0", b"\0\0\3\0").replace(b"\0\0\1", b"\0\0\3\1")
    sei = b"\0\0\1\x4e\x01\x04" + bytes([len(payload)]) + escaped + b"\x80"
    encoder: Any = av.CodecContext.create("libx265", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 48, "yuv420p10le", Fraction(1, 25)
    encoder.options = {"preset": "ultrafast", "x265-params": "log-level=none:bframes=0:info=0"}
    data = b""
    for n in range(6):
        frame = picture(n, 64, 48, "yuv420p10le") if n < 5 else None
        if frame is not None:
            frame.pts, frame.time_base = n, Fraction(1, 25)
        for packet in encoder.encode(frame):
            whole = bytes(packet)
            starts = (i for i in range(len(whole)) if whole[i : i + 3] == b"\0\0\1" and (whole[i + 3] >> 1) < 32)
            at = next(starts)
            data += b"\0\0\1\x46\x01\x50" + whole[:at] + sei + whole[at:]
    source = tmp_path / "in.hevc"
    source.write_bytes(data)
    assert all("DYNAMIC_HDR_PLUS" in found for found in kinds(source))
    run(source, tmp_path / "out.mp4", video_codec="libx265", video_options={"preset": "ultrafast"})
    assert caplog.text.count("out.mp4: libx265 does not carry HDR10+ metadata") == 1
