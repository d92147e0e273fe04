"""What becomes of the frames of a live output."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from ..frame import Frame
from .health import Health


class Account:
    """Counts an output's frames; those of the first output are the stream's own, and its health is told.

    dropped: frames that were not written, by reason. Frames that stand in for the camera's do not count.
    """

    def __init__(
        self,
        health: Health,
        max_latency_s: float,
        *,
        first: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self._health = health if first else None
        self._max_latency_s, self._clock = max_latency_s, clock

    def written(self, frame: Frame) -> None:
        """A frame has left."""
        if self._health is not None and frame.received_s is not None and not frame.standing_in:
            latency_s = self._clock() - frame.received_s
            self._health.written(latency_s, late=latency_s > self._max_latency_s)

    def left_out(self, frame: Frame, reason: str) -> None:
        """A frame will never leave."""
        if frame.received_s is not None and not frame.standing_in:
            self.dropped[reason] += 1
            if self._health is not None:
                self._health.dropped(reason)
