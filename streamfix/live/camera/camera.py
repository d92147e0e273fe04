"""Keeps the connection to a camera: connects, notices when pictures stop, waits, connects again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import av.error

from ...errors import LoginRefused, StreamfixError
from ...frame import Frame
from ...media.input.reader import Reader
from ...media.interruption import Interruption
from ...media.redact import redact
from ...media.streams import MappedStream
from ..backoff import Backoff
from ..health import Health
from ..policy import LivePolicy
from .accounts import Account
from .connection import Connection
from .input import is_absent, is_denied

log = logging.getLogger("streamfix.live")

_LEFT_ALONE = 4  # connections whose thread may hang at once; no further one is made until a thread returns
_SETTLED_S = 0.5  # pictures for this long show that it works; longer waits are for cameras that answer and send none
_LOOK_S = 0.1  # between two looks whether the server has answered another stream's login
_ENDED = "the camera has ended the stream"

Connect = Callable[[Callable[[Interruption], Reader]], Connection]


def _nobody(reader: Reader, streams: Sequence[MappedStream]) -> None:
    """Nobody is told of a connection."""


class Camera:
    """Has one connection at a time, and replaces one that is lost.

    open: makes a reader, which ends when the flag that is passed is set. begun: called with each new reader and its
    streams before its first item is given; the reader may be closed by then. finite: the input's own end is the end.
    passive: the camera connects to us, or there is no connection, so listening must go on. incurable: True for an
    error that another attempt will not cure. account: that the camera is asked with.
    clock, pause, random: as for `LiveSource`.

    reader: of the connection that is up. ended: nothing more will come. failure: the error that ended it, if any.
    """

    def __init__(
        self,
        open: Callable[[Interruption], Reader],
        begun: Callable[[Reader, Sequence[MappedStream]], None],
        policy: LivePolicy,
        health: Health,
        *,
        finite: bool,
        passive: bool,
        incurable: Callable[[BaseException], bool],
        account: Account,
        connect: Connect,
        clock: Callable[[], float],
        pause: Callable[[float], object],
        random: Callable[[], float],
    ) -> None:
        self._open, self._begun, self._policy, self._health = open, begun, policy, health
        self._finite, self._passive, self._incurable = finite, passive, incurable
        self._connect, self._clock, self._pause = connect, clock, pause
        self._backoff = Backoff(policy.backoff_s, random, settled_s=_SETTLED_S)
        self._denied_backoff = Backoff(policy.login_backoff_s, random, settled_s=_SETTLED_S)
        self._account, self._at_once = account, False
        self._connection: Connection | None = None
        self._left: list[Connection] = []
        self._retry_s = self._seen_s = self._up_s = clock()
        self._was_up = False
        self.reader: Reader | None = None
        self.ended = False
        self.failure: StreamfixError | None = None

    @property
    def wall_start_s(self) -> float | None:
        """`Reader.wall_start_s` of the connection that is up."""
        return None if self._connection is None else self._connection.wall_start_s

    @property
    def has_room(self) -> bool:
        """False once the connection's items wait for as long as they may, or are as many bytes."""
        return self._connection is None or self._connection.has_room

    @property
    def left(self) -> int:
        """Threads of earlier connections that have not returned yet."""
        self._left = [c for c in self._left if c.alive]
        return len(self._left)

    def take(self, timeout_s: float) -> Any:
        """The next frame or packet; None if none came within timeout_s.

        Raises an error that another attempt would not cure, unless the camera was up before.
        """
        now_s = self._clock()
        if self._connection is None:
            if now_s < self._retry_s:
                self._pause(min(timeout_s, self._retry_s - now_s))
                return None
            if self.left >= _LEFT_ALONE:
                self._health.lost(f"{self.left} readers are stuck in calls that do not return; waiting for one of them")
                self._retry_s = now_s + 1
                return None
            if not self._may_log_in(now_s):
                return None
            self._health.trying()
            self._connection, self._seen_s = self._connect(self._open), now_s
        return self._watch(self._connection, timeout_s)

    def retry(self) -> None:
        """Make the next attempt now instead of waiting for its time. From any thread."""
        self._at_once = self._connection is None
        self._retry_s = self._clock()

    def leave(self) -> None:
        """Give the connection up. Its thread closes it, perhaps later."""
        connection, self._connection = self._connection, None
        reader, self.reader = self.reader, None
        if connection is not None:
            (self._account.undecided if reader is None else self._account.left)()
            connection.abandon()
            self._left = [*(c for c in self._left if c.alive), connection]

    def close(self, timeout_s: float) -> None:
        """Give the connection up and wait for all threads, timeout_s at most in total."""
        self.leave()
        until_s = self._clock() + timeout_s
        for connection in self._left:
            connection.join(max(0.0, until_s - self._clock()))
        self._left = [connection for connection in self._left if connection.alive]
        self._begun = _nobody  # is called any more; whoever was mostly holds this camera

    def _may_log_in(self, now_s: float) -> bool:
        """False while the account's last login was refused, or is still to be answered, by way of another stream."""
        wait_s = 0.0 if self._at_once else self._account.wait_s(now_s)
        self._at_once = False
        if wait_s and self._account.reason:
            self._retry_s = now_s + wait_s
            reason = f"not tried: another stream's login with this account was refused: {self._account.reason}"
            self._health.lost(reason, wait_s, tell_when=True)
        elif wait_s:
            self._retry_s = now_s + min(wait_s, _LOOK_S)
        return not wait_s

    def _watch(self, connection: Connection, timeout_s: float) -> Any:
        item = connection.take(timeout_s)
        now_s = self._clock()
        if self.reader is None and connection.reader is not None:
            self.reader = connection.reader
            self._up_s = self._seen_s = now_s
            self._was_up = True
            self._account.accepted()
            self._begun(self.reader, connection.streams)
            self._health.connected()
        up = self.reader is not None
        if isinstance(item, Frame):
            self._seen_s = now_s
        elif item is None and connection.over:
            self._lose(connection.error)
        elif now_s - self._seen_s >= (self._policy.lost_after_s if up else self._policy.open_timeout_s):
            silent = f"no picture for {now_s - self._seen_s:.0f} s"
            self._lose(None, silent if up else f"{silent} after connecting")
        return item

    def _lose(self, error: BaseException | None, reason: str = _ENDED) -> None:
        if error is not None:
            reason = redact(str(error))
            if not isinstance(error, StreamfixError | av.error.FFmpegError | OSError):
                log.error("reading the camera failed with an unexpected error", exc_info=error)
        over = self._finite or self._policy.on_lost == "end"
        if not self._was_up and error is not None and (over or self._incurable(error)):
            self.leave()
            raise error
        now_s = self._clock()
        refused = isinstance(error, LoginRefused) and not over
        # Before the connection is left: then another stream with this account may try.
        login_s = self._refused_s(error, reason, now_s) if refused and error is not None else None
        if self.reader is not None:
            for backoff in (self._backoff, self._denied_backoff):
                backoff.was_good_for(self._seen_s - self._up_s)
        self.leave()
        if over:
            self.ended = True
            self.failure = error if self._finite and isinstance(error, StreamfixError) else None
            return
        absent = self._passive or (error is not None and is_absent(error))
        wait_s = self._backoff.next_s(absent=absent) if login_s is None else login_s
        self._retry_s = now_s + wait_s
        self._health.lost(reason, wait_s, tell_when=refused)

    def _refused_s(self, error: BaseException, reason: str, now_s: float) -> float:
        """Seconds until the next login after one that was refused."""
        return self._denied_backoff.next_s() if is_denied(error) else self._account.refused(now_s, reason)
