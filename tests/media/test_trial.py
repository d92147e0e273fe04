"""An output is tried in memory: what can be written passes, what cannot is refused as the writer refuses it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streamfix.errors import OutputError, StreamfixError
from streamfix.frame import VideoInfo
from streamfix.media.output.made_up import MadeUpSource, blank_frame
from streamfix.media.output.muxer import guess_format
from streamfix.media.output.trial import check_files, check_place, try_output
from streamfix.media.output.writer import Writer
from streamfix.media.specs import OutputSpec
from tests.apps.daemon.engine import INFO

# Of every container that streams are usually written to, and every encoder of a machine without a GPU.
FINE = (
    OutputSpec("a.mp4"),
    OutputSpec("a.mov", format_options={"movflags": "+faststart"}),
    OutputSpec("a.mkv", audio_codec="aac"),
    OutputSpec("a.ts"),
    OutputSpec("a.flv"),
    OutputSpec("a.avi"),
    OutputSpec("a.webm", video_codec="libvpx", audio_codec="libopus"),
    OutputSpec("a.mjpeg"),
    OutputSpec("a.y4m"),
    OutputSpec("a.mkv", video_codec="ffv1"),
    OutputSpec("a.mkv", video_codec="mpeg4", video_options={"b": "2M"}),
    OutputSpec("a.mp4", video_options={"preset": "ultrafast", "crf": "23", "x264-params": "keyint=50"}),
    OutputSpec("%04d.png", format="image2"),
    OutputSpec("a_%03d.mp4", format="segment", format_options={"segment_time": "60"}),
    OutputSpec("a_%Y.mkv", format="segment", format_options={"segment_time": "60", "strftime": "1"}),
    OutputSpec("a.m3u8", format="hls", format_options={"hls_time": "4", "hls_segment_type": "fmp4"}),
    OutputSpec("a.mpd", format="dash"),
    OutputSpec("a", format="null"),
)
SERVERS = (
    OutputSpec("rtsp://127.0.0.1:1/x", format="rtsp", audio_codec="aac", format_options={"rtsp_transport": "tcp"}),
    OutputSpec("rtmp://127.0.0.1:1/live/key"),
    OutputSpec("udp://127.0.0.1:1", format_options={"pkt_size": "1316"}),
    OutputSpec("rtp://127.0.0.1:1"),
    OutputSpec("srt://127.0.0.1:1", format_options={"latency": "200000", "muxrate": "5M"}),
    OutputSpec("tcp://127.0.0.1:1", format="mpegts"),
    OutputSpec("http://127.0.0.1:1/x", format="mpegts"),
)
WRONG = (
    OutputSpec("a.mp4", video_options={"profile": "hihg"}),
    OutputSpec("a.mp4", video_codec="mpeg4", video_options={"qmin": "99"}),
    OutputSpec("a.mp4", video_codec="nosuch"),
    OutputSpec("a.webm", video_codec="libx264"),
    OutputSpec("a.mp4", video_codec="libvpx"),
    OutputSpec("a.flv", video_codec="ffv1"),
    OutputSpec("a.mp4", format_options={"nosuch": "1"}),
    OutputSpec("a.mp4", format_options={"movflags": "faststrt"}),
    OutputSpec("a.wav"),
)


def named(spec: OutputSpec) -> str:
    options = "".join(f",{k}={v}" for k, v in {**spec.video_options, **spec.format_options}.items())
    return f"{spec.url}{',' + spec.video_codec if spec.video_codec else ''}{options}".replace("/", "-")


@pytest.mark.parametrize("spec", FINE + SERVERS, ids=named)
def test_what_can_be_written_passes_and_leaves_nothing(
    spec: OutputSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    try_output(spec, sound=True)
    try_output(spec, sound=True, info=INFO)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("spec", FINE, ids=named)
def test_what_passes_is_opened_by_the_writer(spec: OutputSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trial would be worthless if it let through what then fails, and worse if it refused what would not."""
    monkeypatch.chdir(tmp_path)
    writer = Writer(spec, MadeUpSource(INFO), live=True)
    writer.push(blank_frame(INFO))
    writer.flush()
    writer.close()


@pytest.mark.parametrize("spec", WRONG, ids=named)
def test_what_is_refused_is_refused_by_the_writer(
    spec: OutputSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StreamfixError):
        try_output(spec, sound=False)

    def write() -> None:
        writer = Writer(spec, MadeUpSource(INFO), live=True)
        try:
            writer.push(blank_frame(INFO))
            writer.flush()
        finally:
            writer.close()

    with pytest.raises(StreamfixError):
        write()


def test_an_encoder_of_few_sizes_is_tried_with_each_usual_one() -> None:
    dv = OutputSpec("a.dv", video_codec="dvvideo")
    try_output(dv, sound=False)
    with pytest.raises(StreamfixError, match="dvvideo does not open for 320x180"):
        try_output(dv, sound=False, info=VideoInfo(320, 180, "yuv420p", INFO.time_base, INFO.rate))


def test_places(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, format, says in (
        ("nowhere/a.mkv", "matroska", "there is no such folder; make the folder"),
        ("nowhere/%Y/%m/a_%H.mkv", "segment", "nowhere: there is no such folder"),
        ("file/a.mkv", "matroska", "it is a file"),
        (".", "matroska", "it is a folder; name a file in it"),
    ):
        with pytest.raises(OutputError, match=says):
            check_place(str(tmp_path / name), format)
    for name, format in (
        ("a.mkv", "matroska"),
        ("%Y/%m/a_%H.mkv", "segment"),
        ("a%03d.png", "image2"),
        ("x/y", "null"),
    ):
        check_place(str(tmp_path / name), format)
    check_place("rtsp://nowhere/x", "rtsp")
    with pytest.raises(OutputError, match=r"hls_key_info_file=.*: there is no such file; check the name"):
        check_files({"hls_key_info_file": str(tmp_path / "key")})
    with pytest.raises(OutputError, match="there is no such folder"):
        check_files({"segment_list": str(tmp_path / "nowhere" / "list.csv")})
    check_files({"hls_segment_filename": "beside%d.ts", "segment_list": str(tmp_path / "list.csv")})


def test_a_folder_that_is_closed_to_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the kernel's answer is made up here."""
    monkeypatch.setattr(os, "access", lambda path, mode, **_: path != str(tmp_path))
    with pytest.raises(OutputError, match="this user may not write there; change the folder's owner"):
        check_place(str(tmp_path / "a.mkv"), "matroska")


def test_the_tried_formats_are_those_of_the_writer() -> None:
    assert {guess_format(spec.url, spec.format) for spec in FINE} >= {"mp4", "matroska", "mpegts", "hls", "segment"}
