"""One source's packets, one at a time, for merging several in order of time."""

from __future__ import annotations

import time
from math import inf, isfinite
from typing import Any

import av
import av.error

from ...errors import StreamfixError
from ..libav_errors import broke_off
from ..rational import dts_or_pts
from .arrival import Arrival
from .source import LoopEnd, Source


class Feed:
    """A source's next packet, its time (seconds), and when it had arrived (monotonic)."""

    def __init__(self, index: int, source: Source) -> None:
        self.index, self.source = index, source
        self.packet: av.Packet[Any] | LoopEnd | None = None
        self.at_s = -inf
        self.arrived_s = 0.0
        self._arrival = Arrival()
        self._packets = source.packets()
        self.advance()

    def advance(self) -> None:
        """Read the next packet, None at the end. Raises InputError when the source dies."""
        self.packet = None
        asked_s = time.monotonic()
        try:
            self.packet = next(self._packets, None)
        except (av.FFmpegError, OSError) as error:
            if isinstance(error, StreamfixError):
                raise
            at_s = self.at_s if isfinite(self.at_s) else None
            raise broke_off(self.source.spec.url, at_s, error, self.source.container) from error
        self.arrived_s = got_s = time.monotonic()
        if isinstance(self.packet, av.Packet):
            at = dts_or_pts(self.packet)
            at_s = None if at is None else float(at * self.packet.time_base)
            self.arrived_s = self._arrival.of(asked_s, got_s, self.packet.stream_index, at_s)
            if at_s is not None:
                self.at_s = at_s
