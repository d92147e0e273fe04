"""Which step of the ladder a stream should be on: lighter filters while the whole chain is too slow."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

from ...frame import Frame

# Trouble is judged over the last half second, or the last four frames if they took longer.
SHORT_S, SHORT_FRAMES = 0.5, 4
TROUBLE_S = 2.0  # trouble must last this long before a step down: one stall of the disk costs no quality
# For this long after a beginning only a step that is itself too slow counts as trouble: frames that gathered during the
# connection come in a burst, and are old or dropped however fast the step is.
SETTLE_S = 5.0
CALM_S = 10.0  # without trouble, before a heavier step is tried
TRY_S = 60.0  # a heavier step that is left again within this was tried too early: the next wait is twice as long
MOST_WAIT_S = 300.0  # the longest such wait
BAN_S, MOST_BAN_S = 60.0, 3600.0  # how long a step that fails is not used: twice as long each time, up to the latter
# How many waits a cost is remembered: other work that slowed the machine then, such as streams that began at the same
# moment, may be over.
REMEMBERED = 3.0
SPARE = 0.8  # a heavier step is tried if its frames took at most this share of the time between frames


@dataclass(frozen=True, slots=True)
class _Seen:
    at_s: float
    busy_s: float
    interval_s: float
    age_s: float
    dropped: int


@dataclass(slots=True)
class _Memory:
    """What is remembered of one step.

    cost_s: what a frame took when the step was last left, at left_s. wait_s: how long it must be calm before a try.
    """

    cost_s: float = 0.0
    left_s: float = float("-inf")
    wait_s: float = CALM_S
    banned_until_s: float = float("-inf")
    ban_s: float = BAN_S


class Ladder:
    """Decides after each frame which step to use: 0 is the whole chain, the last one the lightest.

    It goes down by one when, for two seconds, a frame takes longer than the time between frames, or frames are dropped,
    or most of them are older than budget_s. It goes up by one after ten seconds without any of these, if the heavier
    step's cost when it was left fits into the time between frames with a fifth to spare, or is too long ago to count.
    A heavier step that shows trouble within its first seconds is left at once. One that is left within a minute is
    tried again after twice the wait, up to five minutes. In the first seconds after a beginning (see `begin`) only
    frames that take too long count as trouble.

    patience: factor on all waits. Streams that share a machine need different ones: streams that climb at the same
    moment slow each other down, and all fail.

    step: to use now. reason: why it is this one. The ladder has no clock of its own: calls say what time it is.
    """

    def __init__(self, steps: int, budget_s: float, patience: float = 1.0) -> None:
        if steps < 1:
            raise ValueError(f"a ladder has at least one step, got {steps}")
        self.step = 0
        self.reason = "the whole chain"
        self._budget_s, self._patience = budget_s, patience
        self._memories = [_Memory() for _ in range(steps)]
        self._seen: deque[_Seen] = deque()
        self._stepped_s: float | None = None  # when the step was entered; None before the first frame
        self._trouble_s: float | None = None  # since when there is trouble
        self._calm_s = 0.0  # since when there is none
        self._begun_s = 0.0
        self._climbed = False

    def observe(self, now_s: float, *, busy_s: float, interval_s: float, age_s: float, dropped: int) -> int:
        """Note a frame, and return the step for the next one.

        busy_s: seconds that the step took for it. interval_s: between two frames of the camera. age_s: since it was
        received. dropped: frames dropped since the previous call.
        """
        if self._stepped_s is None:
            self._stepped_s = self._calm_s = now_s
            self.begin(now_s)
        self._seen.append(_Seen(now_s, busy_s, interval_s, age_s, dropped))
        while len(self._seen) > SHORT_FRAMES and self._seen[0].at_s < now_s - SHORT_S:
            self._seen.popleft()
        if len(self._seen) < SHORT_FRAMES or now_s - self._stepped_s < SHORT_S:
            return self.step
        trouble = self._trouble(settled=now_s - self._begun_s >= SETTLE_S)
        if trouble:
            self._calm_s = now_s
            self._trouble_s = now_s - SHORT_S if self._trouble_s is None else self._trouble_s
            on_trial = self._climbed and now_s - self._stepped_s < TROUBLE_S
            lower = self._next(1, now_s)
            if lower is not None and (on_trial or now_s - self._trouble_s >= TROUBLE_S):
                self._down(now_s, lower, trouble)
        else:
            self._trouble_s = None
            upper = self._next(-1, now_s)
            if upper is not None and self._fits(now_s, upper):
                calm_s = now_s - self._calm_s
                self._enter(now_s, upper, f"{calm_s:.0f} s without trouble; trying it again")
                self._climbed = True
        return self.step

    def forbid(self, now_s: float, step: int, reason: str) -> int:
        """Do not use a step for a time, longer each time; never the last one. Returns the step for the next frame."""
        if step == len(self._memories) - 1:
            return self.step
        memory = self._memories[step]
        memory.banned_until_s = now_s + memory.ban_s
        memory.ban_s = min(2 * memory.ban_s, MOST_BAN_S)
        if step == self.step and (lower := self._next(1, now_s)) is not None:
            self._enter(now_s, lower, reason)
        return self.step

    def pause(self) -> None:
        """Forget the last frames: something other than the step has taken time."""
        self._seen.clear()
        self._trouble_s = None

    def begin(self, now_s: float) -> None:
        """Note that the camera's connection has begun, for the first time or again."""
        self._begun_s = now_s

    def _trouble(self, settled: bool) -> str:
        """What is wrong with the last frames, in words with figures; empty if nothing is."""
        seen = self._seen
        busy_s, interval_s = self._cost_s(), sum(s.interval_s for s in seen) / len(seen)
        dropped = sum(s.dropped for s in seen)
        age_s = sorted(s.age_s for s in seen)[len(seen) // 2]
        said = []
        if busy_s > interval_s:
            said.append(f"a frame takes {busy_s * 1e3:.0f} ms and one comes every {interval_s * 1e3:.0f} ms")
        elif not settled:
            return ""
        if dropped:
            said.append(f"{dropped} of {dropped + len(seen)} frames dropped")
        if age_s > self._budget_s:
            said.append(f"frames are {age_s * 1e3:.0f} ms old, {self._budget_s * 1e3:.0f} ms are allowed")
        return ", ".join(said)

    def _cost_s(self) -> float:
        """Seconds that the step takes for a frame, the mean over the last ones."""
        return sum(s.busy_s for s in self._seen) / len(self._seen)

    def _fits(self, now_s: float, upper: int) -> bool:
        memory = self._memories[upper]
        if now_s - self._calm_s < self._patience * memory.wait_s:
            return False
        remembered_s = self._patience * min(REMEMBERED * memory.wait_s, MOST_WAIT_S)
        return memory.cost_s <= SPARE * self._seen[-1].interval_s or now_s - memory.left_s >= remembered_s

    def _down(self, now_s: float, lower: int, reason: str) -> None:
        memory = self._memories[self.step]
        memory.cost_s, memory.left_s = self._cost_s(), now_s
        assert self._stepped_s is not None
        too_early = self._climbed and now_s - self._stepped_s < TRY_S
        memory.wait_s = min(2 * memory.wait_s, MOST_WAIT_S) if too_early else CALM_S
        self._enter(now_s, lower, reason)

    def _enter(self, now_s: float, step: int, reason: str) -> None:
        self.step, self.reason = step, reason
        self._stepped_s = self._calm_s = now_s
        self._climbed = False
        self.pause()

    def _next(self, direction: int, now_s: float) -> int | None:
        """The nearest step that is allowed, down (1) or up (-1)."""
        step = self.step + direction
        while 0 <= step < len(self._memories):
            if now_s >= self._memories[step].banned_until_s:
                return step
            step += direction
        return None


_GROUP, _GROUPS = 5, 9  # frames are taken in fives: it is chance which of them a dropped one is counted with


class FrameInterval:
    """The usual time between two frames of a camera, dropped ones counted in; a gap does not count.

    From timestamps: times of arrival say more about the network.
    """

    def __init__(self) -> None:
        self._groups: deque[tuple[float, int, int]] = deque(maxlen=_GROUPS)  # seconds, frames in them, frames seen
        self._last_s: float | None = None
        self._dropped = 0

    def passed(self, frame: Frame, dropped: int) -> int:
        """Note the next frame. dropped: frames dropped so far. Returns how many of them since the previous call."""
        new, self._dropped = dropped - self._dropped, dropped
        last_s, self._last_s = self._last_s, frame.time_s
        if last_s is not None and frame.time_s > last_s and not frame.cut:
            seconds, frames, seen = 0.0, 0, 0
            if self._groups and self._groups[-1][2] < _GROUP:
                seconds, frames, seen = self._groups.pop()
            self._groups.append((seconds + frame.time_s - last_s, frames + 1 + new, seen + 1))
        return new

    @property
    def known(self) -> bool:
        """True once there were two frames in a row."""
        return bool(self._groups)

    @property
    def seconds(self) -> float:
        """Seconds from frame to frame."""
        return median(seconds / frames for seconds, frames, _ in self._groups)
