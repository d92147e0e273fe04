"""The queue in front of an output: only what may be dropped is dropped, and never the newest."""

from __future__ import annotations

import threading
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.channel import Closed
from streamfix.frame import Frame
from streamfix.live.outputs.backlog import Backlog
from streamfix.live.room import Room, size_of
from tests.fakes.clock import Clock
from tests.fakes.waiting import joined
from tests.live.outputs import frames


def taken(backlog: Backlog) -> list[Any]:
    found = []
    while (item := backlog.get()) is not None:
        found.append(item)
    return found


@given(st.integers(1, 6), st.lists(st.sampled_from("fpm"), max_size=40))
def test_of_too_many_frames_the_oldest_are_lost(depth: int, kinds: list[str]) -> None:
    made = iter(frames(len(kinds)))
    items: list[Any] = [next(made) if k == "f" else av.Packet(b"x") if k == "p" else object() for k in kinds]
    lost: list[Any] = []
    backlog = Backlog(depth, lossy=True, lost=lost.append)
    for item in items:
        backlog.put(item)
    backlog.finish()
    got = taken(backlog)
    given = [i for i in items if isinstance(i, Frame)]
    assert lost == given[: max(0, len(given) - depth)]
    assert got == [i for i in items if i not in lost], "the rest comes in order"


@given(st.integers(1, 8), st.lists(st.sampled_from("fpm"), max_size=30), st.integers(0, 30))
def test_what_is_outdated_is_lost_unless_there_is_nothing_newer(depth: int, kinds: list[str], before: int) -> None:
    """outdated: all frames in front of a certain one."""
    made = iter(frames(len(kinds)))
    items: list[Any] = [next(made) if k == "f" else av.Packet(b"x") if k == "p" else object() for k in kinds]
    old = [i for i in items[:before] if isinstance(i, Frame)]
    lost: list[Any] = []
    backlog = Backlog(depth, lossy=True, lost=lost.append, outdated=lambda frame: any(frame is o for o in old))
    for item in items:
        backlog.put(item)
    backlog.finish()
    got = taken(backlog)
    given = [i for i in items if isinstance(i, Frame)]
    kept = given[max(0, len(given) - depth) :]
    expected = [f for f in kept if not any(f is o for o in old) or f is given[-1]]
    assert [i for i in got if isinstance(i, Frame)] == expected
    assert [i for i in got if not isinstance(i, Frame)] == [i for i in items if not isinstance(i, Frame)]
    assert sorted(f.pts for f in (*lost, *expected)) == [f.pts for f in given], "each is taken or told to be lost"


@given(st.integers(0, 12), st.integers(0, 12), st.integers(1, 4))
def test_a_recording_loses_nothing_while_there_is_room(fit: int, seconds: int, depth: int) -> None:
    """fit: how many frames the bytes hold. One frame comes each second, and none is taken."""
    given, clock, lost = frames(20), Clock(), list[Any]()
    room = Room(bytes=fit * size_of(given[0]), seconds=seconds)
    backlog = Backlog(depth, lossy=True, room=room, lost=lost.append, clock=clock)
    for frame in given:
        backlog.put(frame)
        clock.now_s += 1
    backlog.finish()
    held = max(depth, min(fit, seconds))
    assert taken(backlog) == given[-held:]
    assert lost == given[:-held]


def test_packets_are_bounded_too() -> None:
    lost: list[Any] = []
    backlog = Backlog(2, lossy=True, lost=lost.append)
    packets = [av.Packet(b"x") for _ in range(300)]
    for packet in packets:
        backlog.put(packet)
    assert lost == packets[:44]


def test_where_nothing_may_be_lost_the_sender_waits() -> None:
    backlog = Backlog(2, lossy=False)
    items = frames(20)

    def send() -> None:
        for item in items:
            backlog.put(item)
        backlog.finish()

    thread = threading.Thread(target=send)
    thread.start()
    assert taken(backlog) == items
    joined(thread)


def test_closing_wakes_both_and_gives_what_waited() -> None:
    backlog = Backlog(1, lossy=False)
    first, second = frames(2)
    backlog.put(first)
    refused = threading.Event()

    def send() -> None:
        try:
            backlog.put(second)
        except Closed:
            refused.set()

    thread = threading.Thread(target=send)
    thread.start()
    assert backlog.close() == [first]
    joined(thread)
    assert refused.is_set()
    assert backlog.get() is None
    assert backlog.closed
    with pytest.raises(Closed):
        backlog.put(first)
