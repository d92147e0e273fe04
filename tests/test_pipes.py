"""The pipes of the documentation, with the real ffmpeg on both sides: what they keep, and what they do not."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import streamfix
from tests.apps.material import environment
from tests.media.make import needs_ffmpeg

PAGE = Path(streamfix.__file__).parent / "docs" / "hosts.md"
LINES = re.findall(r"^ffmpeg .*\| streamfix .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
TIMES_MS = (0, 40, 87, 120, 160, 207, 300, 340)

pytestmark = [pytest.mark.slow, needs_ffmpeg]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """10 bits, full range, BT.709, a variable rate, and sound."""
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p10le"
        video.codec_context.color_range, video.codec_context.colorspace = 2, 1
        video.codec_context.time_base = Fraction(1, 1000)
        tone = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        random = np.random.default_rng(0)
        for time in TIMES_MS:
            frame = av.VideoFrame(64, 48, "yuv420p10le")
            for plane in frame.planes:
                values = random.integers(400, 600, plane.buffer_size // 2, np.uint16)
                plane.update(values.tobytes())
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(np.arange(2720, dtype=np.int16)[None], format="s16", layout="mono")
        sound.sample_rate, sound.pts = 8000, 0
        container.mux(tone.encode(sound))
        container.mux(tone.encode(None))
    return path


def run(line: str, folder: Path) -> Path:
    """Run a line of the page in that folder; in.mkv is there, out.mkv is made."""
    own = f"{shlex.quote(sys.executable)} -m streamfix"
    line = re.sub(r"\bstreamfix\b", own, line, count=1)
    line = re.sub(r"\bffmpeg\b", "ffmpeg -v error -nostdin -y", line).replace("-nostdin -y -i -", "-y -i -")
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / "out.mkv"


def about(path: Path) -> tuple[list[int], str, int, int, list[str]]:
    """Times in ms, pixel format, range, matrix, and the kinds of streams."""
    with av.open(str(path)) as container:
        kinds = [str(stream.type) for stream in container.streams]
        frames = list(container.decode(video=0))
    times = [round(frame.time * 1000) for frame in frames]
    first = frames[0]
    return times, first.format.name, int(first.color_range), int(first.colorspace), kinds


def line_with(word: str) -> str:
    (found,) = [line for line in LINES if word in line]
    return str(found)


def test_matroska_keeps_everything(clip: Path) -> None:
    out = run(line_with("matroska"), clip.parent)
    assert about(out) == about(clip) == (list(TIMES_MS), "yuv420p10le", 2, 1, ["video", "audio"])
    with streamfix.open(clip) as video, av.open(str(out)) as made:
        for frame, found in zip(video.filter("smooth"), made.decode(video=0), strict=True):
            wanted = frame.picture.planes(frame.color).data[0]
            assert np.array_equal(found.to_ndarray()[:48], wanted)


def test_y4m_keeps_ten_bits_and_range_at_a_constant_rate(clip: Path) -> None:
    times, pix_fmt, full, _, kinds = about(run(line_with("yuv4mpegpipe"), clip.parent))
    assert (pix_fmt, full, kinds) == ("yuv420p10le", 2, ["video"])
    assert times == [40 * number for number in range(len(times))]


def test_the_lines_are_found() -> None:
    assert len(LINES) == 2
