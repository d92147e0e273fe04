"""What runs on a node: the streams that the daemon has placed there, for as long as the daemon asks for them."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ....errors import StreamfixError
from ....frame import Frame
from ....jobs import JobSpec
from ....jobs.live import share_interpreter
from .. import logs
from ..engine.heap import limit_heaps
from ..load.calibration import CostCalibration
from ..load.costs import Costs
from .hosted import HostedStream, Told

if TYPE_CHECKING:
    from ....jobs.pool import FilterPool

log = logging.getLogger("streamfix.daemon")

END_S = 3.0  # that streams get to end once nobody has asked for them


class Lease:
    """Until when an agent may run streams: so long after the daemon has sent a question.

    A question may be on its way for long, and the clocks of two machines differ. So the daemon sends its own time with
    each; the quickest one so far tells how the clocks compare.
    """

    def __init__(self, length_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._length_s, self._clock = length_s, clock
        self._ahead_s: float | None = None
        self._until_s = clock() + length_s

    def renew(self, sent_s: float) -> None:
        """A question has come. sent_s: the daemon's time when it sent it."""
        ahead_s = self._clock() - sent_s
        self._ahead_s = ahead_s if self._ahead_s is None else min(self._ahead_s, ahead_s)
        self._until_s = max(self._until_s, sent_s + self._ahead_s + self._length_s)

    @property
    def over(self) -> bool:
        """True once the streams have to end."""
        return self._clock() > self._until_s


class Agent:
    """Runs streams on one node. Nothing here needs Ray: `nodes` makes an actor of `NodeAgent`.

    device: where filters run. lease_s: streams end if the daemon has not asked for so long, since it will start them
    elsewhere. leave: ends the process, where they do not end.
    """

    def __init__(self, device: str, lease_s: float, leave: Callable[[int], None] = os._exit) -> None:
        share_interpreter()
        limit_heaps()
        self._device, self._leave = device, leave
        self._lease = Lease(lease_s)
        self._pool: FilterPool | None = None
        self._costs = Costs(CostCalibration(self._filters))
        self._streams: dict[str, HostedStream] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._keep_to_the_lease, name="lease", daemon=True)
        self._watch.start()

    def begin(self, key: str, name: str, spec: JobSpec) -> None:
        """Start a stream. key: of this run of it."""
        stream = HostedStream(name, spec, self._filters, self._costs.need)
        with self._lock:
            self._streams[key] = stream
        stream.start()

    def poll(self, sent_s: float) -> dict[str, Told]:
        """What there is to tell, by key; streams that are over are told of once. sent_s: see `Lease`."""
        self._lease.renew(sent_s)
        with self._lock:
            told = {key: stream.told() for key, stream in self._streams.items()}
            for key, each in told.items():
                if each.ended:
                    del self._streams[key]
        return told

    def tell(self, key: str, what: str) -> None:
        """Have a stream `admit`, `stop`, `cancel` or `retry`; nothing where it is over."""
        with self._lock:
            stream = self._streams.get(key)
        if stream is not None:
            getattr(stream, what)()

    def latest(self, key: str) -> tuple[Frame, Frame] | None:
        """A stream's newest frame, before and after."""
        with self._lock:
            stream = self._streams.get(key)
        return None if stream is None else stream.latest

    def close(self) -> None:
        """End all streams at once."""
        self._closed.set()
        self._cancel_all()

    def _filters(self) -> FilterPool:
        from ....jobs.pool import FilterPool

        with self._lock:
            if self._pool is None:
                self._pool = FilterPool(self._device, owns_process=True)
            return self._pool

    def _cancel_all(self) -> list[HostedStream]:
        with self._lock:
            streams = list(self._streams.values())
        for stream in streams:
            try:
                stream.cancel()
            except StreamfixError as error:
                log.error("%s: %s", stream.health.name, error)
        return streams

    def _keep_to_the_lease(self) -> None:
        while not self._closed.wait(0.2):
            if not self._lease.over:
                continue
            log.error("the daemon has not asked for this node's streams: they end, and are started elsewhere")
            streams, end_s = self._cancel_all(), time.monotonic() + END_S
            while any(stream.alive for stream in streams):
                if time.monotonic() > end_s:
                    self._leave(1)  # a thread hangs, and may still write
                    return
                if self._closed.wait(0.05):
                    return
            with self._lock:
                self._streams = {key: each for key, each in self._streams.items() if each not in streams}
            self._leave(0)
            return


class NodeAgent(Agent):
    """An agent that has its process to itself: it sets up the log, which Ray keeps, without credentials."""

    def __init__(self, device: str, lease_s: float) -> None:
        logs.set_up("human", logging.INFO)
        super().__init__(device, lease_s)
