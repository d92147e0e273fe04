"""The simulated hand-out of tasks keeps the sums that it must."""

from __future__ import annotations

import pytest

from tests.bench.cluster_simulation import Times, efficiency, simulated

PLAIN = Times(0.5, [1.0], plan=0.0, joining_a_second=0.0, around=0.0, start=0.0, warm_up=0.0)


@pytest.mark.parametrize("cut", [None, 10.0])
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_without_other_costs_equal_tasks_are_ideal(cut: float | None, workers: int) -> None:
    assert simulated([100.0] * 4, workers, PLAIN, cut) == pytest.approx(200.0 / workers)
    assert efficiency([100.0] * 4, workers, PLAIN, cut) == pytest.approx(1.0)


def test_a_whole_file_is_no_faster_than_one_worker() -> None:
    assert simulated([100.0], 8, PLAIN, None) == pytest.approx(50.0)
    assert simulated([100.0], 8, PLAIN, 10.0) == pytest.approx(2 * 5.0)  # ten segments, eight at a time


def test_costs_add_up() -> None:
    times = Times(0.5, [1.0], plan=3.0, joining_a_second=0.1, around=1.0, start=7.0, warm_up=2.0)
    # start, plan, ten segments of which nine have a warm-up, the join; each with its way there and back
    want = 7 + (3 + 1) + 10 * (5 + 1) + 9 * 1 + (3 + 10 + 1)
    assert simulated([100.0], 1, times, 10.0) == pytest.approx(want)
