"""The newest frame, kept for a program that comes for it when it has time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from ...frame import Frame
from ...pipeline import Stage
from ..health import Health


class Newest(Stage):
    """The last stage of a stream whose reader takes frames when it has time for one.

    A frame that nobody came for before the next one is missed, and counted as such; its cut is told by the next one.
    max_latency_s: frames that are taken later than this after they were received count as late.
    over: nothing more comes.
    """

    name = "newest"

    def __init__(self, health: Health, max_latency_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.over = False
        self._health, self._max_latency_s, self._clock = health, max_latency_s, clock
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._wake: list[Callable[[], object]] = []

    def push(self, item: Any) -> Iterable[Any]:
        if isinstance(item, Frame):
            with self._changed:
                missed, self._frame = self._frame, item
                if missed is not None:
                    if missed.cut:
                        self._frame = replace(item, cut=True)
                    if not missed.standing_in:
                        self._health.dropped("missed")
                self._tell()
        return ()

    def flush(self) -> Iterable[Any]:
        self.abort()
        return ()

    def reset(self) -> None:
        with self._changed:
            self._frame = None

    def abort(self) -> None:
        """Nothing more comes: whoever waits is told."""
        with self._changed:
            self.over = True
            self._tell()

    def take(self, timeout_s: float | None = None, otherwise: Callable[[], object] | None = None) -> Frame | None:
        """The newest frame, each once; None if none comes within timeout_s, or none at all any more.

        otherwise: called, once and from another thread, when it is worth another try; where no frame was there.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self.over, timeout_s)
            frame, self._frame = self._frame, None
            if frame is None:
                if otherwise is not None and not self.over:
                    self._wake.append(otherwise)
                return None
        if not frame.standing_in:
            age_s = None if frame.received_s is None else self._clock() - frame.received_s
            self._health.written(age_s, late=age_s is not None and age_s > self._max_latency_s)
        return frame

    def _tell(self) -> None:
        self._changed.notify_all()
        wake, self._wake = self._wake, []
        for call in wake:
            call()
