"""The shipped clips are what SOURCES.md says, and the degrading script harms pictures only."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

SAMPLES = Path(__file__).parents[1] / "samples"
CLIPS = sorted(path for path in SAMPLES.iterdir() if path.suffix in {".avi", ".mp4", ".ts", ".mkv", ".mpg"})
MEBIBYTE = 1 << 20


def degrade(source: Path, target: Path, *options: str) -> Path:
    subprocess.run([sys.executable, SAMPLES / "degrade.py", source, target, *options], check=True, capture_output=True)
    return target


def times(clip: Path) -> list[Fraction]:
    with av.open(clip) as reader:
        return [exact_time(frame) for frame in reader.decode(video=0)]


def exact_time(frame: av.VideoFrame) -> Fraction:
    assert frame.pts is not None
    assert frame.time_base is not None
    return frame.pts * frame.time_base


def lumas(clip: Path, frames: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The luma code values of a clip's first frames, (frames, H, W)."""
    with av.open(clip) as reader:
        pictures = [
            frame.to_ndarray(format="yuv420p")[: frame.height] for frame in islice(reader.decode(video=0), frames)
        ]
    return np.stack(pictures).astype(np.float32)


def test_every_clip_has_its_source_licence_and_hash() -> None:
    text = (SAMPLES / "SOURCES.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL))
    assert set(sections) == {clip.name for clip in CLIPS}
    for clip in CLIPS:
        section = sections[clip.name]
        assert "Source:" in section
        assert "Licence:" in section
        assert hashlib.sha256(clip.read_bytes()).hexdigest() in section


def test_clips_are_small() -> None:
    assert sum(clip.stat().st_size for clip in CLIPS) < 6 * MEBIBYTE


@pytest.mark.slow
@pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.name)
def test_degraded_clip_keeps_every_time(clip: Path, tmp_path: Path) -> None:
    degraded = degrade(clip, tmp_path / "degraded.mp4", "--noise", "5", "--frames", "20")
    kept = times(degraded)
    assert len(kept) >= 20
    assert kept == times(clip)[: len(kept)]


@pytest.mark.slow
def test_degraded_clip_keeps_the_sound(tmp_path: Path) -> None:
    def sound(clip: Path) -> list[tuple[int | None, bytes]]:
        with av.open(clip) as reader:
            return [(packet.pts, bytes(packet)) for packet in reader.demux(audio=0) if packet.dts is not None]

    options = ("--codec", "mpeg4", "--bitrate", "400000", "--frames", "40")
    kept = sound(degrade(SAMPLES / "bunny.mp4", tmp_path / "degraded.mp4", *options))
    assert len(kept) > 40
    assert kept == sound(SAMPLES / "bunny.mp4")[: len(kept)]


@pytest.mark.slow
def test_noise_has_the_strength_and_the_seed_that_were_asked_for(tmp_path: Path) -> None:
    options = ("--noise", "12", "--crf", "1", "--frames", "3")
    clip = SAMPLES / "campus.avi"
    first, again, other = (
        lumas(degrade(clip, tmp_path / name, *options, "--seed", seed), 3)
        for name, seed in (("first.mp4", "1"), ("again.mp4", "1"), ("other.mp4", "2"))
    )
    clean = lumas(clip, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    unclipped = (clean > 60) & (clean < 195)
    assert np.std((first - clean)[unclipped]) == pytest.approx(12, abs=0.5)
