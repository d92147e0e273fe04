"""The filters of a live stream: order and number of frames, damaged ones, the ladder's steps, filters that fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamfix.conformance.fakes import clip
from streamfix.errors import FilterError
from streamfix.frame import Frame, Planes
from streamfix.live.health import Health
from streamfix.live.ladder.restoration import LiveRestoration
from streamfix.live.ladder.runner import LadderStep
from streamfix.live.policy import LivePolicy
from streamfix.pipeline import Stage
from tests.fakes.clock import Clock

CLIP = clip(40, 16, 8)
SLATE = clip(1, 16, 8, seed=5)[0].picture


class Filters(Stage):
    """A chain that holds frames back, takes its time, and fails when a test says so; each result is a new picture.

    given: what came in. of: the picture that a result was made of, by the result's identity.
    """

    def __init__(self, name: str, clock: Clock, held: int = 0, cost_s: float = 0.0) -> None:
        self.name, self.clock, self.held, self.cost_s = name, clock, held, cost_s
        self.given: list[Frame] = []
        self.fails: Callable[[Frame], bool] = lambda frame: False
        self.closed = 0
        self._waiting: list[Frame] = []

    def push(self, item: Any) -> Iterator[Any]:
        assert isinstance(item, Frame)
        self.clock.now_s += self.cost_s
        if item.cut:
            yield from self.flush()
        self.given.append(item)
        if self.fails(item):
            raise FilterError(f"{self.name}: out of luck at {item.pts}")
        self._waiting.append(item)
        while len(self._waiting) > self.held:
            yield self._result(self._waiting.pop(0))

    def flush(self) -> Iterator[Frame]:
        while self._waiting:
            yield self._result(self._waiting.pop(0))

    def report(self) -> dict[str, float]:
        return {"noise_luma": float(len(self.given))}

    def close(self) -> None:
        self.closed += 1

    def _result(self, frame: Frame) -> Frame:
        return frame.with_picture(Result(frame.picture, self.name))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A picture that knows which one it was made of, and by which chain."""

    source: Planes
    by: str

    @property
    def format(self) -> Any:
        return self.source.format

    @property
    def width(self) -> int:
        return self.source.width

    @property
    def height(self) -> int:
        return self.source.height

    def planes(self, color: Any) -> Planes:
        return self.source


class Live:
    """A restoration with steps of given costs and delays, a clock, and a camera of 25 fps."""

    def __init__(self, *stages: Filters | None, clock: Clock | None = None, **policy: Any) -> None:
        self.clock = clock or Clock()
        self.stages = stages
        self.made: Counter[str] = Counter()
        self.dropped = 0
        self.health = Health(clock=self.clock)
        self.stage = LiveRestoration(
            [LadderStep(s.name if s else "", s, self._maker(s) if s else None) for s in stages],
            LivePolicy(**policy),
            self.health,
            dropped=lambda: self.dropped,
            clock=self.clock,
        )

    def _maker(self, stage: Filters) -> Callable[[], Stage]:
        def make() -> Stage:
            self.made[stage.name] += 1
            return stage

        return make

    def feed(self, items: Sequence[Any]) -> list[Any]:
        """What comes out, the end not reached. Each frame comes when it is due, or when the last one is done."""
        out: list[Any] = []
        for item in items:
            self.clock.now_s += 0.04
            out += self.stage.push(replace(item, received_s=self.clock()) if isinstance(item, Frame) else item)
        return out

    def run(self, items: Sequence[Any]) -> list[Any]:
        return [*self.feed(items), *self.stage.flush()]


def by(frame: Frame) -> str:
    """Which chain made a frame's picture; empty if none did."""
    return frame.picture.by if isinstance(frame.picture, Result) else ""


def source(frame: Frame) -> Any:
    """The camera's picture that a frame's was made of."""
    return frame.picture.source if isinstance(frame.picture, Result) else frame.picture


KINDS = ("good", "good", "good", "cut", "damaged", "hold", "slate", "packet")


