"""What waits for an output: nothing is lost but what may be, and never the newest."""

from __future__ import annotations

import threading
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.channel import Closed
from streamfix.frame import Frame
from streamfix.live.backlog import Backlog
from tests.live.outputs import LONG_S, frames


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
    thread.join(LONG_S)


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
    thread.join(LONG_S)
    assert refused.is_set()
    assert backlog.get() is None
    assert backlog.closed
    with pytest.raises(Closed):
        backlog.put(first)
