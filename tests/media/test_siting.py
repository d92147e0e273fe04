"""Where chroma lies and how wide pixels are: what came in goes out, in YUV4MPEG2 and in H.264."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import pytest

import streamfix
from streamfix.media.picture.siting import chroma_location
from tests.apps.material import environment, write_clip
from tests.media.make import needs_ffmpeg

pytestmark = needs_ffmpeg


def made(path: Path, location: str, *codec: str, aspect: str = "4/3", pix_fmt: str = "yuv420p") -> Path:
    source = ["-f", "lavfi", "-i", f"testsrc2=size=64x48:rate=25,setsar={aspect},format={pix_fmt}"]
    siting = ["-chroma_sample_location", location] if location else []
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, "-t", "0.2", *codec, *siting, str(path)], check=True)
    return path


def header(path: Path) -> list[str]:
    return path.read_bytes().partition(b"\n")[0].decode().split()


def probed(path: Path) -> tuple[str, str]:
    """Chroma location and pixel aspect by ffprobe."""
    entries = ["-show_entries", "stream=chroma_location,sample_aspect_ratio", "-of", "csv=p=0"]
    said = subprocess.run(["ffprobe", "-v", "error", *entries, str(path)], check=True, capture_output=True, text=True)
    aspect, location = said.stdout.strip().split(",")
    return location, aspect


@pytest.mark.parametrize(
    ("location", "word"), [("left", "C420mpeg2"), ("center", "C420jpeg"), ("topleft", "C420paldv"), ("", "C420jpeg")]
)
@pytest.mark.parametrize("chain", ["", "smooth", "hflip"])
def test_a_y4m_header_keeps_siting_and_aspect(tmp_path: Path, location: str, word: str, chain: str) -> None:
    source = made(tmp_path / "in.y4m", location)
    assert {word, "A4:3"} <= set(header(source))
    streamfix.restore(source, tmp_path / "out.y4m", chain)
    assert header(tmp_path / "out.y4m") == header(source)
    if not chain:
        assert (tmp_path / "out.y4m").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("location", ["left", "center", "topleft"])
@pytest.mark.parametrize("chain", ["", "smooth"])
def test_h264_keeps_siting(tmp_path: Path, location: str, chain: str) -> None:
    source = made(tmp_path / "in.y4m", location)
    streamfix.restore(source, tmp_path / "out.mp4", chain)
    assert probed(tmp_path / "out.mp4") == (location, "4:3")
    streamfix.restore(tmp_path / "out.mp4", tmp_path / "back.y4m", chain)
    assert header(tmp_path / "back.y4m") == header(source)


def test_what_the_user_says_stands(tmp_path: Path) -> None:
    source = made(tmp_path / "in.y4m", "left")
    streamfix.restore(source, tmp_path / "out.mp4", chroma_sample_location="center")
    assert probed(tmp_path / "out.mp4")[0] == "center"


def test_other_subsamplings_state_none(tmp_path: Path) -> None:
    source = made(tmp_path / "in.y4m", "", pix_fmt="yuv422p")
    streamfix.restore(source, tmp_path / "out.y4m")
    assert header(tmp_path / "out.y4m") == header(source)


def test_an_aspect_of_many_digits_and_an_unknown_one(tmp_path: Path) -> None:
    source = made(tmp_path / "in.y4m", "left", aspect="64/45")
    streamfix.restore(source, tmp_path / "out.y4m")
    assert "A64:45" in header(tmp_path / "out.y4m")
    streamfix.restore(write_clip(tmp_path / "unknown.mkv", 3), tmp_path / "unknown.y4m")
    assert "A0:0" in header(tmp_path / "unknown.y4m")


def test_a_pipe_gets_the_header_too(tmp_path: Path) -> None:
    source = made(tmp_path / "in.y4m", "left")
    odd = tmp_path / "a:7"  # not file descriptor 7
    streamfix.restore(source, odd, format="yuv4mpegpipe")
    assert header(odd) == header(source)
    command = [sys.executable, "-m", "streamfix", "-v", "error", "-i", str(source), "-f", "yuv4mpegpipe", "-"]
    piped = subprocess.run(command, env=environment(), check=True, capture_output=True, timeout=120)
    assert piped.stdout == source.read_bytes()


def test_a_frame_tells_where_its_chroma_is(tmp_path: Path) -> None:
    for location in ("left", "center", ""):
        with av.open(str(made(tmp_path / "in.y4m", location))) as container:
            frame = next(container.decode(video=0))
        assert chroma_location(frame) == (location or "center")
    frame = av.VideoFrame(64, 48, "yuv420p")
    frame.pts, frame.time_base = 0, Fraction(1, 25)
    assert chroma_location(frame) is None
