"""Puts pictures in order that a decoder lets out too early because others before them are damaged."""

from __future__ import annotations

from collections.abc import Sequence

import av


class Order:
    """Holds back a picture that leaves a gap until the next one is here, which may lie before it.

    HEVC's decoder lets pictures out by a count that damage upsets: the keyframe first, the two before it after it.
    longest: the longest usual step, in units of the stream's time base; None if there is none. active: False passes
    everything.
    """

    def __init__(self, longest: int | None, *, active: bool) -> None:
        self._longest = longest if active else None
        self._held: list[av.VideoFrame] = []
        self._last: int | None = None

    def push(self, frames: Sequence[av.VideoFrame]) -> list[av.VideoFrame]:
        """The frames that follow, in order."""
        if self._longest is None:
            return list(frames)
        out: list[av.VideoFrame] = []
        for frame in frames:
            at = frame.pts
            while self._held and (at is None or at > (self._held[0].pts or 0)):
                self._pass(self._held.pop(0), out)
            gap = at is not None and self._last is not None and at - self._last > self._longest
            if self._held or not gap:
                self._pass(frame, out)
            else:
                self._held.append(frame)
        return out

    def flush(self, frames: Sequence[av.VideoFrame]) -> list[av.VideoFrame]:
        """The frames that follow and the one that is held: nothing comes after them."""
        out = self.push(frames)
        held, self._held = self._held, []
        return out + held

    def restart(self) -> None:
        """Forget what came before; nothing may be held."""
        self._held.clear()
        self._last = None

    def _pass(self, frame: av.VideoFrame, out: list[av.VideoFrame]) -> None:
        self._last = frame.pts
        out.append(frame)
