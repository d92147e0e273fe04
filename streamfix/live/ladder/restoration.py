"""The filters of a live stream: lighter chains if need be, a way around for damaged frames, no crash that ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Any

from ...errors import StreamfixError
from ...frame import Frame
from ...pipeline import Stage, close_all
from ..health import Health
from ..policy import LivePolicy
from .bypass import Bypass, showing
from .ladder import FrameInterval
from .reorder import Released, Reorder
from .runner import LadderRunner, LadderStep


class LiveRestoration(Stage):
    """Restores a live stream with the heaviest chain that keeps up, see `Ladder`; one frame out for each in.

    steps: the whole chain, then lighter ones. Damaged frames and those that stand in go through none of them, but
    through `bypass`, see `LivePolicy.on_damaged`; a frame that stands in by repeating the camera's last picture shows
    what that was restored to. A filter that fails leaves its frames unrestored and nothing worse; one that fails again
    and again is not used for a time.
    scale: how many times larger the whole chain makes pictures. The pictures of all steps get the size and format that
    the whole chain gives the first frame. dropped: says how many frames were dropped so far in front of this stage.
    generative: names of the whole chain's filters that may invent detail. wants_coding: a filter of one of the steps
    looks at `Frame.coding`.

    latest: the camera's newest frame that has come out, and what it became.
    """

    name = "restore"

    def __init__(
        self,
        steps: Sequence[LadderStep],
        policy: LivePolicy,
        health: Health,
        *,
        scale: int | Fraction = 1,
        generative: Sequence[str] = (),
        wants_coding: bool = False,
        dropped: Callable[[], int] = lambda: 0,
        bypass: LadderStep | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy, self.health = policy, health
        self.runner = LadderRunner(steps, policy.max_latency_s, health, clock)
        self.latest: tuple[Frame, Frame] | None = None
        self.generative, self.wants_coding = tuple(generative), wants_coding
        self._bypass = Bypass(bypass or LadderStep(""), scale)
        self._dropped, self._clock = dropped, clock
        self._reorder = Reorder()
        self._interval = FrameInterval()
        self._warm = False
        self._cut = False  # the next frame does not follow the last one that the step has seen
        self._camera: Frame | None = None  # the last frame received
        self._restored: Frame | None = None  # the last one that a step gave
        self._swallowed = 0

    def make_ready(self, frame: Frame) -> None:
        """Let every step see a frame of the stream's size, which takes its time the first time.

        The first frame that is pushed does it where nobody has done it before.
        """
        if not self._warm:
            self._warm_up(frame)

    def push(self, item: Any) -> Iterator[Any]:
        if not isinstance(item, Frame):
            yield item
        else:
            self.make_ready(item)
            if item.standing_in:
                yield from self._empty()
                yield from self._shown(self._reorder.around(item))
            elif item.damaged:
                yield from self._around(item)
            else:
                yield from self._restore(item)
            yield from self._follow()

    def flush(self) -> Iterator[Frame]:
        yield from self._empty()

    def reset(self) -> None:
        for step in self.runner.all:
            if step.stage is not None:
                step.stage.reset()
        self._bypass.reset()
        self._reorder, self._interval = Reorder(), FrameInterval()
        self._warm, self._cut, self._swallowed = False, False, 0
        self._camera = self._restored = self.latest = None

    def report(self) -> Mapping[str, float]:
        return self.runner.current.report()

    def close(self) -> None:
        close_all((self.runner, self._bypass))

    # -- frames

    def _restore(self, frame: Frame) -> Iterator[Frame]:
        dropped = self._arrived(frame)
        begin_s = self._clock()
        if frame.cut:
            self.runner.ladder.begin(begin_s)
        if self._cut:
            frame, self._cut = replace(frame, cut=True), False
        self._reorder.into(frame, begin_s)
        outputs = self.runner.attempt(self.runner.index, partial(self.runner.current.push, frame))
        if outputs is None:
            self._cut = True
            yield from self._shown(self._reorder.give_up())
            return
        now_s = self._clock()
        left = [one for out in outputs for one in self._reorder.out(out)]
        ages_s = [now_s - one.frame.received_s for one in left if one.frame.received_s is not None and one.given]
        yield from self._shown(left)
        self._count_swallowed()
        self.runner.report(now_s)
        if self._interval.known:
            self.runner.ladder.observe(
                now_s,
                busy_s=now_s - begin_s,
                interval_s=self._interval.seconds,
                age_s=max(ages_s, default=0.0),
                dropped=dropped,
            )

    def _around(self, frame: Frame) -> Iterator[Frame]:
        self._arrived(frame)
        self._cut |= frame.cut
        held_s = self._reorder.oldest_s
        if held_s is not None and self._clock() - held_s > self.policy.max_latency_s:
            yield from self._empty()  # what it waits for may take long to come
        yield from self._shown(self._reorder.around(frame))

    def _arrived(self, frame: Frame) -> int:
        """Note a frame of the camera's; returns how many were dropped since the one before."""
        self._camera = frame
        return self._interval.passed(frame, self._dropped())

    def _shown(self, left: Iterable[Released]) -> Iterator[Frame]:
        """The released frames with the pictures that they are to show."""
        for one in left:
            frame = one.frame
            if not one.around:
                shown = self._restored = self._bypass.fitted(frame)
            elif self._restored is not None and self._repeats(frame):
                shown = showing(frame, self._restored)
            else:
                shown = self._untouched(frame)
            given = frame if one.around and not frame.standing_in else one.given
            if given is not None:
                self.latest = (given, shown)
            yield shown

    def _repeats(self, frame: Frame) -> bool:
        """True for a frame that shows the last restored picture instead of its own."""
        if frame.standing_in:
            return self._camera is not None and frame.picture is self._camera.picture
        return frame.damaged and self.policy.on_damaged == "hold"

    def _untouched(self, frame: Frame) -> Frame:
        try:
            return self._bypass(frame)
        except StreamfixError as error:
            self.health.note("filter", f"a frame that bypasses the filters: {error}")
            self._bypass.renew()
            return self._bypass.fitted(frame)

    def _empty(self) -> Iterator[Frame]:
        """Get out what the step holds; it begins again afterwards."""
        if self._reorder.oldest_s is not None:
            self._cut = True
            outputs = self.runner.attempt(self.runner.index, self.runner.current.flush)
            if outputs is None:
                yield from self._shown(self._reorder.give_up())
            else:
                yield from self._shown([one for out in outputs for one in self._reorder.out(out)])
                yield from self._shown(self._reorder.emptied())
        self._count_swallowed()

    def _count_swallowed(self) -> None:
        if self._reorder.swallowed > self._swallowed:
            self.health.dropped("filtered", self._reorder.swallowed - self._swallowed)
            self._swallowed = self._reorder.swallowed

    # -- steps

    def _follow(self) -> Iterator[Frame]:
        """Go to the step that the ladder says, after the present one has given what it holds."""
        if self.runner.must_step:
            yield from self._empty()
            self.runner.step()
            self._cut = True

    def _warm_up(self, frame: Frame) -> None:
        """Let every step see a frame of the stream's size, so that changing steps costs nothing later."""
        self._warm = True
        self._bypass.learn(frame, None)
        for index, step in enumerate(self.runner.all):
            outputs = self.runner.attempt(index, partial(step.alone, frame))
            self._cut |= outputs is None
            if index == 0 and outputs:
                self._bypass.learn(frame, outputs[0])
        self._interval.passed(frame, self._dropped())
