"""What cannot be resumed is refused before anything is made."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from streamfix.chainspec import parse_chain
from streamfix.errors import UsageError
from streamfix.jobs import JobSpec, Resume, build_job
from streamfix.live.policy import LivePolicy
from streamfix.media.specs import InputSpec, OutputSpec
from tests.jobs.segments.material import cut_clip


@pytest.mark.parametrize(
    ("inputs", "outputs", "more", "says"),
    [
        ({"url": "-"}, {}, {}, "stdin cannot be read again; copy it into a file first"),
        ({"url": "http://127.0.0.1/a.mp4"}, {}, {}, "it is no file"),
        ({"url": "FIFO"}, {}, {}, "a device or pipe cannot be read again"),
        ({"url": "picture%03d.png"}, {}, {}, "a row of pictures has no index"),
        ({"loops": 1}, {}, {}, "-stream_loop 1: a file that is played several times cannot be cut"),
        (
            {},
            {"url": "-", "format": "matroska"},
            {},
            "what went into a pipe, device or server is gone; write to a file",
        ),
        ({}, {"url": "udp://127.0.0.1:9", "format": "mpegts"}, {}, "write to a file"),
        ({}, {"url": "OUT/o%d.mp4", "format": "segment"}, {}, "segment writes many files; write one"),
        ({}, {"url": "OUT/o.m3u8"}, {}, "hls writes many files"),
        ({}, {"url": "OUT/o.y4m"}, {}, "yuv4mpegpipe numbers pictures and has no times"),
        ({}, {"rate": Fraction(10)}, {}, "-r 10: pictures that repeat or go depend on all before"),
        (
            {},
            {"duration_s": Fraction(1)},
            {},
            "-t of an output cannot be combined with it; put -ss, -t or -to before -i",
        ),
        ({}, {"max_frames": 3}, {}, "-frames:v of an output"),
        ({}, {"shortest": True}, {}, "-shortest of an output"),
        ({}, {}, {"filters": parse_chain("fps=10")}, "fps of libavfilter may depend on all pictures before"),
        ({}, {}, {"live": LivePolicy()}, "a live input cannot be read again"),
        ({}, {"two": True}, {}, "there can be one output only"),
        ({}, {"url": "OUT/o.mp4", "video_codec": "ffv1x"}, {}, "ffv1x"),
        ({}, {"url": "OUT/o.mp4", "video_options": {"preset": "warp"}}, {}, "warp"),
    ],
)
def test_refused(
    inputs: dict[str, Any], outputs: dict[str, Any], more: dict[str, Any], says: str, tmp_path: Path
) -> None:
    source = cut_clip(tmp_path / "in.mp4", frames=5, audio=None)
    os.mkfifo(tmp_path / "fifo")
    given = {"url": str(source), **inputs}
    given["url"] = given["url"].replace("FIFO", str(tmp_path / "fifo"))
    out = {"url": str(tmp_path / "o.mkv"), **outputs}
    out["url"] = out["url"].replace("OUT", str(tmp_path))
    specs = [OutputSpec(str(tmp_path / "second.mkv"))] if out.pop("two", False) else []
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(UsageError) as raised:
        build_job(JobSpec([InputSpec(**given)], [OutputSpec(**out), *specs], device="cpu", resume=Resume(), **more))
    assert says in str(raised.value)
    assert sorted(os.listdir(tmp_path)) == before
