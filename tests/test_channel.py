"""The bounded channel: order, both ends, back-pressure, dropping."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.channel import Channel, Closed
from tests.fakes.waiting import LONG_S


def in_thread(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def joined(thread: threading.Thread) -> None:
    thread.join(LONG_S)
    assert not thread.is_alive(), "the thread still waits"


def test_depth_must_be_positive() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        Channel(0)


@given(st.lists(st.integers()), st.integers(1, 5))
def test_everything_arrives_in_order(items: list[int], depth: int) -> None:
    channel: Channel[int] = Channel(depth)

    def sender() -> None:
        for item in items:
            channel.send(item)
        channel.finish()

    thread = in_thread(sender)
    assert list(channel) == items
    joined(thread)
    assert channel.dropped == 0


def test_finish_delivers_what_is_queued() -> None:
    channel: Channel[int] = Channel(3)
    channel.send(1)
    channel.send(2)
    channel.finish()
    assert list(channel) == [1, 2]
    assert not channel.closed


def test_close_throws_away_what_is_queued_and_refuses_the_rest() -> None:
    channel: Channel[int] = Channel(3)
    channel.send(1)
    channel.close()
    assert channel.closed
    assert list(channel) == []
    with pytest.raises(Closed):
        channel.send(2)


def test_close_wakes_a_waiting_sender() -> None:
    channel: Channel[int] = Channel(1)
    channel.send(1)
    told = threading.Event()

    def sender() -> None:
        try:
            channel.send(2)
        except Closed:
            told.set()

    thread = in_thread(sender)
    channel.close()
    joined(thread)
    assert told.is_set()


@pytest.mark.parametrize("end", ["finish", "close"])
def test_both_ends_wake_a_waiting_receiver(end: str) -> None:
    channel: Channel[int] = Channel(1)
    thread = in_thread(lambda: list(channel))
    getattr(channel, end)()
    joined(thread)


def test_a_full_channel_drops_its_oldest_droppable_item() -> None:
    channel: Channel[str] = Channel(3, droppable=str.islower)
    for item in ("P", "a", "b", "c", "d"):
        channel.send(item)
    channel.finish()
    assert list(channel) == ["P", "c", "d"]
    assert channel.dropped == 2


def test_a_channel_full_of_undroppable_items_waits() -> None:
    channel: Channel[str] = Channel(2, droppable=str.islower)
    channel.send("P")
    channel.send("Q")

    def sender() -> None:
        channel.send("a")
        channel.finish()

    thread = in_thread(sender)
    assert list(channel) == ["P", "Q", "a"]
    joined(thread)
    assert channel.dropped == 0


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 4), st.integers(0, 20))
def test_what_waits_weighs_no_more_than_it_may(items: list[int], depth: int, most: int) -> None:
    channel: Channel[int] = Channel(depth, weigh=float, most=most)

    def sender() -> None:
        for item in items:
            channel.send(item)
        channel.finish()

    thread = in_thread(sender)
    found = []
    for item in channel:
        found.append(item)
        waiting = list(channel._items)
        assert len(waiting) <= depth
        assert len(waiting) < 2 or sum(waiting) <= most
    joined(thread)
    assert found == items


def test_an_item_that_weighs_too_much_waits_alone() -> None:
    channel: Channel[int] = Channel(4, weigh=float, most=5)
    channel.send(9)

    def sender() -> None:
        for item in (1, 2):
            channel.send(item)
        channel.finish()

    thread = in_thread(sender)
    assert list(channel) == [9, 1, 2]
    joined(thread)


def test_undroppable_items_in_spare_places_hold_up_nobody() -> None:
    given_up: list[str] = []
    channel: Channel[str] = Channel(1, str.islower, given_up.append, spare=3)
    for item in ("P", "a", "Q", "b", "R"):
        channel.send(item)
    assert given_up == ["a"], "what may not be dropped takes nobody's place either"
    channel.send("c")
    channel.finish()
    assert list(channel) == ["P", "Q", "R", "c"]
    assert given_up == ["a", "b"]


def test_spare_places_end_too() -> None:
    channel: Channel[str] = Channel(1, str.islower, spare=2)
    for item in "PQR":
        channel.send(item)

    def sender() -> None:
        channel.send("S")
        channel.finish()

    thread = in_thread(sender)
    assert list(channel) == ["P", "Q", "R", "S"]
    joined(thread)


def test_a_patient_channel_loses_no_burst_to_a_receiver_that_takes_it() -> None:
    channel: Channel[str] = Channel(1, str.islower, patience_s=30)

    def sender() -> None:
        for item in "abcdefgh":
            channel.send(item)
        channel.finish()

    thread = in_thread(sender)
    assert list(channel) == list("abcdefgh")
    joined(thread)


def test_its_patience_ends() -> None:
    channel: Channel[str] = Channel(1, str.islower, patience_s=0.001)
    for item in "abc":
        channel.send(item)
    channel.finish()
    assert list(channel) == ["c"]


def test_an_item_taken_is_not_kept_alive_by_the_channel() -> None:
    import gc
    import weakref

    class Item:
        pass

    channel: Channel[Item] = Channel(2)
    item = Item()
    gone = weakref.ref(item)
    channel.send(item)
    del item
    received = iter(channel)
    taken = next(received)
    del taken
    thread = in_thread(lambda: list(received))  # the receiver waits for the next
    channel.finish()
    joined(thread)
    gc.collect()
    assert gone() is None


def test_what_may_be_dropped_may_change_while_a_sender_waits() -> None:
    """As for a recording: nothing is, until what waits has waited for too long."""
    allowed = threading.Event()
    channel: Channel[int] = Channel(1, droppable=lambda item: allowed.is_set())
    channel.send(1)
    sender = threading.Thread(target=channel.send, args=(2,))
    sender.start()
    sender.join(0.05)
    assert sender.is_alive()
    allowed.set()
    sender.join(LONG_S)
    assert not sender.is_alive()
    assert (len(channel), channel.dropped) == (1, 1)
