"""The ladder: down when a step cannot keep up, up again with patience. Machine and clock are simulated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.live.ladder.ladder import CALM_S, MOST_WAIT_S, SETTLE_S, TROUBLE_S, TRY_S, Ladder

INTERVAL_S = 0.04
BUDGET_S = 0.2
Cost = Callable[[float, int], float]  # (now, step) -> seconds a frame takes


class Machine:
    """A camera of 25 fps, a channel of depth 1 that drops, and steps that take given times per frame.

    changes: (when, step) of each change, the first frame's included. late_s: age of each frame that came out.
    """

    def __init__(self, steps: int, cost: Cost, interval_s: float = INTERVAL_S) -> None:
        self.ladder = Ladder(steps, BUDGET_S)
        self.cost, self.interval_s = cost, interval_s
        self.now_s = 0.0
        self.next_frame = 0
        self.changes = [(0.0, 0)]
        self.reasons = [self.ladder.reason]
        self.given = self.dropped = self.restored = 0

    def run(self, until_s: float) -> Machine:
        while self.now_s < until_s:
            newest = int(self.now_s / self.interval_s)
            if newest < self.next_frame:
                self.now_s = newest = self.next_frame
                self.now_s *= self.interval_s
            dropped, self.next_frame = newest - self.next_frame, newest + 1
            busy_s = self.cost(self.now_s, self.ladder.step)
            self.now_s += busy_s
            self.dropped, self.restored = self.dropped + dropped, self.restored + 1
            step = self.ladder.observe(
                self.now_s,
                busy_s=busy_s,
                interval_s=self.interval_s,
                age_s=self.now_s - newest * self.interval_s,
                dropped=dropped,
            )
            if step != self.changes[-1][1]:
                self.changes.append((self.now_s, step))
                self.reasons.append(self.ladder.reason)
        return self

    @property
    def steps(self) -> list[int]:
        return [step for _, step in self.changes]


def fixed(*costs: float) -> Cost:
    return lambda now_s, step: costs[step]


costs = st.floats(0.001, 0.3)


@settings(max_examples=40, deadline=None)
@given(st.lists(costs, min_size=1, max_size=4).map(lambda c: sorted(c, reverse=True)))
def test_a_steady_machine_ends_on_the_heaviest_step_that_keeps_up(found: Sequence[float]) -> None:
    fits = [i for i, cost in enumerate(found) if cost <= INTERVAL_S * 0.99] or [len(found) - 1]
    if any(0.99 * INTERVAL_S < cost < 1.02 * INTERVAL_S for cost in found):
        return  # on the edge either answer is right
    assert Machine(len(found), fixed(*found)).run(60).ladder.step == fits[0]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0.5, 40), costs, costs, costs), min_size=1, max_size=12))
def test_it_moves_by_one_never_flutters_and_always_says_why(phases: list[tuple[float, float, float, float]]) -> None:
    ends = [sum(p[0] for p in phases[: i + 1]) for i in range(len(phases))]

    def cost(now_s: float, step: int) -> float:
        return phases[next((i for i, end in enumerate(ends) if now_s < end), -1)][1 + step]

    machine = Machine(3, cost).run(ends[-1])
    climbed_s = float("-inf")
    for (before_s, before), (at_s, step) in zip(machine.changes, machine.changes[1:], strict=False):
        assert abs(step - before) == 1
        # down needs time of trouble, but for a try; up needs calm
        least_s = CALM_S if step < before else 0.0 if before_s == climbed_s else TROUBLE_S - 0.5
        assert at_s - before_s >= least_s
        climbed_s = at_s if step < before else climbed_s
    assert all(machine.reasons)


def test_a_model_that_is_too_slow_by_half_is_left_within_seconds_and_hardly_tried_again() -> None:
    machine = Machine(3, fixed(0.08, 0.05, 0.01)).run(600)
    assert machine.steps[:3] == [0, 1, 2]
    assert machine.changes[2][0] < 2 * (TROUBLE_S + 1)
    assert machine.restored + machine.dropped == machine.next_frame  # all are accounted for
    share = sum(b - a for (a, r), (b, _) in zip(machine.changes, machine.changes[1:], strict=False) if r < 2) / 600
    assert share < 0.02
    assert machine.dropped < 150  # of 15,000
    assert "takes 80 ms and one comes every 40 ms" in machine.reasons[1]


def test_it_climbs_back_once_the_machine_is_free() -> None:
    machine = Machine(2, lambda now_s, step: (0.07 if now_s < 30 else 0.02) if step == 0 else 0.01).run(
        30 + MOST_WAIT_S
    )
    assert machine.steps == [0, 1, 0]
    assert machine.changes[1][0] < TROUBLE_S + 1


def test_a_crowd_at_the_start_is_forgotten_within_a_minute() -> None:
    """Eight streams that begin at once slow each other down; a frame's cost then says nothing about later."""
    machine = Machine(2, lambda now_s, step: (0.05 if now_s < 5 else 0.02) if step == 0 else 0.005).run(60)
    assert machine.steps == [0, 1, 0]
    assert machine.changes[2][0] < 40


@pytest.mark.parametrize("patience", [1.0, 1.5, 2.0])
def test_streams_with_another_patience_climb_at_other_times(patience: float) -> None:
    ladder, stepped, step = Ladder(2, BUDGET_S, patience), list[float](), 0
    for i in range(3000):
        new = ladder.observe(i * 0.04, busy_s=0.01, interval_s=0.04, age_s=0.02, dropped=int(200 <= i < 300))
        if new != step:
            stepped.append(i * 0.04)
            step = new
    assert step == 0
    assert stepped[1] - stepped[0] == pytest.approx(patience * CALM_S, abs=3)


