"""How a live stream is: its state, and where every frame has gone. Written by its parts, read by whoever looks."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

State = Literal["starting", "running", "degraded", "reconnecting", "stopped", "error"]
STATES: tuple[State, ...] = ("starting", "running", "degraded", "reconnecting", "stopped", "error")
_RECENT = 512  # frames that the quantiles of the latency are taken of
_EVENTS = 200

STALLED_S = 20.0

log = logging.getLogger("streamfix.live")


@dataclass(frozen=True, slots=True)
class Event:
    """Something an operator wants to know. at_s: `time.time()`. kind: "state", "step", "reconnect", "output" ..."""

    at_s: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class OutputReport:
    """One output: what keeps it from being written (empty if nothing does), and what became of the camera's frames.

    late: of those written, after the budget. dropped: by reason.
    """

    name: str
    trouble: str = ""
    written: int = 0
    late: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """A snapshot of a stream.

    Frames: received = written + sum(dropped) + in flight, always; written to the first output. Those that only stand in
    are counted apart. damaged: received frames that were damaged. late: written after the budget.
    rung: 0 is the whole filter chain; rung_name its text.
    latency_s: quantiles over the last frames, "p50", "p99", "max"; empty before the first.
    figures: what filters tell, such as noise_luma in 8-bit codes. outputs: each of them, in their order.
    stalled: frames come, and nothing has become of any for `STALLED_S`: a filter or a driver hangs.
    """

    state: State
    reason: str
    since_s: float
    received: int
    written: int
    dropped: Mapping[str, int]
    damaged: int
    standing_in: int
    late: int
    reconnects: int
    rung: int
    rung_name: str
    fps: float
    latency_s: Mapping[str, float]
    figures: Mapping[str, float]
    outputs: Sequence[OutputReport]
    last_frame_s: float | None
    stalled: bool = False

    @property
    def in_flight(self) -> int:
        """Frames received of which nothing is known yet."""
        return self.received - self.written - sum(self.dropped.values())


@dataclass(slots=True)
class _Output:
    name: str = ""
    trouble: str = ""
    written: int = 0
    late: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def report(self) -> OutputReport:
        return OutputReport(self.name, self.trouble, self.written, self.late, dict(self.dropped))


@dataclass(slots=True)
class _Counts:
    received: int = 0
    written: int = 0
    damaged: int = 0
    standing_in: int = 0
    late: int = 0
    reconnects: int = 0
    rung: int = 0
    rung_name: str = ""
    rung_reason: str = ""
    dropped: Counter[str] = field(default_factory=Counter)
    figures: dict[str, float] = field(default_factory=dict)
    outputs: dict[int, _Output] = field(default_factory=dict)
    last_frame_s: float | None = None

    @property
    def in_flight(self) -> int:
        return self.received - self.written - self.dropped.total()


class Health:
    """One stream's record. Every method may be called from any thread.

    The state follows from what the parts say: stopped and error are final; a camera that is away is reconnecting;
    a step down the ladder, a failed output, is degraded; else running.
    name: for the log. on_event: called with each event, outside the lock.
    """

    def __init__(
        self,
        name: str = "",
        on_event: Callable[[Event], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self._on_event, self._clock = name, on_event, clock
        self._lock = threading.Lock()
        self._counts = _Counts()
        self._state: State = "starting"
        self._reason = "connecting"
        self._since_s = time.time()
        self._ended: State | None = None
        self._lost: str | None = "connecting"
        self._connected_before = False
        self._came_s = self._dealt_s = clock()  # when a frame came last, and when something became of one
        self._latency: deque[float] = deque(maxlen=_RECENT)
        self._written_at: deque[float] = deque(maxlen=_RECENT)
        self.events: deque[Event] = deque(maxlen=_EVENTS)

    # -- the source

    def connected(self) -> None:
        """Pictures come (again)."""
        with self._lock:
            again, self._lost = self._connected_before, None
            self._connected_before = True
            self._counts.reconnects += again
        self._event("reconnect" if again else "connect", "connected again" if again else "connected")
        self._settle()

    def lost(self, reason: str) -> None:
        """No pictures come; a new attempt follows."""
        with self._lock:
            news, self._lost = self._lost != reason, reason
        if news:
            self._event("lost", reason)
        self._settle()

    def received(self, *, damaged: bool = False) -> None:
        """A frame has come from the camera."""
        with self._lock:
            if self._counts.in_flight == 0:
                self._dealt_s = self._clock()  # nothing was waiting until now
            self._came_s = self._clock()
            self._counts.received += 1
            self._counts.damaged += damaged
            self._counts.last_frame_s = time.time()

    def dropped(self, reason: str, count: int = 1) -> None:
        """Frames that will not be written: "overload", "stopped", "error" ..."""
        with self._lock:
            self._counts.dropped[reason] += count
            if reason != "overload":
                self._dealt_s = self._clock()

    def stood_in(self) -> None:
        """A frame was made up because there was none."""
        with self._lock:
            self._counts.standing_in += 1

    # -- the filters

    def stepped(self, rung: int, name: str, reason: str) -> None:
        """The ladder's rung has changed (or is known: the first call says nothing to the log)."""
        with self._lock:
            first, before = not self._counts.rung_name, self._counts.rung
            self._counts.rung, self._counts.rung_name, self._counts.rung_reason = rung, name, reason
        if not first:
            self._event("step", f"{'down' if rung > before else 'up'} to {name or 'pass-through'}: {reason}")
        self._settle()

    def note(self, kind: str, text: str) -> None:
        """Something else that an operator wants to know; it changes no state."""
        self._event(kind, text)

    def figure(self, name: str, value: float) -> None:
        """Something measured on the way, such as noise_luma in 8-bit codes."""
        with self._lock:
            self._counts.figures[name] = value

    # -- the outputs

    def written(self, latency_s: float | None, *, late: bool = False) -> None:
        """A frame has been delivered to the first output. latency_s: since it was received."""
        with self._lock:
            self._counts.written += 1
            self._counts.late += late
            self._dealt_s = self._clock()
            self._written_at.append(self._dealt_s)
            if latency_s is not None:
                self._latency.append(latency_s)

    def output(self, index: int, name: str, trouble: str) -> None:
        """How an output is, the first one has index 0; no trouble is an empty text."""
        with self._lock:
            own = self._output(index)
            news = own.trouble != trouble
            own.name, own.trouble = name, trouble
        if news:
            self._event("output", f"{name}: {trouble or 'well again'}")
        self._settle()

    def output_wrote(self, index: int, *, late: bool) -> None:
        """An output has written a frame of the camera's."""
        with self._lock:
            own = self._output(index)
            own.written += 1
            own.late += late

    def output_left_out(self, index: int, reason: str) -> None:
        """An output will not write a frame."""
        with self._lock:
            self._output(index).dropped[reason] += 1

    # -- the whole

    def ended(self, error: BaseException | None = None) -> None:
        """The stream is over, by its own end or by an error. What is in flight will not be written any more."""
        with self._lock:
            c = self._counts
            if (left := c.in_flight) > 0:
                c.dropped["stopped" if error is None else "error"] += left
            self._ended = "stopped" if error is None else "error"
            self._lost = str(error) if error is not None else "stopped"
        self._settle()

    def report(self) -> Report:
        """How the stream is now."""
        with self._lock:
            c = self._counts
            recent = sorted(self._latency)
            now_s = self._clock()
            times = [t for t in self._written_at if now_s - t <= 5.0]
            span_s = now_s - times[0] if times else 0.0
            quantiles = {}
            if recent:
                at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
                quantiles = {n: recent[min(int(q * len(recent)), len(recent) - 1)] for n, q in at.items()}
            hung_s = now_s - self._dealt_s
            stalled = self._state in ("running", "degraded") and self._came_s > self._dealt_s and hung_s > STALLED_S
            return Report(
                "degraded" if stalled else self._state,
                f"frames come, and nothing has become of one for {hung_s:.0f} s" if stalled else self._reason,
                self._since_s,
                c.received,
                c.written,
                dict(c.dropped),
                c.damaged,
                c.standing_in,
                c.late,
                c.reconnects,
                c.rung,
                c.rung_name,
                (len(times) - 1) / span_s if len(times) > 1 and span_s > 0 else 0.0,
                quantiles,
                dict(c.figures),
                [own.report() for _, own in sorted(c.outputs.items())],
                c.last_frame_s,
                stalled,
            )

    def _settle(self) -> None:
        """Work out the state from what is known, and tell if it is another."""
        with self._lock:
            c = self._counts
            state: State
            troubled = [f"{own.name}: {own.trouble}" for _, own in sorted(c.outputs.items()) if own.trouble]
            if self._ended is not None:
                state, reason = self._ended, self._lost or ""
            elif self._lost is not None:
                state, reason = ("reconnecting" if self._connected_before else "starting"), self._lost
            elif c.rung or troubled:
                step = [f"down to {c.rung_name or 'pass-through'}: {c.rung_reason}"] if c.rung else []
                state, reason = "degraded", "; ".join(step + troubled)
            else:
                state, reason = "running", ""
            news = state != self._state
            self._state, self._reason = state, reason
            if news:
                self._since_s = time.time()
        if news:
            self._event("state", f"{state}{': ' + reason if reason else ''}")

    def _output(self, index: int) -> _Output:
        return self._counts.outputs.setdefault(index, _Output())

    def _event(self, kind: str, text: str) -> None:
        event = Event(time.time(), kind, text)
        self.events.append(event)
        level = logging.WARNING if kind in ("lost", "step", "output", "filter") else logging.INFO
        log.log(level, "%s%s", f"{self.name}: " if self.name else "", text, extra={"stream": self.name})
        if self._on_event is not None:
            self._on_event(event)
