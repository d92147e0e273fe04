"""Text subtitles that are converted: every cue begins at its time."""

from __future__ import annotations

import random
import re
from pathlib import Path

import av
import pytest

from tests.media.make import clip, run

Cue = tuple[int, int, str]  # begin and end in milliseconds, text

_ASS_EVENTS = "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text"


def subtitles(path: Path, cues: list[Cue]) -> Path:
    """Write a subtitle file of the kind that the path's ending says."""
    if path.suffix == ".ass":
        lines = ["[Script Info]", "ScriptType: v4.00+", "", "[V4+ Styles]", "Format: Name, Fontname, Fontsize"]
        lines += ["Style: Default,Arial,16", "", "[Events]", _ASS_EVENTS]
        lines += [f"Dialogue: 0,{stamp(a, '.')[1:-1]},{stamp(b, '.')[1:-1]},Default,,0,0,0,,{t}" for a, b, t in cues]
    else:
        mark = "." if path.suffix == ".vtt" else ","
        lines = ["WEBVTT", ""] if path.suffix == ".vtt" else []
        for n, (begin, end, text) in enumerate(cues, 1):
            lines += [str(n), f"{stamp(begin, mark)} --> {stamp(end, mark)}", text, ""]
    path.write_text("\n".join(lines) + "\n")
    return path


def stamp(ms: int, mark: str) -> str:
    return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02}{mark}{ms % 1000:03}"


def held(path: Path) -> list[tuple[int, int, str]]:
    """Begin and length in milliseconds and text of each sample of the first subtitles."""
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.subtitles[0]
        for packet in container.demux(stream):
            if packet.pts is None:
                continue
            data = bytes(packet)
            if stream.codec_context.name == "mov_text":
                data = data[2 : 2 + int.from_bytes(data[:2], "big")]
            length = round(float((packet.duration or 0) * packet.time_base) * 1000)
            found.append((round(float(packet.pts * packet.time_base) * 1000), length, data.decode()))
    return found


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clip(tmp_path_factory.mktemp("subtitles") / "video.mkv", frames=150)


def test_a_cue_that_another_overlaps_ends_where_that_begins(
    video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The muxer ended each cue at its own end at once, and moved the second from 1.0 to 2.0 s."""
    source = subtitles(tmp_path / "s.srt", [(500, 2000, "one"), (1000, 2500, "two"), (4000, 5000, "three")])
    out = tmp_path / "out.mp4"
    run([video, source], out, subtitle_codec="mov_text")
    shown = [(0, 500, ""), (500, 500, "one"), (1000, 1500, "two"), (2500, 1500, ""), (4000, 1000, "three")]
    assert [c for c in held(out) if c != (5000, 0, "")] == shown
    said = [r.message for r in caplog.records if "mov_text shows one cue at a time" in r.message]
    assert len(said) == 1
    assert "the one at 0.500 s ends where the next begins, at 1.000 s" in said[0]


def test_cues_that_begin_together_are_shown_together(video: Path, tmp_path: Path) -> None:
    cues = [(500, 2000, "<b>one</b>"), (500, 1500, "an <i>other</i>"), (3000, 3500, "end")]
    out = tmp_path / "out.mp4"
    run([video, subtitles(tmp_path / "s.srt", cues)], out, subtitle_codec="mov_text")
    assert [c for c in held(out) if c[2]][:2] == [(500, 1500, "one\nan other"), (3000, 500, "end")]
    run(out, tmp_path / "back.mkv", subtitle_codec="srt")
    assert held(tmp_path / "back.mkv")[0][2] == "<b>one</b>\nan <i>other</i>"


@pytest.mark.parametrize("kind", ["srt", "ass", "vtt"])
@pytest.mark.parametrize(
    ("codec", "ending"), [("mov_text", "mp4"), ("mov_text", "mov"), ("srt", "mkv"), ("ass", "mkv"), ("webvtt", "webm")]
)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_cue_begins_at_its_time(
    video: Path, tmp_path: Path, kind: str, codec: str, ending: str, seed: int
) -> None:
    """Law: whatever overlaps what, a cue's first sample begins where the cue does, and back again."""
    chance = random.Random(seed)
    begins = sorted(chance.sample(range(0, 5500, 10), 12))
    cues = [(at, at + chance.choice([100, 400, 1500, 3000]), f"cue {n}") for n, at in enumerate(begins)]
    out = tmp_path / f"out.{ending}"
    codecs = {"video_codec": "libvpx-vp9"} if ending == "webm" else {}
    run([video, subtitles(tmp_path / f"s.{kind}", cues)], out, subtitle_codec=codec, **codecs)
    assert begins_of(out) == [(at, f"cue {n}") for n, at in enumerate(begins)]
    run(out, tmp_path / "back.mkv", subtitle_codec="srt")
    assert begins_of(tmp_path / "back.mkv") == begins_of(out)


def begins_of(path: Path) -> list[tuple[int, str]]:
    """Begin in milliseconds and text of each cue, without the markup of its format."""
    return [(at, found[0]) for at, _, text in held(path) if (found := re.search(r"cue \d+", text))]
