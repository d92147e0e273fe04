"""What becomes of the frames of a live output."""

from __future__ import annotations

import time
from collections.abc import Callable

from ...frame import Frame
from ..health import Health


class Account:
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

    def written(self, frame: Frame) -> None:
        """A frame has left."""
        if frame.received_s is not None and not frame.standing_in:
            latency_s = self._clock() - frame.received_s
            late = latency_s > self._max_latency_s
            self._health.output_wrote(self._index, late=late)
            if not self._index:
                self._health.written(latency_s, late=late)

    def left_out(self, frame: Frame, reason: str) -> None:
        """A frame will never leave."""
        if frame.received_s is not None and not frame.standing_in:
            self._health.output_left_out(self._index, reason)
            if not self._index:
                self._health.dropped(reason)

    def trouble(self, text: str) -> None:
        """What keeps the output from being written, empty if nothing does."""
        self._health.output(self._index, self._name, text)
