"""A live stream's health: its state, and what became of every frame. Its parts write it, anybody may read it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ..counts import NO_FRAMES, FrameCounts

State = Literal["starting", "running", "degraded", "reconnecting", "stopped", "error"]
STATES: tuple[State, ...] = ("starting", "running", "degraded", "reconnecting", "stopped", "error")
_RECENT = 512  # frames over which the quantiles of the latency are taken
_EVENTS = 200

STALLED_S = 20.0

log = logging.getLogger("streamfix.live")


@dataclass(frozen=True, slots=True)
class Event:
    """Something an operator wants to know. at_s: `time.time()`. kind: "state", "step", "output", "clock" ..."""

    at_s: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class OutputReport:
    """One output: what keeps it from being written (empty if nothing does), and its counts of the camera's frames."""

    name: str
    trouble: str = ""
    counts: FrameCounts = NO_FRAMES


@dataclass(frozen=True, slots=True)
class Report:
    """A snapshot of a stream.

    since_s: Unix time at which it came into this state. reconnects: how often a lost camera came back.
    step: of the ladder, 0 is the whole filter chain; step_name: that step's chain as text.
    fps: frames written a second, over the last five seconds. latency_s: quantiles over the last frames, "p50", "p99",
    "max"; empty before the first. figures: what filters measure, such as noise_luma in 8-bit codes.
    outputs: each of them, in their order. last_frame_s: Unix time at which the last frame came.
    stalled: frames come, but none has been written or dropped for `STALLED_S`: a filter or a driver hangs.
    next_try_s: Unix time of the next attempt to reach the camera, None if none is waited for.
    """

    state: State
    reason: str
    since_s: float
    counts: FrameCounts
    reconnects: int
    step: int
    step_name: str
    fps: float
    latency_s: Mapping[str, float]
    figures: Mapping[str, float]
    outputs: Sequence[OutputReport]
    last_frame_s: float | None
    stalled: bool = False
    next_try_s: float | None = None


@dataclass(slots=True)
class _Output:
    name: str = ""
    trouble: str = ""
    counts: FrameCounts = NO_FRAMES

    def report(self) -> OutputReport:
        return OutputReport(self.name, self.trouble, self.counts)


@dataclass(slots=True)
class _Known:
    """What is reported as it was told."""

    counts: FrameCounts = NO_FRAMES
    reconnects: int = 0
    step: int = 0
    step_name: str = ""
    step_reason: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    outputs: dict[int, _Output] = field(default_factory=dict)
    last_frame_s: float | None = None


