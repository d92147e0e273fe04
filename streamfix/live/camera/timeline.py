"""Output times of an input whose clock may stand still, leap, and begin anew with every connection."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from fractions import Fraction

_REORDERED_S = Fraction(1, 2)  # what runs back by less is jitter, not a clock that was set
_SETTLED_S = 10  # what had gathered at the other end has come by then
_FORGOTTEN = Fraction(1, 100)  # of a second, each second in which frames come: clocks differ by less
_FRAME_S = Fraction(1, 10)  # frames come as often


@dataclass(slots=True)
class _Track:
    """One stream. in_s, in_wall_s: of its last item of this connection; out_s, out_wall_s: of the last one shown."""

    offset_s: Fraction = Fraction(0)
    in_s: Fraction | None = None
    in_wall_s: Fraction = Fraction(0)
    out_s: Fraction | None = None
    out_wall_s: Fraction = Fraction(0)

    def expected_s(self, wall_s: Fraction) -> Fraction:
        """The time that goes on as the wall clock does."""
        assert self.out_s is not None
        return self.out_s + max(wall_s - self.out_wall_s, Fraction(0))


class Timeline:
    """Places the items of an input's streams in time.

    The first item of all is at 0, since a camera's clock counts from anywhere; keeps_first: the first connection keeps
    its times instead. Later ones continue where the wall clock is; all streams of a connection are
    moved by the same amount, so that sound stays with its picture. A leap further than max_jump_s against the wall
    clock, or backwards, is a clock that was set: time goes on as the wall clock did.

    What comes after a gap, at once, had gathered somewhere: it is shown as fast as it comes, or the output would run
    ahead of the wall clock by the length of every gap.

    Walls are times of one monotonic clock, in seconds; so are input and output times, each from its own zero.
    """

    def __init__(self, max_jump_s: float, *, keeps_first: bool = False) -> None:
        self._max_jump_s = Fraction(max_jump_s)
        self._tracks: dict[Hashable, _Track] = {}
        self._ahead_s: Fraction | None = None  # how far frames that come without delay are ahead of the wall clock
        self._settling_s: Fraction | None = None  # until then, after a gap, none may be further
        self._seen_s = Fraction(0)
        # The newest one; None: the next item decides it.
        self._offset_s: Fraction | None = Fraction(0) if keeps_first else None

    def begin(self) -> None:
        """What follows comes from another connection, whose times have nothing to do with those before."""
        if not any(track.out_s is not None for track in self._tracks.values()):
            return
        self._offset_s = None
        for track in self._tracks.values():
            track.in_s = None

    def offset_s(self, key: Hashable) -> Fraction:
        """What a stream's times are moved by now."""
        track = self._tracks.get(key)
        return Fraction(0) if track is None else track.offset_s

    def place(self, key: Hashable, at_s: Fraction, wall: float, step_s: Fraction) -> tuple[Fraction, bool]:
        """The output time of a stream's next item, and whether its clock was set before it.

        step_s: the least that two frames differ by; 0 for packets, whose result may lie before the last one's: such a
        packet is late. Times of frames always increase.
        """
        track, wall_s = self._tracks.setdefault(key, _Track()), _exact(wall)
        leapt = False
        if track.in_s is None:
            self._adopt(track, at_s, wall_s)
        else:
            moved_s, passed_s = at_s - track.in_s, wall_s - track.in_wall_s
            leapt = moved_s < -_REORDERED_S or moved_s - passed_s > self._max_jump_s
            if leapt:
                self._follow_leap(track, at_s, wall_s)
        if step_s:
            self._keep_pace(track, at_s, wall_s, step_s)
        out_s = at_s + track.offset_s
        if step_s and track.out_s is not None and out_s <= track.out_s:
            late_s = track.out_s + step_s - out_s
            if track.in_s is None or at_s > track.in_s:
                self._move(late_s)  # others stood in while it was away: it continues after them
                self._settle(wall_s)
            out_s += late_s
        if track.in_s is None or at_s > track.in_s or leapt:
            track.in_s = at_s
        track.in_wall_s = wall_s
        if track.out_s is None or out_s >= track.out_s:
            track.out_s, track.out_wall_s = out_s, wall_s
        return out_s, leapt

    def expected_s(self, key: Hashable, wall: float) -> Fraction:
        """The output time that now is, of a stream that had an item."""
        return self._tracks[key].expected_s(_exact(wall))

    def stand_in(self, key: Hashable, wall: float, step_s: Fraction) -> Fraction:
        """The output time of a frame that stands in now."""
        track, wall_s = self._tracks[key], _exact(wall)
        assert track.out_s is not None
        out_s = max(track.expected_s(wall_s), track.out_s + step_s)
        track.out_s, track.out_wall_s = out_s, wall_s
        return out_s

    def is_late(self, key: Hashable, out_s: Fraction) -> bool:
        """True if a packet of that time would go back behind one that was given."""
        track = self._tracks[key]
        return track.out_s is not None and out_s < track.out_s

    def _adopt(self, track: _Track, at_s: Fraction, wall_s: Fraction) -> None:
        """A stream's first item of a connection: moved as the others of it are, where that is near enough."""
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
        """The clock was set; another stream may have shown by how much already."""
        expected_s = track.expected_s(wall_s)
        assert self._offset_s is not None
        if self._offset_s == track.offset_s or abs(at_s + self._offset_s - expected_s) > self._max_jump_s:
            self._offset_s = expected_s - at_s
            self._settle(wall_s)
        track.offset_s = self._offset_s

    def _settle(self, wall_s: Fraction) -> None:
        self._settling_s = wall_s + _SETTLED_S

    def _keep_pace(self, track: _Track, at_s: Fraction, wall_s: Fraction, step_s: Fraction) -> None:
        """Soon after a gap: take back what a frame would be further ahead of the wall clock than those before were."""
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
