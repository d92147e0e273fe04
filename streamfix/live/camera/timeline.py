"""Output times for an input whose clock may stop, jump, and start again with every connection."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from .camera_clock import ClockRate

_REORDERED_S = Fraction(1, 2)  # a smaller step back is jitter, not a clock that was set
_SETTLED_S = 10  # by then everything that had gathered at the other end has come
_FORGOTTEN = Fraction(1, 100)  # seconds forgotten in each second in which frames come: clocks differ by less
_FRAME_S = Fraction(1, 10)  # at most between two frames while frames come


@dataclass(slots=True)
class _Track:
    """One stream's times.

    in_s, in_wall_s: of its last item in this connection. out_s, out_wall_s: of the last one placed in the output.
    """

    offset_s: Fraction = Fraction(0)
    rate: ClockRate | None = None
    in_s: Fraction | None = None
    in_wall_s: Fraction = Fraction(0)
    out_s: Fraction | None = None
    out_wall_s: Fraction = Fraction(0)

    def expected_s(self, wall_s: Fraction) -> Fraction:
        """The output time that goes on with the wall clock."""
        assert self.out_s is not None
        return self.out_s + max(wall_s - self.out_wall_s, Fraction(0))


class Timeline:
    """Places the items of an input's streams in time.

    The very first item is at 0, because a camera's clock may count from anywhere; with keeps_first the first connection
    keeps its own times. Later connections continue where the wall clock is. All streams of a connection are moved by
    the same amount, so that sound stays with its picture. A jump of more than max_jump_s against the wall clock, or
    backwards, means that the clock was set: output time then goes on as the wall clock did.

    Items that come all at once after a gap had gathered somewhere. They are shown as fast as they come; otherwise every
    gap would put the output further ahead of the wall clock.

    tell: called with a stream and a sentence when the camera's timestamps turn out to advance too fast or too slowly,
    which is put right, see `ClockRate`; None leaves them as they are.

    wall: monotonic seconds. Input and output times are seconds too, each from its own zero.
    """

    def __init__(
        self,
        max_jump_s: float,
        *,
        keeps_first: bool = False,
        tell: Callable[[Hashable, str], object] | None = None,
    ) -> None:
        self._max_jump_s, self._tell = Fraction(max_jump_s), tell
        self._tracks: dict[Hashable, _Track] = {}
        self._ahead_s: Fraction | None = None  # how far undelayed frames are ahead of the wall clock
        self._settling_s: Fraction | None = None  # after a gap, until when no frame may be further ahead
        self._seen_s = Fraction(0)
        # Of the newest connection; None: the next item decides it.
        self._offset_s: Fraction | None = Fraction(0) if keeps_first else None

    def begin(self) -> None:
        """Begin another connection, whose times have nothing to do with those before."""
        if not any(track.out_s is not None for track in self._tracks.values()):
            return
        self._offset_s = None
        for track in self._tracks.values():
            track.in_s = None
            if track.rate is not None:
                track.rate.restart()

    def factor(self, key: Hashable) -> Fraction:
        """By what a stream's times are stretched now."""
        rate = self._tracks[key].rate
        return Fraction(1) if rate is None else rate.factor

    def keeps_time(self, key: Hashable) -> bool:
        """True if a stream's times of this connection are the camera's own, but for the offset."""
        track = self._tracks.get(key)
        return track is None or track.rate is None or track.rate.kept

    def offset_s(self, key: Hashable) -> Fraction:
        """Seconds that are added to a stream's times now."""
        track = self._tracks.get(key)
        return Fraction(0) if track is None else track.offset_s

    def place(self, key: Hashable, at_s: Fraction, wall: float, step_s: Fraction) -> tuple[Fraction, bool]:
        """The output time of a stream's next item, and True if the clock was set just before it.

        step_s: the least time between two frames; their output times always increase. 0 for packets: one whose time
        lies before the last one's is late, see `is_late`.
        """
        track, wall_s = self._tracks.get(key) or self._new(key), _exact(wall)
        if track.rate is not None:
            at_s = track.rate.right(at_s, wall_s)
        leapt = False
        if track.in_s is None:
            self._adopt(track, at_s, wall_s)
        else:
            moved_s, passed_s = at_s - track.in_s, wall_s - track.in_wall_s
            leapt = moved_s < -_REORDERED_S or moved_s - passed_s > self._max_jump_s
            if leapt:
                self._follow_leap(track, at_s, wall_s)
                if track.rate is not None:
                    track.rate.forget()
        if step_s:
            self._keep_pace(track, at_s, wall_s, step_s)
        out_s = at_s + track.offset_s
        if step_s and track.out_s is not None and out_s <= track.out_s:
            late_s = track.out_s + step_s - out_s
            if track.in_s is None or at_s > track.in_s:
                self._move(late_s)  # frames stood in while the camera was away: it continues after them
                self._settle(wall_s)
            out_s += late_s
        if track.in_s is None or at_s > track.in_s or leapt:
            track.in_s = at_s
        track.in_wall_s = wall_s
        if track.out_s is None or out_s >= track.out_s:
            track.out_s, track.out_wall_s = out_s, wall_s
        return out_s, leapt

    def expected_s(self, key: Hashable, wall: float) -> Fraction:
        """The output time at `wall`, for a stream that has had an item."""
        return self._tracks[key].expected_s(_exact(wall))

    def stand_in(self, key: Hashable, wall: float, step_s: Fraction) -> Fraction:
        """The output time for a frame that stands in now."""
        track, wall_s = self._tracks[key], _exact(wall)
        assert track.out_s is not None
        out_s = max(track.expected_s(wall_s), track.out_s + step_s)
        track.out_s, track.out_wall_s = out_s, wall_s
        return out_s

    def is_late(self, key: Hashable, out_s: Fraction) -> bool:
        """True if a packet at that time would come after a later one."""
        track = self._tracks[key]
        return track.out_s is not None and out_s < track.out_s

    def _new(self, key: Hashable) -> _Track:
        track = self._tracks[key] = _Track()
        if self._tell is not None:
            track.rate = ClockRate(partial(self._tell, key))
        return track

    def _adopt(self, track: _Track, at_s: Fraction, wall_s: Fraction) -> None:
        """Place a stream's first item in a connection: with the connection's offset, if the result is near enough."""
        shown = [t for t in self._tracks.values() if t.out_s is not None]
        if shown and (self._offset_s is None or track.out_s is not None):
            basis = track if track.out_s is not None else max(shown, key=lambda t: t.out_wall_s)
            expected_s = basis.expected_s(wall_s)
            if self._offset_s is None or abs(at_s + self._offset_s - expected_s) > self._max_jump_s:
                self._offset_s = expected_s - at_s
                self._settle(wall_s)
        if self._offset_s is None:
            self._offset_s = -at_s
        track.offset_s = self._offset_s

    def _follow_leap(self, track: _Track, at_s: Fraction, wall_s: Fraction) -> None:
        """Follow a clock that was set; another stream may have shown by how much already."""
        expected_s = track.expected_s(wall_s)
        assert self._offset_s is not None
        if self._offset_s == track.offset_s or abs(at_s + self._offset_s - expected_s) > self._max_jump_s:
            self._offset_s = expected_s - at_s
            self._settle(wall_s)
        track.offset_s = self._offset_s

    def _settle(self, wall_s: Fraction) -> None:
        self._settling_s = wall_s + _SETTLED_S

    def _keep_pace(self, track: _Track, at_s: Fraction, wall_s: Fraction, step_s: Fraction) -> None:
        """Soon after a gap, pull back a frame that would be further ahead of the wall clock than those before it."""
        ahead_s, passed_s = at_s + track.offset_s - wall_s, min(max(wall_s - self._seen_s, Fraction(0)), _FRAME_S)
        self._seen_s = wall_s
        if self._settling_s is None or wall_s >= self._settling_s:
            before_s = ahead_s if self._ahead_s is None else self._ahead_s - _FORGOTTEN * passed_s
            self._ahead_s, self._settling_s = max(ahead_s, before_s), None
        elif self._ahead_s is not None and track.out_s is not None:
            too_far_s = min(ahead_s - self._ahead_s, at_s + track.offset_s - track.out_s - step_s)
            if too_far_s > 0:
                self._move(-too_far_s)

    def _move(self, by_s: Fraction) -> None:
        assert self._offset_s is not None
        self._offset_s += by_s
        for track in self._tracks.values():
            track.offset_s += by_s


def _exact(wall: float) -> Fraction:
    return Fraction(round(wall * 1_000_000), 1_000_000)
