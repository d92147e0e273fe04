"""Keeps frames in order where some go through filters, which may hold them, and some go around them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from ...frame import Frame

_MOST_HELD = 32  # more than any look-ahead; frames that a filter like `select` swallows must not pile up


@dataclass(frozen=True, slots=True)
class Released:
    """A frame that comes out. given: the frame that went in for it; None if it went around or a filter made it up."""

    frame: Frame
    given: Frame | None
    around: bool = False


class Reorder:
    """Tracks the frames inside one stage, and holds those around it until the ones before them come out.

    Most stages give one frame for each. libavfilter's may give more or fewer, at other times: then a frame that comes
    out stands for the last one inside that is not later. Times of frames must increase.

    swallowed: frames for which nothing came out.
    """

    def __init__(self) -> None:
        self.swallowed = 0
        self._inside: deque[tuple[Frame, float]] = deque()
        self._around: deque[tuple[Fraction | None, Frame]] = deque()  # after the frame inside of which time
        self._last: Fraction | None = None

    @property
    def oldest_s(self) -> float | None:
        """When the frame that has been inside the longest went in; None if none is inside."""
        return self._inside[0][1] if self._inside else None

    def into(self, frame: Frame, now_s: float) -> None:
        """Note a frame that goes into the stage."""
        self._inside.append((frame, now_s))
        if len(self._inside) > _MOST_HELD:
            self._inside.popleft()
            self.swallowed += 1

    def around(self, frame: Frame) -> Iterator[Released]:
        """Take a frame around the stage; it comes out behind those that are inside."""
        self._around.append((_time(self._inside[-1][0]) if self._inside else None, frame))
        yield from self._free()

    def out(self, frame: Frame) -> Iterator[Released]:
        """Take a frame that has come out of the stage."""
        time = _time(frame)
        given = self._given(time)
        yield from self._free(time)
        if given is None and self._last is not None and time <= self._last:
            return  # made up by a filter, too late: a frame that went around has overtaken it
        self._last = time
        received_s = None if given is None else given.received_s
        yield Released(frame if frame.received_s == received_s else replace(frame, received_s=received_s), given)
        if given is not None:
            self._inside.popleft()
        yield from self._free()

    def give_up(self) -> Iterator[Released]:
        """Release everything after the stage failed: frames inside come out as they went in."""
        inside, self._inside = self._inside, deque()
        around, self._around = self._around, deque()
        for frame, _ in inside:
            while around and around[0][0] is not None and around[0][0] < _time(frame):
                yield self._beside(around.popleft()[1])
            yield self._beside(frame)
        while around:
            yield self._beside(around.popleft()[1])

    def emptied(self) -> Iterator[Released]:
        """Release everything after the stage was flushed: nothing more comes out of it."""
        self.swallowed += len(self._inside)
        self._inside.clear()
        yield from self._free()

    def _given(self, time: Fraction) -> Frame | None:
        """The frame inside that a frame of this time stands for. It stays inside; those before it are swallowed."""
        count = next((i + 1 for i, (frame, _) in enumerate(self._inside) if _time(frame) == time), None)
        if count is None:
            count = sum(_time(frame) <= time for frame, _ in self._inside)
        for _ in range(count - 1):
            self._inside.popleft()
            self.swallowed += 1
        return self._inside[0][0] if count else None

    def _free(self, until: Fraction | None = None) -> Iterator[Released]:
        """Release frames around that wait for nothing inside any more, or are older than what comes out next."""
        while self._around:
            after, frame = self._around[0]
            waits = self._inside and after is not None and _time(self._inside[0][0]) <= after
            if waits and (until is None or _time(frame) >= until):
                return
            self._around.popleft()
            yield self._beside(frame)

    def _beside(self, frame: Frame) -> Released:
        self._last = _time(frame)
        return Released(frame, None, around=True)


def _time(frame: Frame) -> Fraction:
    return frame.pts * frame.time_base