def stream(kinds: Sequence[str]) -> list[Any]:
    """Items of such kinds, frames with rising times."""
    items: list[Any] = []
    camera = CLIP[0]
    for i, kind in enumerate(kinds):
        frame = replace(CLIP[i % len(CLIP)], pts=1000 + 40 * i)
        if kind == "packet":
            items.append(f"packet {i}")
        elif kind == "hold":
            items.append(replace(frame, picture=camera.picture, standing_in=True))
        elif kind == "slate":
            items.append(replace(frame, picture=SLATE, standing_in=True))
        else:
            camera = replace(frame, cut=kind == "cut", damaged=kind == "damaged")
            items.append(camera)
    return items


@settings(max_examples=150, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(KINDS), max_size=80),
    held=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    costs=st.tuples(st.sampled_from([0.0, 0.03, 0.09]), st.sampled_from([0.0, 0.03, 0.09])),
    failing=st.sets(st.integers(0, 79), max_size=8),
    on_damaged=st.sampled_from(["pass", "hold"]),
)
def test_whatever_happens_one_out_for_each_in_in_order(
    kinds: list[str], held: tuple[int, int], costs: tuple[float, float], failing: set[int], on_damaged: Any
) -> None:
    clock = Clock()
    stages = [Filters(f"f{i}", clock, held[i], costs[i]) for i in range(2)]
    for s in stages:
        s.fails = lambda frame: (frame.pts - 1000) // 40 in failing
    live = Live(*stages, None, clock=clock, on_damaged=on_damaged)
    items = stream(kinds)
    out = live.run(items)

    want = [i for i in items if isinstance(i, Frame)]
    frames = [f for f in out if isinstance(f, Frame)]
    assert [f.pts for f in frames] == [f.pts for f in want]
    assert [(f.damaged, f.standing_in) for f in frames] == [(f.damaged, f.standing_in) for f in want]
    assert all(f.received_s is not None for f in frames)
    assert [i for i in out if isinstance(i, str)] == [i for i in items if isinstance(i, str)]
    # nothing is lost, nothing is counted that is not so
    assert live.health.report().counts.dropped == {}
    # the gate
    seen = [f for s in stages for f in s.given[1:]]
    assert not [f for f in seen if f.damaged or f.standing_in]
    assert all(by(f) == "" for f in frames if f.damaged and on_damaged == "pass")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(("good", "damaged", "slate")), min_size=1, max_size=60), st.integers(1, 3))
def test_what_was_emptied_begins_anew(kinds: list[str], held: int) -> None:
    """A frame follows its predecessor, or has `cut`, or only damaged frames were between them.

    A chain that holds nothing remembers across a camera that stalls: whether that is too long, `CutDetector` says.
    """
    clock = Clock()
    filters = Filters("f", clock, held)
    items = stream(kinds)
    Live(filters, None, clock=clock).run(items)
    numbers = {f.pts: i for i, f in enumerate(items)}
    for a, b in pairwise(filters.given[1:]):
        between = items[numbers[a.pts] + 1 : numbers[b.pts]]
        assert b.cut or all(f.damaged for f in between)


def test_every_step_has_seen_a_frame_of_the_size_before_it_is_needed() -> None:
    clock = Clock()
    stages = [Filters("a", clock, 2), Filters("b", clock), Filters("c", clock)]
    live = Live(*stages, None, clock=clock)
    live.feed(CLIP[:1])
    assert [len(s.given) for s in stages] == [2, 1, 1]
    assert all(f.cut for s in stages for f in s.given[:1])
    assert [f.pts for f in stages[0].given] == [1000, 1000]  # and its own frame comes as if nothing had been


def test_steps_that_were_made_ready_see_no_further_frame_for_that() -> None:
    clock = Clock()
    stages = [Filters("a", clock, 2), Filters("b", clock)]
    live = Live(*stages, None, clock=clock)
    live.stage.make_ready(CLIP[0])
    assert [[f.pts for f in s.given] for s in stages] == [[1000], [1000]]
    assert [f.pts for f in live.run(CLIP)] == [f.pts for f in CLIP]
    assert [len(s.given) for s in stages] == [1 + len(CLIP), 1]


