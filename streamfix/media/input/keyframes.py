"""Where an input's video can be cut: its keyframes and the times of all its pictures, read without decoding any."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av

from ..interruption import Interruption
from ..specs import InputSpec
from ..streams import MappedStream, describe
from .packet_reader import PacketReader
from .source import InputSource


@dataclass(frozen=True, slots=True)
class Keyframe:
    """pts, dts: of a keyframe's packet, in units of the stream's time base, moved as the reader moves times.

    starts: every picture that is shown before it is coded before it, so that the video can be cut in front of it.
    """

    pts: int
    dts: int
    starts: bool


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of one video stream.

    pts: of all, in order of time. keyframes: in the same order. refusal: why the stream cannot be cut anywhere, as half
    a sentence; None if it can.
    """

    time_base: Fraction
    pts: tuple[int, ...]
    keyframes: tuple[Keyframe, ...]
    refusal: str | None = None

    def before(self, pts: int, count: int) -> int:
        """The time of the picture `count` pictures before that at `pts`, or of the first one."""
        return self.pts[max(0, bisect_left(self.pts, pts) - count)]

    def keyframe_for(self, pts: int) -> Keyframe:
        """The last keyframe from which on the picture at `pts` can be decoded: one that is not shown after it."""
        at = bisect_right([key.pts for key in self.keyframes], pts) - 1
        return self.keyframes[max(at, 0)]


def pictures_of(spec: InputSpec, index: int, stopped: Interruption | None = None) -> Pictures:
    """Read the packets of an input's video stream. index: of the stream in it. stopped: ends the reading early.

    Raises InputError if the input cannot be opened or breaks off.
    """
    source = InputSource(replace(spec, realtime=False), stopped or Interruption())
    try:
        mapped = describe(0, source.container.streams[index], restored=True)
        source.select([mapped])
        return _read(source, mapped)
    finally:
        source.close()


def _read(source: InputSource, mapped: MappedStream) -> Pictures:
    base = mapped.time_base
    from_s, until_s = source.from_s + source.shift_s, source.until_s
    times: list[int] = []
    keys: list[Keyframe] = []
    newest: int | None = None
    refusal = None
    reader = PacketReader(0, source)
    while reader.packet is not None:
        packet: Any = reader.packet
        refusal = refusal or _refusal(packet, keys)
        if isinstance(packet, av.Packet) and packet.pts is not None and not packet.is_discard:
            at_s = packet.pts * base
            inside = (source.spec.start_s is None or at_s >= from_s) and (until_s is None or at_s < until_s)
            if inside:
                times.append(packet.pts)
            if packet.is_keyframe:
                dts = packet.pts if packet.dts is None else packet.dts
                keys.append(Keyframe(packet.pts, dts, inside and (newest is None or packet.pts > newest)))
            newest = packet.pts if newest is None else max(newest, packet.pts)
        reader.advance()
    if source.jumped_s is not None:
        refusal = f"its clock jumps at {float(source.jumped_s):.3f} s"
    times.sort()
    if any(a == b for a, b in pairwise(times)):
        refusal = refusal or "several of its pictures have one time"
    if not keys or not times:
        refusal = refusal or "it has no keyframe with a time"
    keys.sort(key=lambda key: key.pts)
    return Pictures(base, tuple(times), tuple(keys), refusal)


def _refusal(packet: Any, keys: list[Keyframe]) -> str | None:
    """Why a stream with that packet cannot be cut, None if this one is no reason."""
    if not isinstance(packet, av.Packet):
        return "it is played several times"
    if packet.pts is None:
        return "its container states no times of pictures"
    if packet.is_corrupt:
        return f"it is damaged at {float(packet.pts * packet.time_base):.3f} s"
    if packet.is_discard and len(keys) > 1:
        return f"an edit list leaves out pictures at {float(packet.pts * packet.time_base):.3f} s"
    return None
