"""What the shells are tried with: small clips, and a package of filters as a stranger would install it."""

from __future__ import annotations

import io
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

import streamfix
from tests.fakes.waiting import LONG_S

ROOT = Path(streamfix.__file__).parent.parent
RATE = Fraction(25)
QUIET = ("-hide_banner", "-loglevel", "error", "-nostats")

_FILTERS = '''
import threading

import streamfix


class Invert(streamfix.Filter[None]):
    """Turn light into dark.

    amount: 1 for all of it.
    """

    layout = "luma"

    def __init__(self, amount: float = 1.0) -> None:
        self.amount = amount

    def __call__(self, x, states):
        return x + self.amount * (1 - 2 * x)


class Double(Invert):
    """Twice as large, invented."""

    scale = 2
    generative = True

    def __call__(self, x, states):
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


class Counting(streamfix.Filter[list]):
    """Remembers how many frames it saw since the last cut; writes it into the picture."""

    layout = "luma"

    def init_state(self):
        return [0]

    def __call__(self, x, states):
        for state in states:
            state[0] += 1
        return x * 0 + states[0][0] / 255


class Broken(Invert):
    """Fails at its third frame."""

    calls = 0

    def __call__(self, x, states):
        self.calls += 1
        if self.calls == 3:
            raise ZeroDivisionError("of its own making")
        return x


class Stuck(Broken):
    """Never returns from its third frame."""

    def __call__(self, x, states):
        self.calls += 1
        if self.calls == 3:
            threading.Event().wait()
        return x
'''


def install_filters(site: Path) -> Path:
    """Write a package of test filters and what announces them into `site`, which then belongs on sys.path."""
    site.mkdir(exist_ok=True)
    (site / "stranger_filters.py").write_text(_FILTERS)
    info = site / "stranger_filters-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger-filters\nVersion: 1.0\n")
    points = "".join(
        f"{n.lower()} = stranger_filters:{n}\n" for n in ("Invert", "Double", "Counting", "Broken", "Stuck")
    )
    (info / "entry_points.txt").write_text(f"[streamfix.filters]\n{points}lost = nowhere_at_all:X\n")
    return site


def write_clip(
    path: Path, frames: int = 25, *, audio: bool = False, video: bool = True, size: tuple[int, int] = (48, 32)
) -> Path:
    """A lossless clip at 25 fps in which frame i is as bright as i, with a tone if asked for."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("ffv1", rate=RATE) if video else None
        tone = container.add_stream("flac", rate=8000, layout="mono") if audio else None
        if picture is not None:
            picture.width, picture.height = size
            picture.pix_fmt = "yuv420p"
            for i in range(frames):
                frame = av.VideoFrame(*size, "yuv420p")
                for plane in frame.planes:
                    plane.update(bytes([i % 250]) * plane.buffer_size)
                frame.pts, frame.time_base = i, 1 / RATE
                container.mux(picture.encode(frame))
            container.mux(picture.encode(None))
        if tone is not None:
            wave = (np.sin(np.arange(8000 * frames // 25) / 3) * 8000).astype(np.int16)
            sound = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
            sound.sample_rate, sound.pts = 8000, 0
            container.mux(tone.encode(sound))
            container.mux(tone.encode(None))
    return path


def levels(path: Path | BinaryIO) -> list[int]:
    """The luma of each frame's first pixel; every packet has to decode."""
    with av.open(str(path) if isinstance(path, Path) else path, "r") as container:
        return [bytes(frame.planes[0])[0] for frame in container.decode(video=0)]


def kinds(path: Path) -> list[str]:
    """The kinds of a file's streams."""
    with av.open(str(path)) as container:
        return [stream.type for stream in container.streams]


def environment(*folders: Path) -> dict[str, str]:
    """The environment in which `python -m streamfix` finds this checkout and the packages in `folders`."""
    path = [str(p) for p in (ROOT, ROOT / "plugins", *folders)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}


def command(*words: str | Path) -> list[str]:
    """The command line of streamfix in a process of its own."""
    return [sys.executable, "-m", "streamfix", *map(str, words)]


def run_process(words: Sequence[str | Path], *folders: Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run streamfix in a process of its own; stdin: what a pipe gives it."""
    return subprocess.run(
        command(*words), env=environment(*folders), input=stdin, capture_output=True, timeout=LONG_S, check=False
    )


def read_until(stream: io.BufferedReader | int, word: bytes) -> bytes:
    """What comes until `word` does; fails if the stream ends before."""
    descriptor = stream if isinstance(stream, int) else stream.fileno()
    seen = b""
    while word not in seen:
        ready, _, _ = select.select([descriptor], [], [], LONG_S)
        assert ready, f"no {word!r} within {LONG_S:g} s; so far: {seen!r}"
        try:
            new = os.read(descriptor, 4096)
        except OSError:  # the other end of a pty is closed
            new = b""
        assert new, f"ended without {word!r}: {seen!r}"
        seen += new
    return seen


def blocks(text: str) -> list[dict[str, str]]:
    """The key=value blocks of -progress; each ends with its progress key."""
    found: list[dict[str, str]] = [{}]
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        assert equals, line
        assert key not in found[-1], line
        found[-1][key] = value
        if key == "progress":
            found.append({})
    assert found.pop() == {}
    return found
