"""Files that are damaged at random: each is read to its end, or refused with a clean error; nothing hangs.

A few for each container, at fixed seeds; one that hangs is ended by the limit that pytest has.
STREAMFIX_MUTATIONS=N tries N for each, and STREAMFIX_MUTATIONS_FROM=N begins with that seed.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from streamfix.errors import StreamfixError
from streamfix.frame import Frame
from streamfix.media.input.reader import InputSpec, Reader
from tests.media.make import clip

CONTAINERS = {
    "mp4": ("libx264", "aac"),
    "mkv": ("libx264", "aac"),
    "ts": ("libx264", "mp2"),
    "vob": ("mpeg2video", "mp2"),
    "flv": ("flv", "aac"),
    "avi": ("mpeg4", "mp2"),
    "mov": ("libx265", "pcm_s16le"),
    "nut": ("ffv1", "pcm_s16le"),
}
COUNT = int(os.environ.get("STREAMFIX_MUTATIONS", "5"))
FIRST = int(os.environ.get("STREAMFIX_MUTATIONS_FROM", "0"))
NO_MESSAGE = re.compile(r"\b\w+(Error|Exception)\b|Traceback|Errno|object at 0x")


def flip(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 8, 64, 512))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def zero(data: bytearray, chance: random.Random) -> None:
    begin, size = _run(data, chance)
    data[begin : begin + size] = bytes(size)


def cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(1, len(data)) :]


def remove(data: bytearray, chance: random.Random) -> None:
    begin, size = _run(data, chance)
    del data[begin : begin + size]


def swap(data: bytearray, chance: random.Random) -> None:
    (a, size), b = _run(data, chance), chance.randrange(len(data))
    size = min(size, len(data) - b)
    first, second = bytes(data[a : a + size]), bytes(data[b : b + size])
    data[a : a + size], data[b : b + size] = second, first


def repeat(data: bytearray, chance: random.Random) -> None:
    begin, size = _run(data, chance)
    data[begin:begin] = data[begin : begin + size]


def noise(data: bytearray, chance: random.Random) -> None:
    begin, size = _run(data, chance)
    data[begin : begin + size] = chance.randbytes(size)


def _run(data: bytearray, chance: random.Random) -> tuple[int, int]:
    begin = chance.randrange(len(data))
    return begin, min(chance.choice((4, 188, 2000, 20000)), len(data) - begin)


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [flip, zero, cut, remove, swap, repeat, noise]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A sound file of each container."""
    folder, made = tmp_path_factory.mktemp("whole"), {}
    for ending, (video, audio) in CONTAINERS.items():
        options = {"x265-params": "log-level=none"} if video == "libx265" else {"g": "10"} if video != "ffv1" else {}
        rate = {"rate": 25, "pix_fmt": "yuv420p"}
        path = clip(folder / f"whole.{ending}", frames=30, codec=video, audio=audio, options=options, **rate)  # type: ignore[arg-type]
        made[ending] = path.read_bytes()
    return made


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
@pytest.mark.parametrize("ending", CONTAINERS)
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, whole: dict[str, bytes], ending: str, seed: int) -> None:
    chance = random.Random(f"{ending} {seed}")
    data = bytearray(whole[ending])
    for _ in range(chance.choice((1, 1, 3))):
        chance.choice(MUTATIONS)(data, chance)
        if not data:
            return
    source = tmp_path / f"in.{ending}"
    source.write_bytes(data)
    last: float | None = None
    try:
        reader = Reader([InputSpec(str(source), thread_count=1)])
        try:
            for item in reader:
                if isinstance(item, Frame):
                    assert item.picture is not None
                    last = item.time_s
                else:
                    assert isinstance(item, av.Packet)
        finally:
            reader.close()
    except StreamfixError as error:
        text = str(error)
        assert "in." in text, "it says which file"
        assert not NO_MESSAGE.search(text), text
    else:
        assert last is not None, "a file without a picture is an error"
