"""One output of several: a writer in a thread of its own, opened again after a failure where that can help."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ...counts import NO_FRAMES, FrameCounts
from ...errors import OutputError, StreamfixError, UsageError, let_go
from ...frame import Frame
from ...media.output.frame_ledger import FrameLedger
from ...media.redact import redact
from ...media.specs import OutputSpec
from ..backoff import Backoff
from ..room import Room
from .backlog import Backlog
from .output_health import OutputHealth, WriteWatch
from .resuming import resumed

_KEPT = 0.9  # share of the longest write's time that is still expected after each later write

log = logging.getLogger("streamfix.live")


def missing(count: int) -> str:
    """That so many pictures are missing."""
    return f"{count} picture{' is' if count == 1 else 's are'} missing"


class WriterLike(Protocol):
    """What an outlet needs of `media.output.writer.Writer`."""

    @property
    def counts(self) -> FrameCounts: ...

    @property
    def bytes_written(self) -> int: ...

    @property
    def position_s(self) -> float: ...

    @property
    def enough(self) -> bool: ...

    @property
    def settled(self) -> bool: ...

    @property
    def left_out(self) -> Sequence[str]: ...

    @property
    def video_codec(self) -> str: ...

    def push(self, item: Any) -> Any: ...

    def flush(self) -> Any: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


Open = Callable[[OutputSpec, FrameLedger | None], WriterLike]


@dataclass(frozen=True, slots=True)
class Written:
    """What an output has written, over all the writers that it had. position_s: seconds of video."""

    counts: FrameCounts = NO_FRAMES
    bytes: int = 0
    position_s: float = 0.0

    def plus(self, writer: WriterLike | None) -> Written:
        """With what a writer has written so far."""
        if writer is None:
            return self
        return Written(
            self.counts + writer.counts, self.bytes + writer.bytes_written, self.position_s + writer.position_s
        )


@dataclass(frozen=True, slots=True)
class LiveTerms:
    """How a live output is treated: nothing waits for it, and it may be opened again.

    backoff: waits between a failure and the next attempt; None: the first failure ends the output.
    stuck_s: a write that takes longer is broken off.
    max_age_s: a picture that would be older than this when written is left out if a newer one waits; None for a
    recording, which wants all of them. room: of a recording: how much of it may wait. patient: an output that cannot
    be opened at first is no error.
    """

    health: OutputHealth
    backoff: Backoff | None
    stuck_s: float
    max_age_s: float | None = None
    room: Room | None = None
    patient: bool = False


class Outlet:
    """Writes the items that it is given, in a thread of its own.

    open: makes its writer, now and after each failure. format: the muxer. depth: how many items may wait; for a live
    output how many frames, and more than that are lost.
    worked: called with each frame and the seconds that it took.

    error: the last failure. done: all that was wanted is written. ended: nothing will be written any more.
    missing: how many of the camera's frames a live output has lost, to failures or because it was too slow.
    busy_s: seconds its thread has worked. Raises what `open` raises for the first writer.
    """

    def __init__(
        self,
        spec: OutputSpec,
        format: str,
        open: Open,
        *,
        depth: int,
        live: LiveTerms | None = None,
        worked: Callable[[Frame, float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec, self.format, self.name, self.live = spec, format, redact(spec.url), live
        self.error: BaseException | None = None
        self.done = self.ended = False
        self.missing = 0
        self.busy_s = 0.0
        self._codec = spec.video_codec or ""
        self._open, self._worked, self._clock = open, worked, clock
        # What earlier writers wrote, and the present one: replaced together, so that a reader counts nothing twice.
        self._state: tuple[Written, WriterLike | None] = (Written(), None)
        self._backlog = Backlog(
            depth,
            lossy=live is not None,
            room=None if live is None else live.room,
            lost=self._lost,
            outdated=self._is_outdated,
            clock=clock,
        )
        self._watch = None if live is None else WriteWatch(live.health, self.name, clock)
        self._frame_s = 0.0  # seconds that writing a frame may take
        self._retry_s = 0.0
        self._thread: threading.Thread | None = None
        self._open_first()
        if live is not None and live.room is not None:
            log.info("%s: a recording; up to %s of it may wait for the disk", self.name, live.room)

    @property
    def video_codec(self) -> str:
        """The encoder's name, as far as it is known."""
        writer = self._state[1]
        return self._codec if writer is None else writer.video_codec

    @property
    def written(self) -> Written:
        """What is written so far. From any thread."""
        before, writer = self._state
        return before.plus(writer)

    @property
    def room_s(self) -> float:
        """How many seconds of a recording may wait; 0 of any other output."""
        return 0.0 if self.live is None or self.live.room is None else self.live.room.seconds

    @property
    def incomplete(self) -> BaseException | None:
        """Why a recording has gaps, though it came to its end; None if it has none."""
        if self.live is None or self.live.room is None or not self.missing:
            return None
        why = str(self.error) if self.error is not None else "it was too slow for them"
        return OutputError(f"{self.name}: {missing(self.missing)}: {why.removeprefix(f'{self.name}: ')}")

    @property
    def refused(self) -> bool:
        """True if the output was never opened, because the request for it is wrong."""
        return isinstance(self.error, UsageError) and not self.written.counts.written

    # -- for the thread that gives

    def start(self) -> None:
        """Begin to take items."""
        self._thread = threading.Thread(target=self._work, name="encode", daemon=True)
        self._thread.start()

    def give(self, item: Any) -> None:
        """Take one more item to write. Raises Closed after a failure of an output that is not live."""
        self._backlog.put(item)
        if self.live is not None and self._watch is not None and self._watch.is_stuck(self.live.stuck_s):
            self.abort()

    def finish(self) -> None:
        """Nothing more will come."""
        self._backlog.finish()

    def join(self, timeout_s: float | None) -> bool:
        """Wait until all is written; False if that takes longer than timeout_s."""
        assert self._thread is not None
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def abort(self) -> None:
        """Break off a write to a server that does not answer."""
        _, writer = self._state
        if writer is not None:
            writer.abort()

    def close(self) -> None:
        """Throw away what waits, and take nothing more."""
        for item in self._backlog.close():
            self._discard(item)

    def discard(self) -> None:
        """Release a writer that was never started."""
        self.close()
        self._drop_writer()

    def _lost(self, item: Any) -> None:
        """Count an item that there was no room for."""
        if self._watch is not None:
            room = None if self.live is None else self.live.room
            self._watch.lost_one("" if room is None else f": {room} of it wait already")
        self._discard(item)

    def _is_outdated(self, frame: Frame) -> bool:
        max_age_s = None if self.live is None else self.live.max_age_s
        if max_age_s is None or frame.received_s is None:
            return False
        return self._clock() + self._frame_s - frame.received_s > max_age_s

    def _discard(self, item: Any) -> None:
        """Count an item that will not be written."""
        if isinstance(item, Frame):
            self._left_out(item, "outside" if self.done else "output")

    def _left_out(self, frame: Frame, reason: str) -> None:
        """Count a frame that will not be written."""
        if self.live is not None:
            self.missing += reason == "output" and not frame.standing_in
            self.live.health.left_out(frame, reason)

    # -- in its own thread

    def _work(self) -> None:
        try:
            while (item := self._backlog.get()) is not None:
                self._take(item)
                del item
            if self._state[1] is not None and not self._backlog.closed:
                self._guarded(self._end)
        finally:
            self._drop_writer()
            self.ended = True

    def _take(self, item: Any) -> None:
        if self._state[1] is None and not self.ended and isinstance(item, Frame) and self._clock() >= self._retry_s:
            self._guarded(self._reopen)
        _, writer = self._state
        if writer is None:
            self._discard(item)
            return
        begin_s = self._clock()
        if self._watch is not None:
            self._watch.writes()
        fine = self._guarded(lambda: writer.push(item))
        if self._watch is not None:
            self._watch.wrote(settled=fine and writer.settled, left_out=writer.left_out)
        took_s = self._clock() - begin_s
        self.busy_s += took_s
        if isinstance(item, Frame):
            self._frame_s = max(took_s, _KEPT * self._frame_s)
        if isinstance(item, Frame) and self._worked is not None:
            self._worked(item, took_s)
        if fine and writer.enough:
            self._guarded(self._end)

    def _new_writer(self, spec: OutputSpec) -> WriterLike:
        health = None if self.live is None else self.live.health
        ledger = None if health is None else FrameLedger(health.written, self._left_out, later=health.written)
        return self._open(spec, ledger)

    def _open_first(self) -> None:
        try:
            self._state = Written(), self._new_writer(self.spec)
        except OutputError as error:
            if self.live is None or not self.live.patient:
                raise
            self._down(error)
            return
        self._codec = self.video_codec

    def _reopen(self) -> None:
        before, _ = self._state
        self._state = before, self._new_writer(resumed(self.spec, self.format, before.counts.written))

    def _end(self) -> None:
        """Write the trailer: everything is there."""
        _, writer = self._state
        assert writer is not None
        writer.flush()
        self._drop_writer()
        self.done = self.ended = True

    def _guarded(self, call: Callable[[], Any]) -> bool:
        """Make the call; False if it failed, after dealing with the failure."""
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever an output raises: the others go on
            self._down(error)
            return False
        return True

    def _down(self, error: Exception) -> None:
        """Give up the writer after its failure, and decide whether there will be another."""
        self.error = error
        if isinstance(error, StreamfixError):
            let_go(error)
        self._drop_writer()
        worked_s = None if self._watch is None else self._watch.failed(redact(str(error)))
        backoff = None if self.live is None else self.live.backoff
        if backoff is None or self.refused:
            self.ended = True
            if self.live is None:
                self.close()  # the sender may be waiting for room
        else:
            backoff.was_good_for(worked_s or 0.0)
            self._retry_s = self._clock() + backoff.next_s()

    def _drop_writer(self) -> None:
        before, writer = self._state
        if writer is None:
            return
        try:
            writer.close()
        except Exception as error:  # noqa: BLE001 - the first error counts, not those of closing
            log.debug("%s: %s", self.name, error)
        self._state = before.plus(writer), None