def test_a_cost_that_is_known_to_fit_is_tried_after_ten_seconds_of_calm() -> None:
    """Trouble that the step did not make, such as an encoder that is too slow, says nothing of its cost."""
    ladder = Ladder(2, BUDGET_S)
    entered_s = None
    for i in range(2000):
        step = ladder.observe(i * 0.04, busy_s=0.01, interval_s=0.04, age_s=0.02, dropped=int(200 <= i < 300))
        if step == 1 and entered_s is None:
            entered_s = i * 0.04
            assert "dropped" in ladder.reason
        if entered_s is not None and step == 0:
            assert CALM_S <= i * 0.04 - entered_s < CALM_S + 3
            assert "trying" in ladder.reason
            return
    pytest.fail("it never came back")


def test_each_failed_try_doubles_the_wait_up_to_five_minutes() -> None:
    """Step 0 always drops, for no reason that its cost shows."""
    ladder, stepped, step = Ladder(2, BUDGET_S), list[tuple[float, int]](), 0
    for i in range(int(1800 / 0.04)):
        new = ladder.observe(i * 0.04, busy_s=0.01, interval_s=0.04, age_s=0.02, dropped=int(step == 0 and i % 3 == 0))
        if new != step:
            stepped.append((i * 0.04, new))
            step = new
    downs = [at for at, r in stepped if r == 1]
    ups = [at for at, r in stepped if r == 0]
    waits = [round(up - down) for down, up in zip(downs, ups, strict=False)]
    assert waits[:6] == pytest.approx([10, 20, 40, 80, 160, 300], abs=1)
    assert set(waits[6:]) <= {300}
    assert all(down - up < 1 for up, down in zip(ups, downs[1:], strict=False))  # a try is given up at once


def test_a_step_that_held_for_a_minute_was_no_failed_try() -> None:
    phases = [(20, 0.07), (20 + MOST_WAIT_S + TRY_S + 5, 0.02), (20 + MOST_WAIT_S + TRY_S + 30, 0.07), (1e9, 0.02)]
    machine = Machine(2, lambda now_s, r: 0.01 if r else next(c for end, c in phases if now_s < end))
    machine.run(1000)
    assert machine.steps == [0, 1, 0, 1, 0]
    assert machine.ladder._memories[0].wait_s == CALM_S


def test_one_stall_costs_no_quality() -> None:
    machine = Machine(2, lambda now_s, step: 1.2 if 10 < now_s < 10.5 else 0.01).run(30)
    assert machine.steps == [0]
    assert machine.dropped > 20


def test_the_burst_of_a_beginning_costs_no_quality() -> None:
    """What gathered while a connection was made is old, and a part of it dropped, the first time and again."""
    ladder = Ladder(2, BUDGET_S)
    for i in range(1500):
        if i == 750:
            ladder.begin(i * 0.04)
        burst = i % 750 < 100
        step = ladder.observe(
            i * 0.04, busy_s=0.03, interval_s=0.04, age_s=0.5 if burst else 0.05, dropped=3 if burst else 0
        )
        assert step == 0


def test_frames_too_old_are_trouble_too() -> None:
    ladder = Ladder(2, BUDGET_S)
    for i in range(int((SETTLE_S + TROUBLE_S + 1) / 0.04)):
        ladder.observe(i * 0.04, busy_s=0.01, interval_s=0.04, age_s=0.25, dropped=0)
    assert ladder.step == 1
    assert ladder.reason == "frames are 250 ms old, 200 ms are allowed"


@pytest.mark.parametrize("fps", [1, 5, 25, 120])
def test_it_works_at_any_rate(fps: int) -> None:
    machine = Machine(2, fixed(2 / fps, 0.1 / fps), 1 / fps).run(max(10.0, 12 / fps))
    assert machine.steps == [0, 1]


def test_what_took_time_beside_the_step_is_not_held_against_it() -> None:
    ladder = Ladder(2, BUDGET_S)
    for i in range(200):
        ladder.pause()
        assert ladder.observe(i * 0.04, busy_s=0.08, interval_s=0.04, age_s=0.3, dropped=1) == 0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=6))
def test_a_forbidden_step_is_left_alone_and_the_last_one_cannot_be(forbidden: list[int]) -> None:
    machine = Machine(4, fixed(0.03, 0.02, 0.01, 0.0))
    for step in forbidden:
        machine.ladder.forbid(machine.now_s, step, "it failed")
        machine.run(machine.now_s + 3)
        assert machine.ladder.step not in set(forbidden[: forbidden.index(step) + 1]) - {3}
    assert machine.ladder.step == min(set(range(3)) - set(forbidden), default=3)


def test_a_forbidden_step_is_tried_again_later_and_later() -> None:
    machine = Machine(2, fixed(0.01, 0.0))
    tried_s = []
    for _ in range(3):
        machine.ladder.forbid(machine.now_s, 0, "it failed")
        banned_s = machine.now_s
        assert machine.ladder.step == 1
        while machine.ladder.step == 1:
            machine.run(machine.now_s + 1)
        tried_s.append(machine.now_s - banned_s)
    assert tried_s == pytest.approx([60, 120, 240], abs=3)


def test_a_ladder_has_a_step() -> None:
    with pytest.raises(ValueError, match="at least one step, got 0"):
        Ladder(0, BUDGET_S)
    machine = Machine(1, fixed(0.1)).run(10)
    assert machine.steps == [0]
