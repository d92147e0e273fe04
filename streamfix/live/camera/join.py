"""Joins what several connections to a camera give into one stream."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av

from ...frame import Frame, VideoInfo
from ...media.input.shaping import Shape
from ...media.streams import MappedStream
from ...media.timestamps import dts_or_pts, rescale, shift_packet, to_units
from .timeline import Timeline

log = logging.getLogger("streamfix.live")

_NO_STEP = Fraction(0)
_STEP_S = Fraction(1, 1000)  # least time between two frames: Matroska and FLV count in milliseconds
_RATES = [
    *(Fraction(whole) for whole in (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120)),
    *(Fraction(1000 * whole, 1001) for whole in (24, 30, 60, 120)),
    Fraction(25, 2),
]


class JoinedConnections:
    """Gives the frames and packets of all connections the streams, time bases and timeline of the first one.

    max_jump_s, keeps_first, tell: as for `Timeline`.
    late_packets: packets left out because their time had passed.
    """

    def __init__(
        self,
        max_jump_s: float,
        *,
        keeps_first: bool = False,
        tell: Callable[[Hashable, str], object] | None = None,
    ) -> None:
        self._timeline = Timeline(max_jump_s, keeps_first=keeps_first, tell=tell)
        self._last_pts: int | None = None
        self._routes: dict[int, MappedStream] = {}  # by index in the connection's container
        self._told: set[str] = set()
        self.streams: Sequence[MappedStream] = ()
        self.info: VideoInfo | None = None
        self.late_packets = 0

    def begin(self, info: VideoInfo, streams: Sequence[MappedStream]) -> None:
        """Take what follows from a new connection. The first one decides the streams and the time bases of all.

        streams: detached, so that the connection may be closed while its packets are still on their way.
        """
        if self.info is None:
            self.streams = streams
            self.info = replace(info, rate=usual_rate(info.rate), duration_s=None, frames=None)
            self._step_s = max(self.info.time_base, _STEP_S)
            self._step = math.ceil(self._step_s / self.info.time_base)
            self._video = next(s for s in self.streams if s.restored)
            self._by_id = {id(s.stream): s for s in self.streams}
        self._timeline.begin()
        self._routes = self._routes_of(streams)

    @property
    def shape(self) -> Shape | None:
        """What the frames of every connection are scaled to; None before the first."""
        return None if self.info is None else (self.info.width, self.info.height, self.info.pix_fmt)

    @property
    def offset_s(self) -> Fraction:
        """Seconds that are added to the restored video's times now."""
        return self._timeline.offset_s(self._video.place)

    @property
    def keeps_time(self) -> bool:
        """True if the restored video's times of this connection are the camera's own, but for the offset."""
        return self._timeline.keeps_time(self._video.place)

    def stream_of(self, packet: av.Packet[Any]) -> MappedStream | None:
        """The stream that a packet returned by `packet` belongs to."""
        return self._by_id.get(id(packet.stream))

    def frame(self, frame: Frame, wall_s: float) -> Frame:
        """The frame at its time in the output. wall_s: monotonic time at which it came."""
        assert self.info is not None
        base = self.info.time_base
        at_s, leapt = self._timeline.place(self._video.place, frame.pts * frame.time_base, wall_s, self._step_s)
        if leapt:
            log.warning("the camera's clock jumped to %.3f s; the output's time goes on without a jump", float(at_s))
        pts = self._after_last(to_units(at_s, base))
        if (pts, base, leapt) == (frame.pts, frame.time_base, False):
            return frame
        duration = rescale(frame.duration, frame.time_base, base)
        if (factor := self._timeline.factor(self._video.place)) != 1:
            duration = round(duration * factor)
        return replace(frame, pts=pts, time_base=base, duration=duration, cut=frame.cut or leapt)

    def packet(self, packet: av.Packet[Any], wall_s: float) -> av.Packet[Any] | None:
        """The packet at its time and in the first connection's stream; None if it is left out."""
        mapped = self._routes.get(packet.stream_index)
        if mapped is None:
            return None
        at = dts_or_pts(packet)
        if at is not None:
            at_s = at * packet.time_base
            out_s, _ = self._timeline.place(mapped.place, at_s, wall_s, _NO_STEP)
            if self._timeline.is_late(mapped.place, out_s):
                self.late_packets += 1
                log.debug("%s: a packet that goes back to %.3f s is left out", mapped, float(out_s))
                return None
            shift_packet(packet, to_units(out_s - at_s, packet.time_base))
        packet.stream = mapped.stream
        return packet

    def now_s(self, wall_s: float) -> Fraction | None:
        """The output time of a picture that comes now; None before the first one."""
        return self._timeline.expected_s(self._video.place, wall_s) if self._last_pts is not None else None

    def stand_in_pts(self, wall_s: float) -> int:
        """The pts for a frame that stands in now, in the first connection's time base."""
        assert self.info is not None
        base = self.info.time_base
        return self._after_last(to_units(self._timeline.stand_in(self._video.place, wall_s, self._step_s), base))

    def _after_last(self, pts: int) -> int:
        if self._last_pts is not None:
            pts = max(pts, self._last_pts + self._step)
        self._last_pts = pts
        return pts

    def _routes_of(self, streams: Sequence[MappedStream]) -> dict[int, MappedStream]:
        """The first connection's stream for each stream of this one, by kind, order and codec."""
        routes, waiting = {}, [s for s in self.streams if not s.restored]
        for mapped in streams:
            if mapped.restored:
                continue
            first = next((s for s in waiting if s.kind == mapped.kind), None)
            if first is not None:
                waiting.remove(first)
            if first is not None and _parameters(first) == _parameters(mapped):
                routes[mapped.index] = first
            elif str(mapped) not in self._told:
                self._told.add(str(mapped))
                was = "nothing" if first is None else first.codec
                log.warning("%s is left out: the first connection had %s in its place", mapped, was)
        return routes


def usual_rate(rate: Fraction | None) -> Fraction | None:
    """The nearest usual rate, in frames a second: a live rate is a guess from a few frames with rounded times."""
    if rate is None:
        return None
    nearest = min(_RATES, key=lambda usual: abs(usual - rate))
    return nearest if abs(nearest - rate) < nearest / 50 else rate


def _parameters(mapped: MappedStream) -> tuple[Any, ...]:
    """Parameters that cannot change in the middle of an output's stream."""
    context: Any = mapped.stream.codec_context
    sound = (context.sample_rate, context.layout.name) if mapped.kind == "audio" and context is not None else ()
    return mapped.codec, *sound
