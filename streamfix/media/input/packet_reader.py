"""One source's packets, one at a time, for merging several in order of time."""

from __future__ import annotations

import time
from math import inf, isfinite
from typing import Any

import av
import av.error

from ...errors import StreamfixError
from ..libav_errors import reading_failed
from ..timestamps import dts_or_pts
from .source import LoopEnd, Source

_WAITED_S = 0.01  # who waits so long for a packet has read all that was there
_DRIFT = 2e-4  # of the camera's clock against ours, more than there is
_BACK_S, _AHEAD_S = 1.0, 10.0  # a step further back or ahead is no time that passed


class PacketReader:
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
            raise reading_failed(self.source.spec.url, at_s, error, self.source.container) from error
        self.arrived_s = got_s = time.monotonic()
        if isinstance(self.packet, av.Packet):
            at = dts_or_pts(self.packet)
            at_s = None if at is None else float(at * self.packet.time_base)
            self.arrived_s = self._arrival.of(asked_s, got_s, self.packet.stream_index, at_s)
            if at_s is not None:
                self.at_s = at_s


class Arrival:
    """Tells when a packet came of which only is known when it was read.

    A decoder that is slower than its camera reads packets long after they came: they wait in the network, where nobody
    notes the time. But they come as far apart as their timestamps say. So the one that had to be waited for came when
    it was read, and what follows without a wait is counted from it, a little late: where nothing is ever waited for, a
    camera's clock that is slow must not make its pictures older by and by.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, float]] = {}  # by stream: a packet's arrival, and its timestamp
        self._last: dict[int, float] = {}
        self._newest_s = float("-inf")

    def of(self, asked_s: float, got_s: float, stream: int, at_s: float | None) -> float:
        """Monotonic seconds at which a packet came, no later than `got_s` and no earlier than the one before.

        asked_s, got_s: monotonic seconds, before and after it was read. at_s: its timestamp in seconds.
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
