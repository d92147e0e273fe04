"""Stream copy: the packets of a stream go to the output as they are."""

from __future__ import annotations

import logging
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.stream import Stream

from ..libav_errors import message_of
from ..streams import MappedStream
from ..timestamps import dts_or_pts
from .container_support import add_copy
from .muxer import MOV_LIKE, Muxer

log = logging.getLogger("streamfix.media")


class StreamCopy:
    """Copies the packets of one stream.

    Timestamps that run backwards are moved forward, as ffmpeg does. Packets whose container has no dts get some.
    """

    def __init__(self, muxer: Muxer, mapped: MappedStream) -> None:
        self._muxer, self._mapped = muxer, mapped
        self.stream: Stream = add_copy(muxer.container, mapped)
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
        """Write the packets that are held."""
        self._settle(None)

    def _settle(self, known: int | None) -> None:
        """Give the held packets dts that lead up to the first known one, and write them."""
        early, self._early = self._early, []
        if known is None and early:
            known = min(p.pts for p in early if p.pts is not None) + 1
        for packet in reversed(early):
            assert known is not None
            known -= packet.duration or 1
            packet.dts = known
        for packet in early:
            self._mux(packet)

    def _mux(self, packet: av.Packet[Any]) -> None:
        dts = dts_or_pts(packet)
        if dts is None:
            dts = 0 if self._last is None else self._last + 1
        if self._last is not None and dts < self._last:
            if not self._warned:
                self._warned = True
                log.warning("%s: timestamps run backwards at %.3f s", self._mapped, float(dts * packet.time_base))
            dts = self._last
        self._last = packet.dts = dts
        if packet.pts is None or packet.pts < dts:
            packet.pts = dts
        if self._unwrapper is None:
            self._muxer.mux(packet, self.stream)
            return
        try:
            bare = self._unwrapper.filter(packet)
        except av.FFmpegError as error:
            at_s = float(dts * packet.time_base)
            log.warning(
                "%s: the packet at %.3f s has no ADTS header: %s; it is left out", self._mapped, at_s, message_of(error)
            )
            return
        for part in bare:
            self._muxer.mux(part, self.stream)


def _unwrapper(format: str, mapped: MappedStream) -> BitStreamFilterContext | None:
    """The bitstream filter that strips ADTS headers from AAC for MP4; None if the stream needs none.

    libavformat's MP4 muxer inserts it by itself, but not if it writes fragments that become a plain file.
    """
    if format in MOV_LIKE and mapped.codec == "aac" and not mapped.stream.codec_context.extradata:
        return BitStreamFilterContext("aac_adtstoasc", mapped.stream)
    return None
