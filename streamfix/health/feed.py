"""Shows an examiner frames as they come, as often as it needs them."""

from __future__ import annotations

from collections.abc import Callable

from ..frame import Frame
from .examiner import Examiner
from .faults import Change
from .sight import Box, sight_of

EVERY_S = 0.5


class Feed:
    """Called with each frame as it was recorded, in one thread. Two a second are looked at, the others cost nothing.

    tell: is called with each fault that begins or ends. clock: where the camera writes its clock.
    """

    def __init__(self, examiner: Examiner, tell: Callable[[Change], None], clock: Box | None = None) -> None:
        self._examiner, self._tell, self._clock = examiner, tell, clock
        self._next_s = float("-inf")

    def __call__(self, frame: Frame, at_s: float) -> None:
        """Show a frame. at_s: seconds of a clock that never goes back."""
        if at_s < self._next_s or frame.damaged or frame.standing_in:
            return
        late_s = at_s - self._next_s
        self._next_s = at_s + EVERY_S - (late_s if late_s < EVERY_S / 2 else 0.0)
        for change in self._examiner.see(sight_of(frame, self._clock), at_s):
            self._tell(change)
