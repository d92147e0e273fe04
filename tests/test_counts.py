"""Frame counts: every frame is somewhere, sums lose nothing, and each counter is published by its own name."""

from __future__ import annotations

from dataclasses import fields
from functools import reduce
from operator import add

from hypothesis import given
from hypothesis import strategies as st

from streamfix.apps.cli.live import live_fields
from streamfix.apps.daemon.http.models import Output, StreamStatus
from streamfix.counts import NO_FRAMES, FrameCounts, published
from streamfix.live.health import Health

# What becomes of one frame of a camera.
FATES = st.sampled_from(
    [
        FrameCounts(received=1),
        FrameCounts(received=1, written=1),
        FrameCounts(received=1, written=1, late=1),
        FrameCounts(received=1, damaged=1, dropped={"overload": 1}),
        FrameCounts(received=1, dropped={"output": 1}),
        FrameCounts(standing_in=1),
    ]
)
NUMBERS = [field.name for field in fields(FrameCounts) if field.name != "dropped"]


@given(st.lists(FATES))
def test_received_is_written_and_dropped_and_in_flight(fates: list[FrameCounts]) -> None:
    counts = reduce(add, fates, NO_FRAMES)
    assert counts.in_flight == fates.count(FrameCounts(received=1))
    assert counts.received == counts.written + sum(counts.dropped.values()) + counts.in_flight


COUNTS = st.builds(
    FrameCounts,
    dropped=st.dictionaries(st.sampled_from(["overload", "output", "rate"]), st.integers(0, 99)),
    **dict.fromkeys(NUMBERS, st.integers(0, 99)),
)


@given(COUNTS, COUNTS)
def test_a_sum_has_every_counter_of_both(a: FrameCounts, b: FrameCounts) -> None:
    both = a + b
    assert all(getattr(both, name) == getattr(a, name) + getattr(b, name) for name in NUMBERS)
    assert both.dropped_total == a.dropped_total + b.dropped_total
    assert all(both.dropped[reason] == a.dropped.get(reason, 0) + b.dropped.get(reason, 0) for reason in both.dropped)
    assert both == b + a


def test_a_counter_is_published_under_its_own_name() -> None:
    stream, output = set(published("stream")), set(published("output"))
    assert stream | output <= set(NUMBERS)
    assert stream < set(StreamStatus.model_fields) and output < set(Output.model_fields)
    health = Health()
    health.output(0, "a.mkv", "")
    keys = set(live_fields(health.report()))
    assert {f"{name}_frames" for name in stream - {"written"}} < keys
    assert {f"output_0_{name}_frames" for name in output} < keys