@pytest.mark.parametrize("held", [0, 2])
def test_a_chain_that_is_too_slow_steps_down_and_the_frames_it_holds_come_first(held: int) -> None:
    clock = Clock()
    slow, light = Filters("slow", clock, held, 0.06), Filters("light", clock)
    live = Live(slow, light, None, clock=clock)
    out = live.run(CLIP)
    assert [f.pts for f in out] == [f.pts for f in CLIP]
    makers = [by(f) for f in out]
    assert makers == sorted(makers, reverse=True) and set(makers) == {"slow", "light"}
    assert light.given[1].cut  # [0] was to warm it up
    report = live.health.report()
    assert (report.step, report.step_name) == (1, "light")
    event = next(e for e in live.health.events if e.kind == "step")
    assert "a frame takes 60 ms and one comes every 40 ms" in event.text and "down to light" in event.text


def test_drops_in_front_of_it_and_what_they_leave_of_the_rate() -> None:
    """Every second frame was dropped: the time between the camera's frames stays the same."""
    clock = Clock()
    live = Live(Filters("a", clock, cost_s=0.07), None, clock=clock)
    for i in range(0, 2 * len(CLIP), 2):
        live.feed([replace(CLIP[i % len(CLIP)], pts=1000 + 40 * i)])
        live.dropped += 1
        if live.health.report().step:
            break
    texts = [e.text for e in live.health.events if e.kind == "step"]
    assert texts and "one comes every 40 ms" in texts[0] and "dropped" in texts[0]


def test_pass_through_is_the_very_frame() -> None:
    live = Live(None)
    out = live.run(CLIP)
    assert [f.picture for f in out] == [f.picture for f in CLIP]
    assert live.health.report().step_name == "pass-through"


def test_steps_are_told_up_from_pass_through_too() -> None:
    clock = Clock()
    busy = Filters("busy", clock, cost_s=0.06)
    live = Live(busy, None, clock=clock)
    frames = [replace(CLIP[i % 40], pts=1000 + 40 * i) for i in range(9000)]
    for frame in frames:
        live.feed([frame])
        busy.cost_s = 0.0 if live.health.report().step else busy.cost_s
    texts = [e.text for e in live.health.events if e.kind == "step"]
    assert ["down to pass-through" in texts[0], "up to busy" in texts[1]] == [True, True]
    assert live.health.report().step == 0


# -- damaged frames and those that stand in


@pytest.mark.parametrize(("on_damaged", "shown"), [("pass", 5), ("hold", 4)])
def test_a_damaged_frame_is_shown_as_it_is_or_the_last_restored_one_in_its_place(on_damaged: Any, shown: int) -> None:
    clock = Clock()
    frames = [replace(f, damaged=i == 5) for i, f in enumerate(CLIP[:8])]
    out = Live(Filters("f", clock, 2), None, clock=clock, on_damaged=on_damaged).run(frames)
    assert source(out[5]) is frames[shown].picture
    assert by(out[5]) == ("f" if on_damaged == "hold" else "")
    assert out[5].damaged and out[5].pts == frames[5].pts


def test_before_the_first_good_frame_a_damaged_one_is_shown_even_so() -> None:
    clock = Clock()
    frames = [replace(f, damaged=True) for f in CLIP[:3]]
    out = Live(Filters("f", clock), clock=clock, on_damaged="hold").run(frames)
    assert [f.picture for f in out] == [f.picture for f in frames]


def test_a_cut_that_a_damaged_frame_carries_is_not_lost() -> None:
    clock = Clock()
    filters = Filters("f", clock)
    frames = [replace(f, damaged=i == 3, cut=i == 3) for i, f in enumerate(CLIP[:6])]
    Live(filters, clock=clock).run(frames)
    assert [f.cut for f in filters.given[1:]] == [False, False, False, True, False]


def test_frames_do_not_wait_for_good_ones_longer_than_the_budget() -> None:
    clock = Clock()
    live = Live(Filters("f", clock, 2), None, clock=clock, max_latency_s=0.2)
    frames = [replace(f, damaged=i >= 5) for i, f in enumerate(CLIP[:20])]
    live.feed(frames[:5])
    out = [f.pts for f in live.feed(frames[5:12])]
    assert frames[4].pts in out and frames[11].pts in out


def test_the_picture_held_while_the_camera_is_away_is_the_restored_one() -> None:
    clock = Clock()
    live = Live(Filters("f", clock, 3), None, clock=clock)
    live.feed(CLIP[:6])
    out = live.feed([replace(CLIP[6 + i], picture=CLIP[5].picture, standing_in=True) for i in range(3)])
    assert [f.pts for f in out] == [f.pts for f in CLIP[3:9]]  # what was held does not wait for the camera
    assert [source(f) for f in out[2:]] == [CLIP[5].picture] * 4
    assert live.stage.latest is not None and live.stage.latest[0].pts == CLIP[5].pts


