"""When packets came is known also where they are read late."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.media.input.packet_reader import Arrival

INTERVAL_S = 0.04
ON_TIME_S = 0.011  # a wait is seen as one from 10 ms on


def read(came: list[float], costs: list[float], stamps: list[float]) -> tuple[list[float], list[float]]:
    """What is said of packets of one stream that are read and worked on one after the other; and when each was read."""
    arrival, now_s, said, got = Arrival(), 0.0, [], []
    for came_s, cost_s, at_s in zip(came, costs, stamps, strict=True):
        asked_s = now_s
        now_s = max(now_s, came_s)
        got.append(now_s)
        said.append(arrival.of(asked_s, now_s, 0, at_s))
        now_s += cost_s
    return said, got


@given(
    st.lists(st.tuples(st.floats(0, 0.005), st.floats(0, 0.2)), min_size=2, max_size=60),
    st.floats(-1e6, 1e6),
)
def test_a_late_reader_does_not_make_packets_younger(frames: list[tuple[float, float]], begin_s: float) -> None:
    """However long each one takes: the estimate is right to the network's jitter and what a wait is."""
    came = [i * INTERVAL_S + jitter for i, (jitter, _) in enumerate(frames)]
    stamps = [begin_s + i * INTERVAL_S for i in range(len(frames))]
    said, got = read(came, [cost for _, cost in frames], stamps)
    assert all(a <= b for a, b in pairwise(said))
    for said_s, came_s, got_s in zip(said, came, got, strict=True):
        assert said_s <= got_s
        assert said_s == pytest.approx(came_s, abs=ON_TIME_S + 0.006)


def test_a_camera_that_paused_is_not_late_for_ever() -> None:
    """Its clock stood still for five seconds: whoever waited for it has read all."""
    came = [0.04 * i + (5.0 if i > 20 else 0.0) for i in range(60)]
    said, _ = read(came, [0.001] * 60, [0.04 * i for i in range(60)])
    assert said == pytest.approx(came, abs=ON_TIME_S)


@pytest.mark.parametrize("leap_s", [-3600.0, -2.0, 11.0, 3600.0])
def test_a_clock_that_was_set_says_nothing(leap_s: float) -> None:
    stamps = [0.04 * i + (leap_s if i > 20 else 0.0) for i in range(60)]
    said, got = read([0.04 * i for i in range(60)], [0.05] * 60, stamps)
    assert said[21] == got[21], "what came before says nothing of the first one after it"
    assert all(a <= b for a, b in pairwise(said))


def test_what_was_buffered_while_the_stream_was_looked_at_came_when_it_was_read() -> None:
    """A burst after connecting: a second of packets at once, the rest in time."""
    came = [0.0] * 25 + [0.04 * i for i in range(1, 40)]
    said, got = read(came, [0.0005] * 64, [0.04 * i for i in range(64)])
    assert said == pytest.approx(got, abs=0.002)


def test_streams_that_are_sent_apart_say_nothing_of_each_other() -> None:
    """Sound half a second ahead of its picture."""
    arrival, now_s = Arrival(), 0.0
    for i in range(100):
        asked_s, now_s = now_s, 0.02 * i
        stream = i % 2
        assert arrival.of(asked_s, now_s, stream, now_s - 0.5 * stream) == pytest.approx(now_s, abs=ON_TIME_S)


def test_a_packet_without_a_time_came_when_it_was_read() -> None:
    assert Arrival().of(1.0, 1.001, 0, None) == 1.001
