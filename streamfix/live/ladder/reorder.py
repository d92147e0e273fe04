"""Keeps frames in order where some go through filters, which may hold them for a while, and some around them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from ...frame import Frame

_MOST_HELD = 32  # more than any look-ahead; what a filter like `select` swallows must not pile up


@dataclass(frozen=True, slots=True)
class Released:
    """A frame that comes out. given: the one that went in for it; None: it went around, or a filter made it up."""

    frame: Frame
    given: Frame | None
    around: bool = False


class Reorder:
    """Frames on their way through one stage, and those that must wait for them to come out.

    Most stages give a frame for each. libavfilter's may give more or fewer, at other times: then the frame in whose
    time has come stands for the one out. Times of frames must rise.

    swallowed: frames for which nothing came out.
    """

    def __init__(self) -> None:
        self.swallowed = 0
        self._inside: deque[tuple[Frame, float]] = deque()
        self._around: deque[tuple[Fraction | None, Frame]] = deque()  # after the frame inside of which time
        self._last: Fraction | None = None

    @property
    def oldest_s(self) -> float | None:
        """When the frame that has been inside for longest went in; None if there is none."""
        return self._inside[0][1] if self._inside else None

    def into(self, frame: Frame, now_s: float) -> None:
        """A frame goes into the stage."""
        self._inside.append((frame, now_s))
        if len(self._inside) > _MOST_HELD:
            self._inside.popleft()
            self.swallowed += 1

    def around(self, frame: Frame) -> Iterator[Released]:
        """A frame goes around the stage; it comes out behind those that are inside."""
        self._around.append((_time(self._inside[-1][0]) if self._inside else None, frame))
        yield from self._free()

    def out(self, frame: Frame) -> Iterator[Released]:
        """A frame has come out of the stage."""
        time = _time(frame)
        given = self._given(time)
        yield from self._free(time)
        if given is None and self._last is not None and time <= self._last:
            return  # made up by a filter, too late: what went around has passed it
        self._last = time
        received_s = None if given is None else given.received_s
        yield Released(frame if frame.received_s == received_s else replace(frame, received_s=received_s), given)
        if given is not None:
            self._inside.popleft()
        yield from self._free()

    def give_up(self) -> Iterator[Released]:
        """The stage has failed: what was inside comes out as it went in, as if it had gone around."""
        inside, self._inside = self._inside, deque()
        around, self._around = self._around, deque()
        for frame, _ in inside:
            while around and around[0][0] is not None and around[0][0] < _time(frame):
                yield self._beside(around.popleft()[1])
            yield self._beside(frame)
        while around:
            yield self._beside(around.popleft()[1])

    def emptied(self) -> Iterator[Released]:
        """The stage has been flushed: nothing more comes out of it."""
        self.swallowed += len(self._inside)
        self._inside.clear()
        yield from self._free()

    def _given(self, time: Fraction) -> Frame | None:
        """The frame inside that one of this time stands for, left in its place; those before it are swallowed."""
        count = next((i + 1 for i, (frame, _) in enumerate(self._inside) if _time(frame) == time), None)
        if count is None:
            count = sum(_time(frame) <= time for frame, _ in self._inside)
        for _ in range(count - 1):
            self._inside.popleft()
            self.swallowed += 1
        return self._inside[0][0] if count else None

    def _free(self, until: Fraction | None = None) -> Iterator[Released]:
        """Those around that wait for nothing inside any more, or are older than what comes out next."""
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
