"""Fills gaps that are longer than a container can state between two packets of a stream."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import Any

import av
from av.stream import Stream

from ..picture.clone import clone_packet
from ..timestamps import dts_or_pts, rescale
from ..transport.protocols import PATTERN_FORMATS

log = logging.getLogger("streamfix.media")

# libavformat's MP4 muxer ends the whole process by an assertion if a packet lasts 2**31 units of its stream's time or
# more: 6.6 hours at 90 kHz. The same muxer writes the parts of HLS, DASH and segments.
_MOST_UNITS = 2**30
# Encoders that reorder pictures add up several steps, so theirs are shorter: 50 minutes at 90 kHz.
_MOST_PICTURE_UNITS = 2**28
_MOST_REPEATS = 1000  # a greater gap is a damaged time
_MOV_LIKE = frozenset({"mp4", "mov", "ipod", "3gp", "3g2", "psp", "f4v", "ismv"})


def states_short_steps(format: str) -> bool:
    """True for a muxer that must not see long steps between packets."""
    return format in _MOV_LIKE or format in PATTERN_FORMATS


def longest_step(stream: Stream, time_base: Fraction) -> int:
    """The longest step between two pictures of a stream whose header is written, in units of `time_base`."""
    return max(1, int(_MOST_PICTURE_UNITS * (stream.time_base or time_base) / time_base))


def steps(last: int, at: int, longest: int) -> range:
    """Times between two pictures at which the first one is repeated, so that no step is longer than `longest`."""
    if at - last <= longest or (at - last) // longest > _MOST_REPEATS:
        return range(0)
    return range(last + longest, at, longest)


class Gaps:
    """Makes sure that the packets of all streams of an output lie near enough to each other for its muxer.

    name: the output's, for messages. left_out: packets so far whose time is absurd.
    """

    def __init__(self, name: str, format: str) -> None:
        self._name, self._active = name, states_short_steps(format)
        self._last: dict[int, int] = {}  # by output stream: the last dts, in the stream's time base
        self._told: set[int] = set()
        self.left_out = 0

    def fill(self, packet: av.Packet[Any], stream: Stream) -> list[av.Packet[Any]]:
        """The packet, after repetitions of it that fill the gap before it; nothing if its time is absurd."""
        at, base, unit = dts_or_pts(packet), packet.time_base, stream.time_base
        if not self._active or at is None or not base or not unit:
            return [packet]
        longest = int(_MOST_UNITS * unit / base)
        if packet.duration and packet.duration > longest:
            packet.duration = longest
        if packet.pts is not None and packet.dts is not None and abs(packet.pts - packet.dts) > longest:
            packet.pts = packet.dts
        dts = rescale(at, base, unit)
        last = self._last.get(stream.index)
        if last is None or dts - last <= _MOST_UNITS:
            self._last[stream.index] = dts
            return [packet]
        at_s, gap_s = float(at * base), float((dts - last) * unit)
        if (dts - last) // _MOST_UNITS > _MOST_REPEATS:
            self.left_out += 1
            self._tell(stream, f"the packet at {at_s:.3f} s comes {gap_s:.0f} s after the one before; it is left out")
            return []
        self._tell(stream, f"nothing came for {gap_s:.0f} s before {at_s:.3f} s, longer than the container can state; "
                           "a packet is repeated in between")  # fmt: skip
        filled = []
        for between in range(last + _MOST_UNITS, dts, _MOST_UNITS):
            repeated = clone_packet(packet)
            repeated.pts = repeated.dts = rescale(between, unit, base)
            filled.append(repeated)
        self._last[stream.index] = dts
        return [*filled, packet]

    def close(self) -> None:
        """Tell how many packets were left out."""
        if self.left_out > 1:
            log.warning("%s: %d packets are left out because of their times", self._name, self.left_out)

    def _tell(self, stream: Stream, what: str) -> None:
        if stream.index not in self._told:
            self._told.add(stream.index)
            log.warning("%s: output stream %d (%s): %s", self._name, stream.index, stream.type, what)
