"""Small clips, and what is in a file: made and read with PyAV alone, no code of ours."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from streamfix.media.input.reader import InputSpec, Reader
from streamfix.media.output.writer import OutputSpec, Writer
from streamfix.pipeline import Pipeline

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the ffmpeg command as a peer")


def picture(n: int, width: int, height: int, pix_fmt: str = "yuv420p") -> av.VideoFrame:
    """Frame n of a moving pattern: every frame differs from every other."""
    y, x = np.mgrid[:height, :width]
    rgb = np.stack(((x * 3 + n * 7) % 256, (y * 5 + n * 3) % 256, (x + y + n * 11) % 256), -1).astype(np.uint8)
    rgb[: max(1, height // 3), : max(1, width // 4)] = (220, 30, 10)
    return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)


def clip(
    path: Path,
    *,
    frames: int = 10,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    rate: Fraction | int = 25,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    audio: str | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    rotation: tuple[Any, ...] | None = None,
    metadata: dict[str, str] | None = None,
    chapters: list[Any] | None = None,
    context: dict[str, Any] | None = None,
) -> Path:
    """Write a clip; pts in units of time_base (1/rate). audio: an encoder's name for a tone of the same length."""
    time_base = time_base or 1 / Fraction(rate)
    with av.open(str(path), "w", options=container_options or {}) as out:
        video = out.add_stream(codec, rate=Fraction(rate))
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = (*size, pix_fmt)
        video.codec_context.time_base = video.time_base = time_base
        video.codec_context.options = dict(options or {})
        for name, value in (context or {}).items():
            setattr(video.codec_context, name, value)
        if rotation is not None:
            video.set_display_rotation(*rotation)
        tone: Any = out.add_stream(audio, rate=48000) if audio else None
        out.metadata.update(metadata or {})
        if chapters:
            out.set_chapters(chapters)
        times = list(pts) if pts is not None else list(range(frames))
        for n, at in enumerate(times):
            frame = picture(n, *size, pix_fmt)
            frame.pts, frame.time_base = at, time_base
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if tone is not None:
            samples = int(48000 * (times[-1] + 1 - times[0]) * time_base)
            wave = (np.sin(np.arange(samples) * 0.06) * 8000).astype(np.int16)
            for i in range(0, samples, 1024):
                part = av.AudioFrame.from_ndarray(np.repeat(wave[i : i + 1024], 2)[None], format="s16", layout="stereo")
                part.sample_rate, part.pts, part.time_base = 48000, i, Fraction(1, 48000)
                out.mux(tone.encode(part))
            out.mux(tone.encode(None))
    return path


def run(inputs: Path | str | InputSpec | Iterable[Any], output: Path | str, **options: Any) -> tuple[Reader, Writer]:
    """Reader to Writer, nothing between. `reader`: arguments of the Reader; the rest are the OutputSpec's.

    written: a list that the writer is put into before it begins.
    """
    if isinstance(inputs, Path | str | InputSpec):
        inputs = [inputs]
    specs = [i if isinstance(i, InputSpec) else InputSpec(str(i)) for i in inputs]
    inline, written = options.pop("inline", False), options.pop("written", [])
    reader = Reader(specs, **options.pop("reader", {}))
    try:
        writer = Writer(OutputSpec(str(output), **options), reader)
    except BaseException:
        reader.close()
        raise
    written.append(writer)
    pipeline = Pipeline(reader, writer)
    pipeline.run_inline() if inline else pipeline.run()
    return reader, writer


def shown(path: Path | str, **options: Any) -> list[tuple[Fraction, str]]:
    """(time in seconds, hash of the picture) of each frame of the first video."""
    found = []
    with av.open(str(path), **options) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            assert isinstance(frame, av.VideoFrame)
            assert frame.pts is not None
            assert stream.time_base is not None
            found.append((frame.pts * stream.time_base, digest(frame)))
    return found


def times(path: Path | str) -> list[Fraction]:
    """The time of each frame of the first video, seconds."""
    return [at for at, _ in shown(path)]


def hashes(path: Path | str, **options: Any) -> list[str]:
    """The hash of each picture of the first video."""
    return [value for _, value in shown(path, **options)]


def digest(frame: av.VideoFrame) -> str:
    """The hash of a picture's visible values."""
    state = hashlib.md5(frame.format.name.encode(), usedforsecurity=False)
    for i, plane in enumerate(frame.planes):
        packed = sum(c.plane == i for c in frame.format.components) or 1
        wide = plane.width * packed * (2 if any(c.bits > 8 for c in frame.format.components) else 1)
        if len(frame.planes) == 1:
            wide = plane.width * frame.format.padded_bits_per_pixel // 8
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
        state.update(rows[:, :wide].tobytes())
    return state.hexdigest()


def packets(path: Path | str, index: int) -> list[tuple[Fraction, bytes]]:
    """(time in seconds, data) of each packet of a stream."""
    with av.open(str(path)) as container:
        stream = container.streams[index]
        return [
            ((p.pts if p.pts is not None else p.dts or 0) * p.time_base, bytes(p))
            for p in container.demux(stream)
            if p.size
        ]


def ffmpeg(*arguments: str | Path) -> None:
    """Run the peer."""
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, arguments)], check=True, timeout=60)


def ffprobe(*arguments: str | Path) -> str:
    """What the peer sees."""
    return subprocess.run(
        ["ffprobe", "-v", "error", *map(str, arguments)], check=True, timeout=60, capture_output=True, text=True
    ).stdout
