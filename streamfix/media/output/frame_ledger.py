"""Accounts for each frame that an output was given: written, or left out and why."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from ...frame import Frame

Written = Callable[[Frame], None]
LeftOut = Callable[[Frame, str], None]


class FrameLedger:
    """Calls `written` or `left_out` once for each frame.

    A frame is written once its packet is muxed and known to arrive; a frame that is still in the encoder is neither
    written nor left out. If -r shows a frame several times, the first one counts.

    later: called in the place of `written` with how many seconds ago a frame was muxed, where libav has kept it since.
    """

    def __init__(
        self,
        written: Written,
        left_out: LeftOut,
        *,
        later: Callable[[Frame, float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._written, self._left_out, self._clock = written, left_out, clock
        self._later = later or (lambda frame, seconds: written(frame))
        self._waiting: deque[Frame] = deque()  # not in the encoder yet
        self._inside: dict[int, Frame] = {}  # by the pts that the encoder was given
        # Muxed, but not known to have arrived, with the time of that; None for a repetition.
        self._sent: deque[tuple[Frame | None, float]] = deque()
        self._arrived = 0  # how many of these there were before

    def accept(self, frame: Frame) -> None:
        """Enter a frame that the output was given."""
        self._waiting.append(frame)

    def encoding(self, frame: Frame | None, pts: int) -> None:
        """Note that a frame went into the encoder with that pts. frame: None for a repetition of the one before."""
        if frame is not None:
            self._waiting.remove(frame)
            self._inside[pts] = frame

    def muxed(self, pts: int | None, *, arrives: bool = True, let_go: int | None = None) -> None:
        """Note that a packet was muxed. Some encoders make pts of their own: then the oldest frame counts.

        arrives: it is known that the server takes it, and took what was sent before. let_go: how many of the packets
        that were muxed the muxer has written; None for all.
        """
        if pts not in self._inside and (pts is None or not self._inside or pts > max(self._inside)):
            pts = min(self._inside, default=None)
        frame = self._inside.pop(pts, None) if pts is not None else None
        self._sent.append((frame, self._clock()))
        if arrives:
            self.arrived(let_go)

    def arrived(self, count: int | None = None) -> None:
        """Note that of the packets muxed so far this many have arrived, all if it is None."""
        kept_back = count is not None
        while self._sent and (count is None or self._arrived < count):
            frame, muxed_s = self._sent.popleft()
            self._arrived += 1
            if frame is not None and kept_back:
                self._later(frame, self._clock() - muxed_s)
            elif frame is not None:
                self._written(frame)

    def left_out(self, frame: Frame, reason: str) -> None:
        """Note that a frame that was entered will not be written."""
        self._waiting.remove(frame)
        self._left_out(frame, reason)

    def give_up(self, reason: str) -> int:
        """Leave out all frames that are not written yet. Returns how many packets were muxed and have not arrived."""
        sent = [frame for frame, _ in self._sent if frame is not None]
        frames = [*sent, *self._inside.values(), *self._waiting]
        lost = len(self._sent)
        self._sent.clear()
        self._inside.clear()
        self._waiting.clear()
        for frame in frames:
            self._left_out(frame, reason)
        return lost
