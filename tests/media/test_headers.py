"""The headers of recordings: the time in them can be set, and they tell whether a picture follows."""

from __future__ import annotations

import os
import zlib
from datetime import UTC, datetime
from pathlib import Path

import av
import pytest

from streamfix.media.output.headers import as_tag, has_pictures, set_creation_time
from tests.media.make import clip

AT_S = datetime(2026, 10, 25, 2, 30, 15, tzinfo=UTC).timestamp()


def made(path: Path, *, dated: bool = True) -> Path:
    """A clip, with a creation_time that is wrong."""
    plain = clip(path.with_name("plain.mkv"), frames=10)
    with av.open(str(plain)) as source, av.open(str(path), "w") as out:
        if dated:
            out.metadata["creation_time"] = "2020-01-01T00:00:00.000000Z"
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    plain.unlink()
    return path


def tag(path: Path) -> str | None:
    with av.open(str(path)) as found:
        return found.metadata.get("creation_time")


def pixels(path: Path) -> list[int]:
    with av.open(str(path)) as found:
        return [zlib.crc32(frame.to_ndarray().tobytes()) for frame in found.decode(video=0)]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_the_time_is_set_and_nothing_else(tmp_path: Path, name: str) -> None:
    path = made(tmp_path / name)
    before, size = pixels(path), path.stat().st_size
    with open(path, "r+b") as file:
        assert set_creation_time(file.fileno(), AT_S)
        assert has_pictures(file.fileno())
    assert tag(path) == as_tag(AT_S) == "2026-10-25T02:30:15.000000Z"
    assert (pixels(path), path.stat().st_size) == (before, size)


def test_matroskas_checksum_goes_along(tmp_path: Path) -> None:
    path = made(tmp_path / "a.mkv")
    with open(path, "r+b") as file:
        assert set_creation_time(file.fileno(), AT_S)
    data = bytearray(path.read_bytes())
    info = data.index(bytes.fromhex("1549a966"), data.index(bytes.fromhex("1549a966")) + 4)  # the first refers to it
    crc = data.index(b"\xbf\x84", info, info + 20)
    length = 9 - data[info + 4].bit_length()
    size = int.from_bytes(data[info + 4 : info + 4 + length]) & (1 << 7 * length) - 1
    covered = data[crc + 6 : info + 4 + length + size]
    assert data[crc + 2 : crc + 6] == zlib.crc32(covered).to_bytes(4, "little")


def test_a_matroska_file_without_a_time_gets_none(tmp_path: Path) -> None:
    path = made(tmp_path / "a.mkv", dated=False)
    before = path.read_bytes()
    with open(path, "r+b") as file:
        assert set_creation_time(file.fileno(), AT_S)
    assert path.read_bytes() == before


def test_formats_without_a_time_are_left_alone(tmp_path: Path) -> None:
    path = made(tmp_path / "a.ts")
    before = path.read_bytes()
    with open(path, "r+b") as file:
        assert set_creation_time(file.fileno(), AT_S)
        assert has_pictures(file.fileno())
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_any_part_of_a_file_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    """However much of it has been written, nothing fails, and a header that is all there is dated."""
    whole = made(tmp_path / name).read_bytes()
    part = tmp_path / "part"
    told = []
    for length in sorted({*range(0, len(whole), 97), len(whole)}):
        part.write_bytes(whole[:length])
        with open(part, "r+b") as file:
            told.append((set_creation_time(file.fileno(), AT_S), has_pictures(file.fileno())))
        assert part.stat().st_size == length
    assert told[0] == (False, False)
    assert told[-1] == (True, True)
    assert sorted(told) == told, "what is true stays true"


def test_damaged_headers_end_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for data in (b"\x1a\x45\xdf\xa3" + bytes(60), b"\0\0\0\x01ftyp" + b"\xff" * 40, b"\x1a\x45\xdf\xa3" + b"\xff" * 60):
        path.write_bytes(data)
        descriptor = os.open(path, os.O_RDWR)
        set_creation_time(descriptor, AT_S)
        has_pictures(descriptor)
        os.close(descriptor)
