"""Law: what an input carries is in the output, or a warning names it."""

from __future__ import annotations

import io
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from streamfix.media.output.tags import spelled_language
from streamfix.media.streams import kind_of
from tests.media.make import picture, run

TAGS = {"title": "a film", "com.android.version": "13", "location": "+48.1000+011.1000/", "performer": "someone"}
OF_SOUND = {"language": "deu", "title": "a comment on it", "microphone": "left"}
FLAGS = Disposition.forced | Disposition.hearing_impaired | Disposition.comment
CODECS: dict[str, dict[str, Any]] = {"webm": {"video_codec": "libvpx-vp9"}}


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Matroska with a stream of each kind, chapters, tags, an attachment and dispositions."""
    folder = tmp_path_factory.mktemp("everything")
    words = io.BytesIO(b"1\n00:00:00,100 --> 00:00:00,300\nwords\n\n")
    path = folder / "in.mkv"
    with av.open(str(path), "w") as out, av.open(words, "r", format="srt") as text:
        video: Any = out.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound: Any = [out.add_stream(name, rate=48000) for name in ("aac", "flac")]
        subtitles = out.add_stream_from_template(text.streams.subtitles[0])
        out.add_attachment("font.ttf", "application/x-truetype-font", bytes(100))
        out.metadata.update(TAGS)
        sound[1].metadata.update(OF_SOUND)
        sound[1].disposition = FLAGS
        subtitles.metadata["language"] = "fra"
        base = Fraction(1, 1000)
        chapter: Any = {"id": 1, "start": 0, "end": 200, "time_base": base, "metadata": {"title": "one"}}
        out.set_chapters([chapter])
        for n in range(10):
            frame = picture(n, 64, 48)
            frame.pts, frame.time_base = n, Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for stream in sound:
            wave = np.zeros((2, 9600), np.float32) if stream.name == "aac" else np.zeros((1, 19200), np.int16)
            tone = av.AudioFrame.from_ndarray(wave, format="fltp" if stream.name == "aac" else "s16", layout="stereo")
            tone.sample_rate, tone.pts = 48000, 0
            out.mux(stream.encode(tone))
            out.mux(stream.encode(None))
        for packet in text.demux():
            if packet.pts is not None:
                packet.stream = subtitles
                out.mux(packet)
    return path


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov", "ts", "webm", "avi", "flv", "nut"])
def test_it_is_held_or_named(everything: Path, tmp_path: Path, ending: str, caplog: pytest.LogCaptureFixture) -> None:
    out = tmp_path / f"out.{ending}"
    run(everything, out, **CODECS.get(ending, {}))
    said = caplog.text
    with av.open(str(everything)) as a, av.open(str(out)) as b:
        tags = {k.lower(): v for k, v in b.metadata.items()}
        for key, value in a.metadata.items():
            assert tags.get(key.lower()) == value or key in said or key.lower() == "encoder"
        assert len(b.chapters()) == 1 or "chapters" in said
        kept = Counter(kind_of(s) for s in b.streams)
        for kind, count in Counter(kind_of(s) for s in a.streams).items():
            places = [f"stream 0:{s.index} " for s in a.streams if kind_of(s) == kind]
            assert kept[kind] + sum(f"{place}(" in said and "is left out" in said for place in places) >= count, kind
        assert all("; " in line for line in said.splitlines()), "each warning names the remedy"
        if kept["audio"] < 2:
            return
        was, became = a.streams.audio[1], b.streams.audio[1]
        of_sound = {k.lower(): v for k, v in became.metadata.items()}
        of_sound.setdefault("title", of_sound.get("name", ""))
        for key, value in OF_SOUND.items():
            held = spelled_language(ending, value) if key == "language" else value
            assert of_sound.get(key) == held or key in said.lower(), key
        lost = Disposition(was.disposition.value & ~became.disposition.value & ~Disposition.default.value)
        assert all(str(flag.name) in said for flag in Disposition if flag in lost and flag)
