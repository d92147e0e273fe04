"""When the pictures of an output were taken."""

from __future__ import annotations

import time
from datetime import datetime
from fractions import Fraction

from ...frame import Frame
from ..source_info import SourceInfo


class TakenTimes:
    """Unix times of an output's pictures.

    newest: the picture that is being written. shift_s: what is added to the input's times, in seconds.
    """

    def __init__(self, source: SourceInfo, shift_s: Fraction, *, live: bool) -> None:
        self._source, self._live = source, live
        self.newest: Frame | None = None
        self.shift_s = shift_s

    def __call__(self, at_s: Fraction | None) -> float | None:
        """When the picture at a time of the output was taken; None if nobody knows.

        That is when it came, of a camera: its own clock may be wrong, and this machine's may have been set meanwhile.
        at_s: seconds; None for the newest picture, which is the first when the output is opened.
        """
        frame = self.newest
        if frame is None:
            return None
        newest_s = frame.pts * frame.time_base
        at_s = newest_s if at_s is None else at_s
        if self._live:
            age_s = 0.0 if frame.received_s is None else time.monotonic() - frame.received_s
            return time.time() - age_s - float(newest_s - at_s)
        try:
            begun_s = datetime.fromisoformat(self._source.metadata["creation_time"]).timestamp()
        except (KeyError, ValueError):
            return None
        return begun_s + float(at_s - self.shift_s - self._source.begin_s)
