"""Reads the packets of one source, one at a time, with their times and when they arrived."""

from __future__ import annotations

import time
from math import inf, isfinite
from typing import Any

import av
import av.error

from ...errors import StreamfixError
from ..libav_errors import reading_failed
from ..timestamps import dts_or_pts
from .source import InputSource, LoopEnd

_WAITED_S = 0.01  # a read that waited so long has found nothing queued
_DRIFT = 2e-4  # of the camera's clock against this machine's; real ones drift less
_BACK_S, _AHEAD_S = 1.0, 10.0  # a greater step of the timestamps is a clock that was set


class PacketReader:
    """The next packet of a source, so that several sources can be merged in order of time.

    packet: None at the end. at_s: its time in seconds. arrived_s: when it arrived, monotonic seconds.
    """

    def __init__(self, index: int, source: InputSource) -> None:
        self.index, self.source = index, source
        self.packet: av.Packet[Any] | LoopEnd | None = None
        self.at_s = -inf
        self.arrived_s = 0.0
        self._arrival = Arrival()
        self._packets = source.packets()
        self.advance()

    def advance(self) -> None:
        """Read the next packet. Raises InputError or DecodeError if the source breaks off."""
        self.packet = None
        asked_s = time.monotonic()
        try:
            self.packet = next(self._packets, None)
        except (av.FFmpegError, OSError) as error:
            if isinstance(error, StreamfixError):
                raise
            at_s = self.at_s if isfinite(self.at_s) else None
            raise reading_failed(self.source.spec.url, at_s, error, self.source.container) from error
        self.arrived_s = got_s = time.monotonic()
        if isinstance(self.packet, av.Packet):
            at = dts_or_pts(self.packet)
            at_s = None if at is None else float(at * self.packet.time_base)
            self.arrived_s = self._arrival.of(asked_s, got_s, self.packet.stream_index, at_s)
            if at_s is not None:
                self.at_s = at_s


class Arrival:
    """Estimates when packets arrived, knowing only when they were read.

    If the decoder is slower than the camera, packets wait in the network's buffers, where no time is noted, and are
    read long after they arrived. But they arrive as far apart as their timestamps say. So a packet that had to be
    waited for arrived when it was read, and those read after it without a wait are placed by their timestamps. They
    are placed a little late (`_DRIFT`), so that a camera with a slow clock does not seem to fall ever further behind
    while no read has to wait.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, float]] = {}  # by stream: arrival and timestamp of a packet
        self._last: dict[int, float] = {}
        self._newest_s = float("-inf")

    def of(self, asked_s: float, got_s: float, stream: int, at_s: float | None) -> float:
        """When a packet arrived, in monotonic seconds: not after `got_s`, and not before the packet before it.

        asked_s, got_s: when its read began and ended, monotonic seconds. at_s: its timestamp in seconds, if it has one.
        """
        self._newest_s = arrived_s = max(self._estimate(asked_s, got_s, stream, at_s), self._newest_s)
        return arrived_s

    def _estimate(self, asked_s: float, got_s: float, stream: int, at_s: float | None) -> float:
        if got_s - asked_s >= _WAITED_S:
            self._known.clear()
        if at_s is None:
            return got_s
        step_s = at_s - self._last.get(stream, at_s)
        self._last[stream] = at_s
        known = self._known.get(stream)
        if known is not None and -_BACK_S <= step_s <= _AHEAD_S:
            expected_s = known[0] + (at_s - known[1]) * (1 + _DRIFT)
            if expected_s <= got_s:
                return expected_s
        self._known[stream] = got_s, at_s
        return got_s