class Health:
    """One stream's state and counts. Every method may be called from any thread.

    The state follows from what the parts of the stream tell: "stopped" and "error" are final; without its camera the
    stream is "reconnecting"; on a lower step of the ladder or with a failed output it is "degraded"; else "running".
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
        self._known = _Known()
        self._state: State = "starting"
        self._reason = "connecting"
        self._since_s = time.time()
        self._ended: State | None = None
        self._lost: str | None = "connecting"
        self._connected_before = False
        self._next_try_s: float | None = None
        # When the last frame came, and when one was last written or dropped.
        self._came_s = self._progressed_s = clock()
        self._latency: deque[float] = deque(maxlen=_RECENT)
        self._written_at: deque[float] = deque(maxlen=_RECENT)
        self.events: deque[Event] = deque(maxlen=_EVENTS)
        self._mirrored: Report | None = None

    # -- a stream that runs in another process

    def mirror(self, report: Report) -> None:
        """Show what another process reports of the stream, until it has ended."""
        with self._lock:
            self._mirrored = report

    def replay(self, event: Event) -> None:
        """An event of another process, which has logged it."""
        self.events.append(event)
        if self._on_event is not None:
            self._on_event(event)

    def latency(self, latency_s: float) -> None:
        """The latency of a frame that another process has written."""

    # -- the source

    def trying(self) -> None:
        """An attempt to reach the camera begins."""
        with self._lock:
            self._next_try_s = None

    def connected(self) -> None:
        """The camera sends pictures, for the first time or again."""
        with self._lock:
            self._next_try_s = None
            again, self._lost = self._connected_before, None
            self._connected_before = True
            self._known.reconnects += again
        self._event("reconnect" if again else "connect", "connected again" if again else "connected")
        self._settle()

    def began(self) -> None:
        """Pictures are handed to the stream: there is no camera to wait for."""
        with self._lock:
            self._lost, self._connected_before = None, True
            self._state, self._reason = "running", ""

    def lost(self, reason: str, again_in_s: float | None = None, *, tell_when: bool = False) -> None:
        """The camera sends no pictures; a new attempt to connect follows.

        again_in_s: seconds until then, None where nobody knows. tell_when: every call is an event, and says when.
        """
        next_try_s = None if again_in_s is None else time.time() + again_in_s
        with self._lock:
            news, self._lost = self._lost != reason, reason
            self._next_try_s = next_try_s
        if tell_when and next_try_s is not None:
            self._event("lost", f"{reason}; the next try is at {time.strftime('%H:%M:%S', time.localtime(next_try_s))}")
        elif news:
            self._event("lost", reason)
        self._settle()

    def received(self, *, damaged: bool = False) -> None:
        """A frame has come from the camera."""
        with self._lock:
            known = self._known
            if known.counts.in_flight == 0:
                self._progressed_s = self._clock()  # nothing was waiting until now
            self._came_s = self._clock()
            known.counts += FrameCounts(received=1, damaged=int(damaged))
            known.last_frame_s = time.time()

    def dropped(self, reason: str, count: int = 1) -> None:
        """Frames that will not be written: "overload", "stopped", "error" ..."""
        with self._lock:
            self._known.counts += FrameCounts(dropped={reason: count})
            if reason != "overload":
                self._progressed_s = self._clock()

    def stood_in(self) -> None:
        """A frame was made up because there was none."""
        with self._lock:
            self._known.counts += FrameCounts(standing_in=1)

    # -- the filters

    def stepped(self, step: int, name: str, reason: str) -> None:
        """The ladder is on another step. The first call only says where it begins, and is no event."""
        with self._lock:
            known = self._known
            first, before = not known.step_name, known.step
            known.step, known.step_name, known.step_reason = step, name, reason
        if not first:
            self._event("step", f"{'down' if step > before else 'up'} to {name or 'pass-through'}: {reason}")
        self._settle()

    def note(self, kind: str, text: str) -> None:
        """Something else that an operator wants to know; it changes no state."""
        self._event(kind, text)

    def figure(self, name: str, value: float) -> None:
        """Keep the newest value of something measured, such as noise_luma in 8-bit codes."""
        with self._lock:
            self._known.figures[name] = value

    # -- the outputs

    def written(self, latency_s: float | None, *, late: bool = False) -> None:
        """A frame has been delivered to the first output. latency_s: since it was received."""
        with self._lock:
            self._known.counts += FrameCounts(written=1, late=int(late))
            self._progressed_s = self._clock()
            self._written_at.append(self._progressed_s)
            if latency_s is not None:
                self._latency.append(latency_s)

    def output(self, index: int, name: str, trouble: str) -> None:
        """An output's trouble, empty if it has none. index: 0 is the first output."""
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
            self._output(index).counts += FrameCounts(written=1, late=int(late))

    def output_left_out(self, index: int, reason: str) -> None:
        """An output will not write a frame."""
        with self._lock:
            self._output(index).counts += FrameCounts(dropped={reason: 1})

    # -- the whole

    def ended(self, error: BaseException | None = None) -> None:
        """The stream is over, by its own end or by an error. What is in flight counts as dropped."""
        with self._lock:
            if self._mirrored is not None:
                seen, self._mirrored = self._mirrored, None
                self._known.counts, self._known.reconnects = seen.counts, seen.reconnects
                self._known.last_frame_s = seen.last_frame_s
                each = {i: _Output(own.name, own.trouble, own.counts) for i, own in enumerate(seen.outputs)}
                self._known.outputs = each
            if (left := self._known.counts.in_flight) > 0:
                self._known.counts += FrameCounts(dropped={"stopped" if error is None else "error": left})
            self._ended = "stopped" if error is None else "error"
            self._next_try_s = None
            self._lost = str(error) if error is not None else "stopped"
        self._settle()

    def report(self) -> Report:
        """The stream's state and counts now."""
        with self._lock:
            if self._mirrored is not None:
                return self._mirrored
            known = self._known
            recent = sorted(self._latency)
            now_s = self._clock()
            times = [t for t in self._written_at if now_s - t <= 5.0]
            span_s = now_s - times[0] if times else 0.0
            quantiles = {}
            if recent:
                at = {"p50": 0.5, "p99": 0.99, "max": 1.0}
                quantiles = {n: recent[min(int(q * len(recent)), len(recent) - 1)] for n, q in at.items()}
            hung_s = now_s - self._progressed_s
            stalled = self._state in ("running", "degraded") and self._came_s > self._progressed_s
            stalled = stalled and hung_s > STALLED_S
            return Report(
                state="degraded" if stalled else self._state,
                reason=f"frames come in, but none has come out for {hung_s:.0f} s" if stalled else self._reason,
                since_s=self._since_s,
                counts=known.counts,
                reconnects=known.reconnects,
                step=known.step,
                step_name=known.step_name,
                fps=(len(times) - 1) / span_s if len(times) > 1 and span_s > 0 else 0.0,
                latency_s=quantiles,
                figures=dict(known.figures),
                outputs=[own.report() for _, own in sorted(known.outputs.items())],
                last_frame_s=known.last_frame_s,
                stalled=stalled,
                next_try_s=self._next_try_s,
            )

    def _settle(self) -> None:
        """Work out the state from what is known, and tell if it has changed."""
        with self._lock:
            known = self._known
            state: State
            troubled = [f"{own.name}: {own.trouble}" for _, own in sorted(known.outputs.items()) if own.trouble]
            if self._ended is not None:
                state, reason = self._ended, self._lost or ""
            elif self._lost is not None:
                state, reason = ("reconnecting" if self._connected_before else "starting"), self._lost
            elif known.step or troubled:
                lowered = [f"down to {known.step_name or 'pass-through'}: {known.step_reason}"] if known.step else []
                state, reason = "degraded", "; ".join(lowered + troubled)
            else:
                state, reason = "running", ""
            news = state != self._state
            self._state, self._reason = state, reason
            if news:
                self._since_s = time.time()
        if news:
            self._event("state", f"{state}{': ' + reason if reason else ''}")

    def _output(self, index: int) -> _Output:
        return self._known.outputs.setdefault(index, _Output())

    def _event(self, kind: str, text: str) -> None:
        event = Event(time.time(), kind, text)
        self.events.append(event)
        level = logging.WARNING if kind in ("lost", "step", "output", "filter", "clock", "sight") else logging.INFO
        log.log(level, "%s%s", f"{self.name}: " if self.name else "", text, extra={"stream": self.name})
        if self._on_event is not None:
            self._on_event(event)
