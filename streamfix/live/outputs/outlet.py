"""One of several outputs: a writer in a thread of its own, opened anew when it fails and may."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...errors import OutputError, UsageError
from ...frame import Frame
from ...media.output.frame_ledger import FrameLedger
from ...media.redact import redact
from ...media.specs import OutputSpec
from ..backoff import Backoff
from .account import Account
from .backlog import Backlog
from .condition import Condition
from .resuming import resumed
from .totals import Totals, WriterLike

_KEPT = 0.9  # of what the longest write took, with each one after it

log = logging.getLogger("streamfix.live")

Open = Callable[[OutputSpec, FrameLedger | None], WriterLike]


@dataclass(frozen=True, slots=True)
class Live:
    """What makes an output a live one: nobody waits for it, and it may be opened again.

    backoff: waits between a failure and the next attempt; None where the first failure is the end. stuck_s: a write
    that takes so long is broken off. max_age_s: a picture that would be older when it is written is left out if there
    is a newer one; None where all are wanted, of a recording. patient: one that cannot be opened at first is no error.
    """

    account: Account
    backoff: Backoff | None
    stuck_s: float
    max_age_s: float | None = None
    patient: bool = False


class Outlet:
    """Writes what it is given, in its own thread.

    open: makes its writer, now and after each failure. format: the muxer. depth: items that wait for it; of a live
    output frames, and what is too much is lost.
    worked: told of each frame and the seconds that it took.

    error: the last failure. done: all that was wanted is written. ended: nothing will be written any more.
    busy_s: seconds its thread has worked. Raises what `open` raises for the first writer.
    """

    def __init__(
        self,
        spec: OutputSpec,
        format: str,
        open: Open,
        *,
        depth: int,
        live: Live | None = None,
        worked: Callable[[Frame, float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.spec, self.format, self.name, self.live = spec, format, redact(spec.url), live
        self.error: BaseException | None = None
        self.done = self.ended = False
        self.busy_s = 0.0
        self._codec = spec.video_codec or ""
        self._open, self._worked, self._clock = open, worked, clock
        # Replaced as one, so that whoever looks counts nothing twice.
        self._state: tuple[Totals, WriterLike | None] = (Totals(), None)
        self._backlog = Backlog(depth, lossy=live is not None, lost=self._lost, outdated=self._is_outdated)
        self._condition = None if live is None else Condition(live.account, self.name, clock)
        self._frame_s = 0.0  # what writing a frame may take
        self._retry_s = 0.0
        self._thread = threading.Thread(target=self._work, name="encode", daemon=True)
        self._open_first()

    @property
    def video_codec(self) -> str:
        """The encoder's name, as far as it is known."""
        writer = self._state[1]
        return self._codec if writer is None else writer.video_codec

    @property
    def totals(self) -> Totals:
        """What is written so far. From any thread."""
        before, writer = self._state
        return before.plus(writer)

    @property
    def refused(self) -> bool:
        """True if it was never opened because the request is wrong."""
        return isinstance(self.error, UsageError) and not self.totals.frames

    # -- for the thread that gives

    def start(self) -> None:
        """Begin to take items."""
        self._thread.start()

    def give(self, item: Any) -> None:
        """One more item. Raises Closed where a failure was the end of all."""
        self._backlog.put(item)
        if self.live is not None and self._condition is not None and self._condition.is_stuck(self.live.stuck_s):
            self.abort()

    def finish(self) -> None:
        """Nothing more will come."""
        self._backlog.finish()

    def join(self, timeout_s: float | None) -> bool:
        """Wait until all is written; False if that takes longer."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def abort(self) -> None:
        """Break off a write to a server that does not answer."""
        _, writer = self._state
        if writer is not None:
            writer.abort()

    def close(self) -> None:
        """Throw away what waits; nothing more is taken."""
        for item in self._backlog.close():
            self._discard(item)

    def discard(self) -> None:
        """Release a writer that was never started."""
        self.close()
        self._drop_writer()

    def _lost(self, item: Any) -> None:
        """An item too many."""
        if self._condition is not None:
            self._condition.lost_one()
        self._discard(item)

    def _is_outdated(self, frame: Frame) -> bool:
        max_age_s = None if self.live is None else self.live.max_age_s
        if max_age_s is None or frame.received_s is None:
            return False
        return self._clock() + self._frame_s - frame.received_s > max_age_s

    def _discard(self, item: Any) -> None:
        """An item that will not be written."""
        if isinstance(item, Frame) and self.live is not None:
            self.live.account.left_out(item, "outside" if self.done else "output")

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
        if self._condition is not None:
            self._condition.writes()
        fine = self._guarded(lambda: writer.push(item))
        if self._condition is not None:
            self._condition.wrote(settled=fine and writer.settled)
        took_s = self._clock() - begin_s
        self.busy_s += took_s
        if isinstance(item, Frame):
            self._frame_s = max(took_s, _KEPT * self._frame_s)
        if isinstance(item, Frame) and self._worked is not None:
            self._worked(item, took_s)
        if fine and writer.enough:
            self._guarded(self._end)

    def _new_writer(self, spec: OutputSpec) -> WriterLike:
        account = None if self.live is None else self.live.account
        return self._open(spec, None if account is None else FrameLedger(account.written, account.left_out))

    def _open_first(self) -> None:
        try:
            self._state = Totals(), self._new_writer(self.spec)
        except OutputError as error:
            if self.live is None or not self.live.patient:
                raise
            self._down(error)
            return
        self._codec = self.video_codec

    def _reopen(self) -> None:
        before, _ = self._state
        self._state = before, self._new_writer(resumed(self.spec, self.format, before.frames))

    def _end(self) -> None:
        """All is there: the trailer."""
        _, writer = self._state
        assert writer is not None
        writer.flush()
        self._drop_writer()
        self.done = self.ended = True

    def _guarded(self, call: Callable[[], Any]) -> bool:
        """Call; False if it failed, which is dealt with."""
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever an output raises: the others go on
            self._down(error)
            return False
        return True

    def _down(self, error: Exception) -> None:
        """The writer has failed: let go of it, and see whether there will be another."""
        self.error = error
        self._drop_writer()
        worked_s = None if self._condition is None else self._condition.failed(redact(str(error)))
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
        except Exception as error:  # noqa: BLE001 - it is over; what was raised before is what counts
            log.debug("%s: %s", self.name, error)
        self._state = before.plus(writer), None
