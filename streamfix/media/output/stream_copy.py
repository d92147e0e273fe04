"""Stream copy: the packets of a stream go to the output as they are."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.stream import Stream

from ..libav_errors import message_of
from ..streams import MappedStream
from ..timestamps import dts_or_pts, time_of
from .container_support import BARE_AAC, add_copy
from .losses import Losses
from .muxer import Muxer
from .muxer_options import MOV_LIKE

log = logging.getLogger("streamfix.media")


class StreamCopy:
    """Copies the packets of one stream.

    Timestamps that run backwards are moved forward, as ffmpeg does. Packets whose container has no dts get some.
    What cannot be written is left out and counted.
    """

    def __init__(self, muxer: Muxer, mapped: MappedStream) -> None:
        self._muxer, self._mapped = muxer, mapped
        self.stream: Stream = add_copy(muxer.container, mapped)
        self.losses = Losses(mapped, live=muxer.live)
        self._next: int | None = None  # the dts of a packet that has none
        self._last: int | None = None
        self._warned = False
        self._early: list[av.Packet[Any]] = []
        self._unwrapper = _unwrapper(muxer.format, mapped)

    def push(self, packet: av.Packet[Any]) -> None:
        """Write a packet, or hold it until its dts is known."""
        if self._last is None and packet.dts is None and self._mapped.kind == "video":
            # Matroska has no dts, and libav cannot work out the first ones of a stream with B-frames.
            self._early.append(packet)
            return
        self._settle(packet.dts)
        self._mux(packet)

    def flush(self) -> None:
        """Write the packets that are held, and tell what was lost."""
        self._settle(None)
        self.losses.tell()

    def _settle(self, known: int | None) -> None:
        """Give the held packets dts that lead up to the first known one, and write them."""
        early, self._early = self._early, []
        if known is None and early:
            known = min((p.pts for p in early if p.pts is not None), default=0) + 1
        for packet in reversed(early):
            assert known is not None
            known -= packet.duration or 1
            packet.dts = known
        for packet in early:
            self._mux(packet)

    def _mux(self, packet: av.Packet[Any]) -> None:
        if self._mapped.kind == "audio" and not packet.size:
            self.losses.lost(time_of(packet), "it is empty")
            return
        packet.time_base = base = packet.time_base or self._mapped.time_base
        dts = dts_or_pts(packet)
        if dts is None:
            dts = self._next or 0
        if self._last is not None and dts < self._last:
            if not self._warned:
                self._warned = True
                log.warning("%s: timestamps run backwards at %.3f s", self._mapped, float(dts * base))
            dts = self._last
        self._last, self._next = dts, dts + max(packet.duration or 0, 0)
        packet.dts = dts
        if packet.pts is None or packet.pts < dts:
            packet.pts = dts
        at_s = dts * base
        for part in self._unwrapped(packet, at_s, base):
            refusal = self._muxer.mux_beside(part, self.stream)
            if refusal is not None:
                self.losses.lost(at_s, f"{self._muxer.format} does not take it ({refusal})")

    def _unwrapped(self, packet: av.Packet[Any], at_s: Fraction, base: Fraction) -> list[av.Packet[Any]]:
        """The packet as the container wants it; nothing, and it is counted, if that cannot be had.

        at_s, base: its time and time base, which are gone once the bitstream filter has taken it over.
        """
        if self._unwrapper is None:
            return [packet]
        try:
            parts = self._unwrapper.filter(packet)
        except (av.FFmpegError, OSError, ValueError) as error:
            self._unwrapper.flush()
            self.losses.lost(at_s, f"it has no ADTS header ({message_of(error)})")
            return []
        for part in parts:
            part.time_base = base
        return parts


def _unwrapper(format: str, mapped: MappedStream) -> BitStreamFilterContext | None:
    """The bitstream filter that strips ADTS headers from AAC; None if the stream needs none.

    libavformat's muxers insert it by themselves, but MP4's not if it writes fragments that become a plain file, and
    others only if the first packet is whole.
    """
    context: Any = mapped.stream.codec_context  # PyAV's stub leaves out the None
    if format in MOV_LIKE | BARE_AAC and mapped.codec == "aac" and context is not None and not context.extradata:
        return BitStreamFilterContext("aac_adtstoasc", mapped.stream)
    return None
