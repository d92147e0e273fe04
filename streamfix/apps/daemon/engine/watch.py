"""The daemon's heartbeat: once a second it looks after every stream and tells systemd that it is alive."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence

from ..load.admission import Need
from ..loop import Loop
from ..notices.notice import StreamState
from ..notices.notices import Notices
from .heap import give_back
from .history import STEP_S
from .notify import Notifier
from .shared import Shared
from .stream import ManagedStream

TICK_S = 1.0
_PATIENCE_S = 5.0
_TIDY_S = 60.0  # between two times that freed memory is given back
_SPARE = 0.8  # share of the processors: with more in use, measured times include waiting
_ENOUGH = 25  # frames in a step that suffice to tell what a frame costs

log = logging.getLogger("streamfix.daemon")


class Watch:
    """Samples the streams' figures, measures the load, admits refused streams when there is room, pings the watchdog.

    streams: returns the current streams. notices: are shown the streams' states.
    """

    def __init__(
        self,
        streams: Callable[[], Sequence[ManagedStream]],
        shared: Shared,
        notifier: Notifier | None = None,
        notices: Notices | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._streams, self._shared, self._clock = streams, shared, clock
        self._notifier = notifier or Notifier({})
        self._notices = notices
        self._last: tuple[float, float, float] | None = None  # of the last step: when, processors' and GPU's seconds
        self._worked: dict[str, tuple[int, float]] = {}
        self._tidied_s = clock()
        period_s = TICK_S if self._notifier.watchdog_s is None else min(TICK_S, self._notifier.watchdog_s / 4)
        self._loop = Loop("watch", "looking after the streams", self.tick, period_s)

    def start(self) -> None:
        self._loop.start()

    def close(self) -> None:
        """End the loop; waits only a moment, since the daemon must end whatever hangs."""
        if not self._loop.close(_PATIENCE_S):
            log.error("the watch over the streams hangs, and is abandoned")
        if self._notices is not None:
            self._notices.close()

    def tick(self) -> None:
        """The work of each second."""
        now_s, streams = self._clock(), self._streams()
        self._notifier.alive(now_s)
        self._notifier.status(summary(streams))
        if self._notices is not None:
            self._notices.look((_state_of(stream) for stream in streams), now_s)
        if self._last is None or now_s - self._last[0] >= STEP_S:
            self._step(now_s, streams)
        if now_s - self._tidied_s >= _TIDY_S:
            self._tidied_s = now_s
            give_back()
        if (name := self._shared.admission.next()) is not None:
            for stream in streams:
                if stream.name == name and stream.running:  # it waits for room, or is about to
                    log.info("%s: there is room for it now, so it starts", name)
                    stream.retry()

    def _step(self, now_s: float, streams: Sequence[ManagedStream]) -> None:
        for stream in streams:
            stream.record.step(now_s)
        cpu_s, gpu_s = time.process_time(), self._shared.gpu_busy_s()
        if self._last is not None:
            took_s = now_s - self._last[0]
            load = Need((cpu_s - self._last[1]) / took_s, (gpu_s - self._last[2]) / took_s)
            self._shared.admission.measure(load)
            self._learn(streams, spare=load.cores < _SPARE * self._shared.cores)
            self._revise(streams)
        self._last = now_s, cpu_s, gpu_s

    def _learn(self, streams: Sequence[ManagedStream], spare: bool) -> None:
        """Learn what a frame costs in filters, from streams that run their whole chain."""
        worked, self._worked = self._worked, {}
        for stream in streams:
            histogram, report = stream.record.stages.get("restore"), stream.report
            if histogram is None or report is None:
                continue
            pairs, total_s = histogram.read()
            count = pairs[-1][1]
            self._worked[stream.name] = count, total_s
            count_before, before_s = worked.get(stream.name, (count, total_s))
            known = stream.spec is not None and stream.info is not None
            if spare and known and report.step == 0 and count - count_before >= _ENOUGH:
                assert stream.spec is not None and stream.info is not None
                self._shared.costs.learn(stream.spec, stream.info, (total_s - before_s) / (count - count_before))

    def _revise(self, streams: Sequence[ManagedStream]) -> None:
        """Correct what streams are counted with: the first measurement may have been taken on a busy machine."""
        for stream in streams:
            if stream.spec is not None and stream.info is not None:
                need = self._shared.costs.known_need(stream.spec, stream.info)
                if need is not None:
                    self._shared.admission.revise(stream.name, need)


def _state_of(stream: ManagedStream) -> StreamState:
    status = stream.status()
    since_s = status["since"]
    assert isinstance(since_s, float)
    faults: dict[str, tuple[str, float]] = {kind: (text, began_s) for kind, began_s, text in stream.sight.faults}
    reason, patience_s = str(status["reason"]), stream.config.lost_after_s
    return StreamState(stream.name, stream.state, reason, since_s, patience_s, faults)


def summary(streams: Sequence[ManagedStream]) -> str:
    """The streams' states in one line: `3 streams: 2 running, 1 reconnecting`."""
    if not streams:
        return "no streams"
    states = Counter(stream.state for stream in streams)
    said = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return f"{len(streams)} stream{'s' if len(streams) > 1 else ''}: {said}"
