"""The times of a stream's packets as its muxer wants them: in the output's time base, never going back."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av

from ..timestamps import rescale


class MuxTimes:
    """Rescales the packets of one stream, and moves each that would not be later than the one before by a tick.

    Muxers refuse such a packet, though times that differ in the input's time base may well be equal in the output's.
    ffmpeg does the same (mux.c, mux_fixup_ts).

    time_base: of the stream, once the header is written. strict: each dts must be greater; else it may be equal.
    """

    def __init__(self, time_base: Fraction, *, strict: bool) -> None:
        self._time_base, self._step = time_base, int(strict)
        self._last: int | None = None

    def settle(self, packet: av.Packet[Any]) -> None:
        """Change a packet's times in place. What has none is left alone."""
        base = packet.time_base or self._time_base
        pts = None if packet.pts is None else rescale(packet.pts, base, self._time_base)
        dts = None if packet.dts is None else rescale(packet.dts, base, self._time_base)
        packet.duration = rescale(packet.duration, base, self._time_base) if packet.duration else 0
        if dts is not None:
            if self._last is not None:
                dts = max(dts, self._last + self._step)
            self._last = dts
            pts = dts if pts is None else max(pts, dts)
        packet.time_base = self._time_base
        packet.pts, packet.dts = pts, dts
