"""What one live output tells its stream's health: what became of its frames, and what keeps it from being written."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ...frame import Frame
from ..health import Health

_HOPE_S = 2.0  # how long a server that has not answered yet counts as healthy
_SLOW_S = 10.0  # after the last picture that was left out, until an output counts as healthy again


class OutputHealth:
    """Tells a stream's health what becomes of one output's frames; those of the first output are the stream's own.

    index: of the output, from 0. name: as it may be shown. Frames that stand in for the camera's do not count.
    """

    def __init__(
        self,
        health: Health,
        index: int,
        name: str,
        max_latency_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._health, self._index, self._name = health, index, name
        self._max_latency_s, self._clock = max_latency_s, clock

    def written(self, frame: Frame, ago_s: float = 0.0) -> None:
        """A frame was written. ago_s: how many seconds ago it was, as far as latency goes."""
        if frame.received_s is not None and not frame.standing_in:
            latency_s = self._clock() - ago_s - frame.received_s
            late = latency_s > self._max_latency_s
            self._health.output_wrote(self._index, late=late)
            if not self._index:
                self._health.written(latency_s, late=late)

    def left_out(self, frame: Frame, reason: str) -> None:
        """A frame will never be written."""
        if frame.received_s is not None and not frame.standing_in:
            self._health.output_left_out(self._index, reason)
            if not self._index:
                self._health.dropped(reason)

    def trouble(self, text: str) -> None:
        """What keeps the output from being written, empty if nothing does."""
        self._health.output(self._index, self._name, text)


class WriteWatch:
    """Watches one output's writes: tells its trouble when that changes, and says when to break off a write.

    clock: monotonic seconds. Methods are called from the thread that writes and from the one that gives.
    """

    def __init__(self, health: OutputHealth, name: str, clock: Callable[[], float]) -> None:
        self._health, self._name, self._clock = health, name, clock
        self._settled_s: float | None = None  # since when it works
        self._began_s: float | None = None  # when the write began that goes on now
        self._slow_s: float | None = None  # when a picture was last left out
        self._broken_off = False
        self._left_out = ""  # the streams that the container cannot hold
        self._say("")

    def writes(self) -> None:
        """A write begins."""
        self._began_s = self._clock()

    def wrote(self, *, settled: bool, left_out: Sequence[str] = ()) -> None:
        """The write is over.

        settled: what was written is known to have arrived. left_out: streams that the output goes on without, as
        sentences; they are its trouble while there is no worse.
        """
        self._left_out = "; ".join(left_out)
        was_stuck, self._broken_off, self._began_s = self._broken_off, False, None
        if settled and (self._settled_s is None or was_stuck):
            self._settled_s = self._clock()
            self._say("")

    def failed(self, why: str) -> float | None:
        """The output is down. Returns how many seconds it had worked, None if it never had."""
        worked_s = None if self._settled_s is None else self._clock() - self._settled_s
        self._settled_s = None
        self._say(why.removeprefix(f"{self._name}: "))
        return worked_s

    def lost_one(self, why: str = "") -> None:
        """The output was too slow for a picture. why: what follows "too slow"."""
        if self._slow_s is None and self._settled_s is not None:
            self._say(f"too slow{why}, pictures are left out")
        self._slow_s = self._clock()

    def is_stuck(self, limit_s: float) -> bool:
        """True, once, for a write that takes longer than limit_s. Also notices when the output is no longer slow."""
        now_s, began_s = self._clock(), self._began_s
        if self._slow_s is not None and now_s - self._slow_s > _SLOW_S:
            self._slow_s = None
            if self._settled_s is not None:
                self._say("")
        if began_s is None or self._broken_off:
            return False
        if self._settled_s is None and now_s - began_s > _HOPE_S:
            self._say("no answer yet")
        if now_s - began_s <= limit_s:
            return False
        self._broken_off = True
        self._say(f"no answer for {limit_s:g} s")
        return True

    def _say(self, trouble: str) -> None:
        self._health.trouble(trouble or self._left_out)
