"""Makes one time of an input whose clock starts again or jumps."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av

from ..timestamps import dts_or_pts, shift_packet, to_units

log = logging.getLogger("streamfix.media")

_JUMP_S = Fraction(10)  # ffmpeg's dts_delta_threshold: a greater step forward is a jump of the clock
_BACK_S = Fraction(1, 10)  # ffmpeg's: a decoding time that goes back further belongs to a clock that started again
_BACK_STEADY_S = Fraction(1)  # the same for containers whose clock does not usually start again
_SLOWEST_S = Fraction(600)  # between two pictures that follow each other
_WRAP_S = Fraction(2**33, 90000)  # libav takes a clock that was set back by much for one that began anew after this
_REORDERED = 16  # packets by which a time without a decoding time may go back
_SAME_S = Fraction(1, 4)  # a stream that is so near its earlier clock has returned to it


@dataclass(slots=True)
class _Clock:
    """One setting of the input's clock. offset_s: seconds that are added to its times."""

    offset_s: Fraction


@dataclass(slots=True)
class _Track:
    """One stream.

    expected_s: the output's time at which its next packet is due, None before its first one. step_s: between the last
    two by their own times. last_s: of the last one; ordered: that was its decoding time.
    """

    clock: _Clock
    before: _Clock | None = None
    expected_s: Fraction | None = None
    step_s: Fraction = Fraction(0)
    in_s: Fraction | None = None
    last_s: Fraction = Fraction(0)
    ordered: bool = True


class Continuity:
    """Moves packets so that time goes on where the clock of their input starts again or jumps.

    All streams of an input have one clock: the first stream that meets a new setting of it decides by how much the
    times after it move, and the others follow by exactly as much, each when it gets there. So sound stays with its
    picture. A stream that only pauses, while the others go on, is no jump.

    name: the input's, for messages. forward: jumps forward are closed too; False for containers whose clock cannot
    jump, and for -copyts. shown_from_s: the input's time that messages call 0.

    jumps: how many there were. jumped_s: the time of the first picture after the newest, which does not continue those
    before it; None if there was none.
    """

    def __init__(self, name: str, *, forward: bool, shown_from_s: Fraction = Fraction(0)) -> None:
        self._name, self._forward, self._shown_from_s = name, forward, shown_from_s
        self._newest = _Clock(Fraction(0))
        self._tracks: dict[int, _Track] = {}
        self._end_s: Fraction | None = None  # of all streams of sound and pictures
        self.jumps = 0
        self.jumped_s: Fraction | None = None

    def place(self, packet: av.Packet[Any], time_base: Fraction, kind: str) -> None:
        """Move a packet's times. time_base: its stream's. kind: of its stream, "video", "audio" ..."""
        index = packet.stream_index
        at = dts_or_pts(packet)
        if kind not in ("video", "audio"):
            if at is not None:
                shift_packet(packet, to_units(self._nearest_s(index, at * time_base), time_base))
            return
        track = self._tracks.get(index)
        if track is None:
            track = self._tracks[index] = _Track(self._newest)
            if self._end_s is not None and at is not None and not self._fits(at * time_base + track.clock.offset_s):
                track.expected_s = self._end_s  # it begins late, with a clock that no other stream has shown yet
        before = track.clock
        if at is not None:
            self._drop_absurd(packet, track, time_base)
            at = dts_or_pts(packet)
            assert at is not None
            self._follow(track, at * time_base, self._back_s(packet, track, time_base))
        shift_packet(packet, to_units(track.clock.offset_s, time_base))
        at = dts_or_pts(packet)
        if at is None:
            return
        at_s = at * time_base
        if track.clock is not before and kind == "video":
            self.jumped_s = (at if packet.pts is None else packet.pts) * time_base
        in_s = at_s - track.clock.offset_s
        if track.in_s is not None and 0 < in_s - track.in_s <= _SLOWEST_S:
            track.step_s = in_s - track.in_s
        track.in_s = in_s
        track.last_s, track.ordered = at_s, packet.dts is not None
        track.expected_s = at_s + (packet.duration * time_base if packet.duration else track.step_s)
        self._end_s = track.expected_s if self._end_s is None else max(self._end_s, track.expected_s)

    def _drop_absurd(self, packet: av.Packet[Any], track: _Track, time_base: Fraction) -> None:
        """Take away the pts or dts that is damaged: the other is where the packet is due, and this one far from it."""
        if packet.pts is None or packet.dts is None or track.expected_s is None:
            return
        if abs(packet.pts - packet.dts) * time_base <= _JUMP_S:
            return
        due_s = track.expected_s - track.clock.offset_s
        if abs(packet.dts * time_base - due_s) <= _JUMP_S:
            packet.pts = None
        elif abs(packet.pts * time_base - due_s) <= _JUMP_S:
            packet.dts = None

    def _back_s(self, packet: av.Packet[Any], track: _Track, time_base: Fraction) -> Fraction:
        """How far a packet's time may lie before the one before it without a new setting of the clock."""
        if packet.dts is None or not track.ordered:
            return max(_BACK_STEADY_S, _REORDERED * (packet.duration or 0) * time_base)
        return _BACK_S if self._forward else _BACK_STEADY_S

    def _follow(self, track: _Track, in_s: Fraction, back_s: Fraction) -> None:
        """Find the clock that a stream's next packet belongs to. in_s: its time in the input."""
        expected_s = track.expected_s
        if expected_s is None:
            return
        at_s = in_s + track.clock.offset_s
        moved_s = at_s - expected_s
        ahead = self._forward and moved_s > max(_JUMP_S, 2 * track.step_s) and not self._fits(at_s)
        if at_s - track.last_s >= -back_s and not ahead:
            return
        old = track.clock
        newer = self._newest
        if newer is not old and abs(in_s + newer.offset_s - expected_s) <= _JUMP_S:
            track.clock = newer
        elif track.before is not None and abs(in_s + track.before.offset_s - expected_s) <= _SAME_S:
            track.clock = self._newest = track.before
        else:
            track.clock = self._newest = _Clock(expected_s - in_s)
            self._tell(moved_s, expected_s)
        track.before = old

    def _fits(self, at_s: Fraction) -> bool:
        """True if the other streams are near that time: then this one has only paused."""
        return self._end_s is not None and abs(at_s - self._end_s) <= _JUMP_S

    def _nearest_s(self, index: int, in_s: Fraction) -> Fraction:
        """The offset of a sparse stream: of the clocks in use, the one that brings it nearest to sound and pictures."""
        offsets = {self._newest.offset_s} | {t.clock.offset_s for t in self._tracks.values()}
        if self._end_s is None or len(offsets) == 1:
            return self._newest.offset_s
        end_s = self._end_s
        return min(offsets, key=lambda offset_s: abs(in_s + offset_s - end_s))

    def _tell(self, by_s: Fraction, at_s: Fraction) -> None:
        self.jumps += 1
        if self._forward and by_s > _WRAP_S / 2:
            by_s -= _WRAP_S
        if self.jumps == 1:
            log.warning(
                "%s: the clock of the input jumped by %.3f s at %.3f s; the output's time goes on without a jump",
                *(self._name, float(by_s), float(at_s - self._shown_from_s)),
            )
        else:
            log.debug("%s: the clock jumped by %.3f s at %.3f s", self._name, float(by_s), float(at_s))

    def close(self) -> None:
        """Tell how often the clock jumped, if it was more than once."""
        if self.jumps > 1:
            log.warning("%s: the clock of the input jumped %d times", self._name, self.jumps)
            self.jumps = 0
