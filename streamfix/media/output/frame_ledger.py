"""What becomes of each frame that an output was given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from ...frame import Frame

Written = Callable[[Frame], None]
LeftOut = Callable[[Frame, str], None]


class FrameLedger:
    """Tells of each frame once: it is written when its packet is muxed and arrives, or it is left out, and why.

    What is held back by an encoder is neither. A frame that is shown several times counts when it is the first time.
    """

    def __init__(self, written: Written, left_out: LeftOut) -> None:
        self._written, self._left_out = written, left_out
        self._waiting: deque[Frame] = deque()  # not in the encoder yet
        self._inside: dict[int, Frame] = {}  # by the pts that the encoder was given
        self._sent: list[Frame] = []  # while nobody has answered yet

    def accept(self, frame: Frame) -> None:
        """The output has a frame now."""
        self._waiting.append(frame)

    def encoding(self, frame: Frame | None, pts: int) -> None:
        """A frame has gone into the encoder; None: one that has been there before."""
        if frame is not None:
            self._waiting.remove(frame)
            self._inside[pts] = frame

    def muxed(self, pts: int | None, *, arrives: bool = True) -> None:
        """A packet is out. Encoders that make up times of their own: the oldest frame counts.

        arrives: it is known that somebody takes it, and what was sent before.
        """
        if pts not in self._inside and (pts is None or not self._inside or pts > max(self._inside)):
            pts = min(self._inside, default=None)
        frame = self._inside.pop(pts, None) if pts is not None else None
        if frame is not None:
            self._sent.append(frame)
        if arrives:
            self.arrived()

    def arrived(self) -> None:
        """All that was muxed has arrived."""
        sent, self._sent = self._sent, []
        for frame in sent:
            self._written(frame)

    def left_out(self, frame: Frame, reason: str) -> None:
        """A frame that is there will not be written."""
        self._waiting.remove(frame)
        self._left_out(frame, reason)

    def give_up(self, reason: str) -> None:
        """Nothing that is there will be written any more."""
        frames = [*self._sent, *self._inside.values(), *self._waiting]
        self._sent = []
        self._inside.clear()
        self._waiting.clear()
        for frame in frames:
            self._left_out(frame, reason)
