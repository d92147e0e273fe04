"""Tells the pictures that have piled up since a camera was connected from those that come as it takes them."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

from ...frame import Frame

_PACE = Fraction(7, 10)  # of the time between pictures: those that are waited for as long were not there yet
_SOME_S = Fraction(1, 5)  # of video that is judged together: a busy machine makes one of them wait by itself
_LONGEST_S = 3.0  # that pictures are left out


class PiledUp:
    """Leaves out what has waited. Reading and decoding that is far quicker than the camera is.

    A camera is looked into for a second or more before its first picture is there, and filters take their time to be
    made ready. If all that came meanwhile were restored, the stream would begin late and the filters would seem too
    slow, so that a lighter step took their place for a minute.

    first: the frame behind which they have piled up. now_s: when this is asked for the first time.
    left_out: how many pictures. over: True once a few were waited for; the last of them and all that follow are wanted.
    """

    def __init__(self, first: Frame, now_s: float) -> None:
        self.left_out = 0
        self.over = False
        self._last_s = first.pts * first.time_base
        self._until_s = now_s + _LONGEST_S
        self._seen: deque[tuple[Fraction, float]] = deque()  # seconds of video, and waited for

    def waited_for(self, frame: Frame | None, waited_s: float, now_s: float) -> bool:
        """Whether a frame is wanted that was waited for so long; None if there was none. To be asked until `over`."""
        if frame is None:
            self.over = True
            return True
        last_s, self._last_s = self._last_s, frame.pts * frame.time_base
        self._seen.append((self._last_s - last_s, waited_s))
        while sum(video_s for video_s, _ in self._seen) - self._seen[0][0] >= _SOME_S:
            self._seen.popleft()
        video_s, together_s = (sum(part) for part in zip(*self._seen, strict=True))
        self.over = (video_s >= _SOME_S and together_s >= _PACE * video_s) or now_s >= self._until_s
        self.left_out += not self.over
        return self.over
