"""Packets in a file of ours, and their decoding times once they are joined."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.errors import OutputError
from streamfix.media.output.joining import in_decoding_order
from streamfix.media.output.packet_file import PacketFile, facts_of, packets_of, times_of

BASE = Fraction(1, 90000)


def packet(pts: int, data: bytes = b"x", dts: int | None = None, *, key: bool = False) -> av.Packet[Any]:
    made: av.Packet[Any] = av.Packet(data)
    made.pts, made.dts, made.duration, made.time_base, made.is_keyframe = pts, dts, 3600, BASE, key
    return made


def written(path: Path, packets: list[av.Packet[Any]]) -> Path:
    file = PacketFile(path)
    for each in packets:
        file.write(each)
    file.finish({"frames": len(packets)})
    return path


def test_packets_come_back_as_they_were(tmp_path: Path) -> None:
    given = [packet(0, b"one", -2, key=True), packet(7, b"", None), packet(3, b"three\n", 0)]
    path = written(tmp_path / "a", given)
    found = list(packets_of(path, BASE))
    assert [(bytes(p), p.pts, p.dts, p.duration, p.is_keyframe, p.time_base) for p in found] == [
        (bytes(p), p.pts, p.dts, p.duration, p.is_keyframe, p.time_base) for p in given
    ]
    assert facts_of(path) == {"frames": 3, "packets": 3, "delay": 1}
    assert times_of(path) == [0, 3, 7]
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_file_without_packets(tmp_path: Path) -> None:
    path = written(tmp_path / "a", [])
    assert list(packets_of(path, BASE)) == []
    assert facts_of(path)["packets"] == 0


@pytest.mark.parametrize("at", [0, 25, 60, -1, None])
def test_every_change_is_found(at: int | None, tmp_path: Path) -> None:
    """A byte that differs anywhere; an end that is missing."""
    path = written(tmp_path / "a", [packet(0, b"a" * 50)])
    data = bytearray(path.read_bytes())
    if at is None:
        del data[-3:]
    else:
        data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(OutputError, match="it is damaged; delete it, and what it holds is made again"):
        facts_of(path)


def test_what_is_given_up_is_gone(tmp_path: Path) -> None:
    file = PacketFile(tmp_path / "a")
    file.write(packet(0))
    file.give_up()
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.lists(st.integers(1, 50), min_size=1, max_size=6), min_size=1, max_size=6), st.randoms())
def test_decoding_times_rise_and_never_pass_the_pictures(groups: list[list[int]], shuffle: Any) -> None:
    """Whatever the order within each segment, and the steps between pictures."""
    order: list[int] = []
    now, delay = 0, 0
    for steps in groups:
        times = []
        for step in steps:
            now += step
            times.append(now)
        coded = list(times)
        shuffle.shuffle(coded)
        delay = max([delay, *(i - times.index(pts) for i, pts in enumerate(coded))])
        order += coded
    found = list(in_decoding_order([packet(pts) for pts in order], sorted(order), delay))
    assert [p.pts for p in found] == order
    dts: list[int] = [p.dts for p in found if p.dts is not None]
    assert all(a < b for a, b in pairwise(dts))
    assert all(d <= p for d, p in zip(dts, order, strict=True))
