"""What is kept of a stream: distributions that add up, an hour that takes no more room than it did at first."""

from __future__ import annotations

import sys
from bisect import bisect_right
from math import inf, isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamfix.apps.daemon.engine.history import History, Step, quantile
from streamfix.apps.daemon.engine.record import StreamRecord
from streamfix.apps.daemon.engine.tally import Histogram
from streamfix.conformance.fakes import clip
from streamfix.live.health import Health

BOUNDS = (0.01, 0.1, 1.0)


@given(st.lists(st.floats(0, 10)))
def test_a_histogram_counts_each_value_once_in_its_class(values: list[float]) -> None:
    histogram = Histogram(BOUNDS)
    for value in values:
        histogram.observe(value)
    pairs, total = histogram.read()
    assert pairs == [(bound, bisect_right(sorted(values), bound)) for bound in (*BOUNDS, inf)]
    assert total == pytest.approx(sum(values))


@given(st.integers(1, 7), st.integers(0, 30))
def test_a_history_has_the_newest_steps_in_order(steps: int, added: int) -> None:
    history = History(steps)
    for i in range(added):
        history.add(Step(float(i), fps=i if i % 2 else nan, dropped=i))
    found = history.read()
    kept = list(range(max(0, added - steps), added))
    assert found["t"] == kept
    assert found["fps"] == [i if i % 2 else None for i in kept]
    assert found["dropped"] == kept
    assert found["latency_p50"] == [None] * len(kept)


def test_a_history_takes_the_same_memory_for_ever() -> None:
    history = History()

    def bytes_of() -> int:
        return sum(sys.getsizeof(column) for column in history._columns.values())

    before = bytes_of()
    for i in range(2000):
        history.add(Step(float(i)))
    assert bytes_of() == before
    assert len(history.read()["t"]) == 720  # type: ignore[arg-type]


@given(st.lists(st.floats(0, 1), min_size=1), st.floats(0, 1))
def test_a_quantile_is_one_of_the_values(values: list[float], part: float) -> None:
    found = quantile(sorted(values), part)
    assert found in values
    assert sum(v < found for v in values) <= part * len(values)


def test_a_step_has_what_happened_since_the_one_before() -> None:
    record = StreamRecord()
    record.step(100.0)
    health = Health()
    record.begin(health)
    for i in range(50):
        health.received()
        health.written(0.02)
        record.latency(0.02 if i else 0.3)
    health.dropped("overload", 3)
    health.figure("noise_luma", 4.5)
    record.step(105.0)
    record.step(110.0)
    found = record.history.read()
    assert found["fps"] == [10.0, 0.0]
    assert found["latency_p50"] == [0.02, None]
    assert found["latency_p99"] == [0.3, None]
    assert found["dropped"] == [3.0, 0.0]
    assert found["noise"] == [4.5, 4.5]
    assert isnan(quantile([], 0.5))


def test_only_frames_count_as_work() -> None:
    record = StreamRecord()
    for item in (clip(1)[0], "a packet", clip(1)[0]):
        record.worked("restore", item, 0.01)
    pairs, total = record.stages["restore"].read()
    assert pairs[-1][1] == 2
    assert total == pytest.approx(0.02)
