"""Accounts for each frame that an output was given: written, or left out and why."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ...frame import Frame

Written = Callable[[Frame], None]
LeftOut = Callable[[Frame, str], None]


class FrameLedger:
    """Calls `written` or `left_out` once for each frame.

    A frame is written once its packet is muxed and known to arrive; a frame that is still in the encoder is neither
    written nor left out. If -r shows a frame several times, the first one counts.
    """

    def __init__(self, written: Written, left_out: LeftOut) -> None:
        self._written, self._left_out = written, left_out
        self._waiting: deque[Frame] = deque()  # not in the encoder yet
        self._inside: dict[int, Frame] = {}  # by the pts that the encoder was given
        self._sent: list[Frame] = []  # muxed, but not known to have arrived

    def accept(self, frame: Frame) -> None:
        """Enter a frame that the output was given."""
        self._waiting.append(frame)

    def encoding(self, frame: Frame | None, pts: int) -> None:
        """Note that a frame went into the encoder with that pts. frame: None for a repetition of the one before."""
        if frame is not None:
            self._waiting.remove(frame)
            self._inside[pts] = frame

    def muxed(self, pts: int | None, *, arrives: bool = True) -> None:
        """Note that a packet was muxed. Some encoders make pts of their own: then the oldest frame counts.

        arrives: it is known that the server takes it, and took what was sent before.
        """
        if pts not in self._inside and (pts is None or not self._inside or pts > max(self._inside)):
            pts = min(self._inside, default=None)
        frame = self._inside.pop(pts, None) if pts is not None else None
        if frame is not None:
            self._sent.append(frame)
        if arrives:
            self.arrived()

    def arrived(self) -> None:
        """Note that everything muxed so far has arrived."""
        sent, self._sent = self._sent, []
        for frame in sent:
            self._written(frame)

    def left_out(self, frame: Frame, reason: str) -> None:
        """Note that a frame that was entered will not be written."""
        self._waiting.remove(frame)
        self._left_out(frame, reason)

    def give_up(self, reason: str) -> None:
        """Leave out all frames that are not written yet."""
        frames = [*self._sent, *self._inside.values(), *self._waiting]
        self._sent = []
        self._inside.clear()
        self._waiting.clear()
        for frame in frames:
            self._left_out(frame, reason)
