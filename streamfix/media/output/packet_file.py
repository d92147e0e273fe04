"""Encoded pictures in a file of ours, until they are joined: packets exactly as the encoder gave them.

A container would round times, add what its kind needs, and leave out what it does not know. Here each packet lies
behind its times and size; behind the last one there is what else is known, as JSON, its length, and the CRC-32 of all
that, by which it is found what a crash has cut off or a disk has changed.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av

from ...errors import OutputError
from .. import durable

_MAGIC = b"streamfix packets 1\n"
_HEAD = struct.Struct("<qqqII")  # pts, dts, duration, flags, bytes of data
_KEY = 1
_LENGTH = struct.Struct("<I")
_AT_ONCE = 1 << 20  # bytes that are read at a time
_NONE = -(2**63)  # stands for no time, as AV_NOPTS_VALUE does


class PacketFile:
    """Written beside its place, and put there by `finish` once it is whole and on the disk.

    packets, bytes: written so far. Raises OutputError if the disk takes no more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.packets = self.bytes = 0
        self._times: list[int] = []
        self._checksum = 0
        self._unfinished = durable.unfinished(path)
        self._file: BinaryIO | None = None

    def write(self, packet: av.Packet[Any]) -> None:
        """Add a packet."""
        data = bytes(packet)
        pts, dts = (_NONE if t is None else t for t in (packet.pts, packet.dts))
        self._add(_HEAD.pack(pts, dts, packet.duration or 0, _KEY * packet.is_keyframe, len(data)) + data)
        self.packets += 1
        self.bytes += len(data)
        self._times.append(pts)

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Put the file in its place. facts: plain values that its reader wants; packets and delay are added."""
        text = json.dumps({**facts, "packets": self.packets, "delay": _delay(self._times)}, sort_keys=True).encode()
        self._add(text + _LENGTH.pack(len(text)))
        self._add(_LENGTH.pack(self._checksum))
        file, self._file = self._file, None
        assert file is not None
        with durable.explained(self.path):
            with file:
                durable.sync(file)
            durable.publish(self._unfinished, self.path)

    def give_up(self) -> None:
        """Remove what was written; after `finish` it does nothing."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()
            with suppress(OSError):
                self._unfinished.unlink()

    def _add(self, data: bytes) -> None:
        with durable.explained(self.path):
            if self._file is None:
                self._file = self._unfinished.open("wb")
                self._file.write(_MAGIC)
            self._file.write(data)
        self._checksum = zlib.crc32(data, self._checksum)


def facts_of(path: Path) -> dict[str, Any]:
    """What `finish` was given, once the whole file has been checked. Raises OutputError if it is damaged."""
    with durable.explained(path), path.open("rb") as file:
        magic, checksum, last = file.read(len(_MAGIC)), 0, b""
        for part in iter(lambda: file.read(_AT_ONCE), b""):
            part = last + part
            last = part[-_LENGTH.size :]
            checksum = zlib.crc32(part[: -_LENGTH.size], checksum)
        if magic != _MAGIC or last != _LENGTH.pack(checksum):
            raise OutputError(f"{path}: it is damaged; delete it, and what it holds is made again")
        return _facts(file)


def packets_of(path: Path, time_base: Fraction) -> Iterator[av.Packet[Any]]:
    """The packets of a checked file in their order."""
    with durable.explained(path), path.open("rb") as file:
        count = _facts(file)["packets"]
        file.seek(len(_MAGIC))
        for _ in range(count):
            pts, dts, duration, flags, size = _HEAD.unpack(file.read(_HEAD.size))
            packet: av.Packet[Any] = av.Packet(file.read(size))
            packet.pts, packet.dts = (None if t == _NONE else t for t in (pts, dts))
            packet.duration, packet.time_base, packet.is_keyframe = duration, time_base, bool(flags & _KEY)
            yield packet


def times_of(path: Path) -> list[int]:
    """The times of a checked file's packets, in order of time."""
    times = []
    with durable.explained(path), path.open("rb") as file:
        count = _facts(file)["packets"]
        file.seek(len(_MAGIC))
        for _ in range(count):
            pts, _dts, _duration, _flags, size = _HEAD.unpack(file.read(_HEAD.size))
            times.append(pts)
            file.seek(size, os.SEEK_CUR)
    return sorted(times)


def _facts(file: BinaryIO) -> dict[str, Any]:
    file.seek(-2 * _LENGTH.size, os.SEEK_END)
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    file.seek(-2 * _LENGTH.size - length, os.SEEK_END)
    found: dict[str, Any] = json.loads(file.read(length))
    return found


def _delay(times: list[int]) -> int:
    """By how many packets decoding is ahead of showing: the most by which one comes after its turn in time."""
    turn = {pts: i for i, pts in enumerate(sorted(times))}
    return max((i - turn[pts] for i, pts in enumerate(times)), default=0)