# -- filters that fail


def test_a_filter_that_fails_once_costs_its_own_frames_their_restoration() -> None:
    clock = Clock()
    filters = Filters("f", clock, 2)
    filters.fails = lambda frame: frame.pts == CLIP[6].pts and len(filters.given) > 5
    live = Live(filters, None, clock=clock)
    out = live.run(CLIP[:12])
    assert [f.pts for f in out] == [f.pts for f in CLIP[:12]]
    assert [i for i, f in enumerate(out) if by(f) != "f"][-1] == 6
    report = live.health.report()
    assert report.figures["filter_errors"] == 1 and report.step == 0
    assert live.made == {"f": 1} and filters.closed == 1
    after = next(f for f in filters.given if f.pts == CLIP[7].pts)
    assert after.cut
    assert [e.text for e in live.health.events if e.kind == "filter"] == [
        f"f failed, so its frames pass unfiltered: f: out of luck at {CLIP[6].pts}"
    ]


def test_a_filter_that_fails_again_and_again_is_left() -> None:
    clock = Clock()
    filters, light = Filters("f", clock), Filters("light", clock)
    filters.fails = lambda frame: len(filters.given) > 5
    live = Live(filters, light, None, clock=clock)
    out = live.run(CLIP)
    assert [f.pts for f in out] == [f.pts for f in CLIP]
    assert [by(f) for f in out] == ["f"] * 4 + [""] * 3 + ["light"] * 33
    report = live.health.report()
    assert report.step == 1 and report.figures["filter_errors"] == 3
    step = next(e.text for e in live.health.events if e.kind == "step")
    assert "f failed 3 times: f: out of luck at" in step


def test_a_filter_that_was_left_is_made_anew_and_tried_again() -> None:
    """A moment without memory is no reason to pass pictures unfiltered for months."""
    clock = Clock()
    filters = Filters("f", clock)
    filters.fails = lambda frame: clock.now_s < until_s
    until_s = clock.now_s + 130
    live = Live(filters, None, clock=clock)
    frames = stream(["good"] * 8000)
    out = live.run(frames)
    assert [f.pts for f in out] == [f.pts for f in frames]
    assert by(out[-1]) == "f" and live.health.report().step == 0
    assert live.made["f"] >= 3


def test_one_that_fails_at_the_first_frame_and_cannot_be_made_anew_is_left_too() -> None:
    clock = Clock()
    filters = Filters("f", clock)
    filters.fails = lambda frame: True

    def make() -> Stage:
        raise FilterError("no model")

    stage = LiveRestoration(
        [LadderStep("f", filters, make), LadderStep("")], LivePolicy(), health := Health(), clock=clock
    )
    out = [f for frame in CLIP[:5] for f in stage.push(frame)]
    assert [f.picture for f in out] == [f.picture for f in CLIP[:5]]
    assert health.report().step == 1
    assert "could not be made again: no model" in next(e.text for e in health.events if e.kind == "step")


# -- figures, and the end


def test_what_filters_measure_is_told_once_a_second() -> None:
    clock = Clock()
    live = Live(Filters("f", clock), clock=clock)
    seen = set()
    for frame in CLIP:
        live.feed([frame])
        seen.add(live.health.report().figures["noise_luma"])
    assert len(seen) == 2  # 40 frames are 1.6 s


def test_the_newest_pair_is_a_frame_and_what_became_of_it() -> None:
    clock = Clock()
    live = Live(Filters("f", clock, 2), None, clock=clock)
    live.feed(CLIP[:9])
    assert live.stage.latest is not None
    before, after = live.stage.latest
    assert before.picture is CLIP[6].picture and source(after) is CLIP[6].picture


def test_closing_closes_every_step_once() -> None:
    clock = Clock()
    stages = [Filters("a", clock), Filters("b", clock)]
    live = Live(*stages, None, clock=clock)
    live.feed(CLIP[:2])
    live.stage.close()
    assert [s.closed for s in stages] == [1, 1]
