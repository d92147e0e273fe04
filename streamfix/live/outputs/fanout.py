"""Several outputs of the same pictures, none of which waits for another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any

from ...channel import Closed
from ...errors import IncompleteOutput, OutputError
from ...frame import Frame
from ...media.output.frame_ledger import FrameLedger
from ...media.output.muxer import guess_format
from ...media.output.writer import Writer
from ...media.redact import redact
from ...media.source_info import DetachedSourceInfo, SourceInfo
from ...media.specs import OutputSpec
from ...media.transport.output_kind import output_kind
from ...media.transport.protocols import PATTERN_FORMATS, is_listening
from ...pipeline import Stage
from ..backoff import Backoff
from ..health import Health
from ..policy import LivePolicy
from .account import Account
from .outlet import Live, Outlet
from .portions import Portions
from .totals import WriterLike

_DEPTH = 8  # frames that wait for a live output
_PATIENCE_S = 5.0  # at the end, for a live output to write what it has
_LAST_S = 2.0  # and for one that was broken off


class Fanout(Stage):
    """Writes what comes to several outputs, each in a thread of its own.

    Files: all wait for the slowest, and the first error is that of the whole.
    policy, health: of a live stream. Nothing waits there: an output that is too slow loses pictures, one that fails is
    opened again if it is a server or a row of files, and the whole is broken off only when no output is left, or one
    was never opened because the request is wrong. Frames of the first output count in `health`.

    worked: told of each frame of the first output and the seconds it took. open: makes writers, for tests.
    Raises what a writer raises that cannot be made.
    """

    name = "encode"

    def __init__(
        self,
        specs: Sequence[OutputSpec],
        footage: SourceInfo,
        *,
        policy: LivePolicy | None = None,
        health: Health | None = None,
        depth: int = 4,
        worked: Callable[[Frame, float], None] | None = None,
        open: Callable[[OutputSpec, FrameLedger | None], WriterLike] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy, self._footage = policy, footage
        self._portions = Portions(len(specs))
        self._begun = self._waited = self._closed = False
        self._clock = clock
        self.outlets: list[Outlet] = []
        try:
            for i, spec in enumerate(specs):
                format = guess_format(spec.url, spec.format)
                self.outlets.append(
                    Outlet(
                        spec,
                        format,
                        open or self._writer,
                        depth=depth if policy is None else _DEPTH,
                        live=self._live(spec, format, policy, health, i),
                        worked=worked if i == 0 else None,
                        clock=clock,
                    )
                )
        except BaseException:
            for outlet in self.outlets:
                outlet.discard()
            raise

    @property
    def busy_s(self) -> float:
        """Seconds that the first output has worked."""
        return self.outlets[0].busy_s

    @property
    def video_codec(self) -> str:
        """The first output's encoder."""
        return self.outlets[0].video_codec

    @property
    def frames_written(self) -> int:
        """Of the first output, as are those that follow."""
        return self.outlets[0].totals.frames

    @property
    def bytes_written(self) -> int:
        return self.outlets[0].totals.bytes

    @property
    def position_s(self) -> float:
        return self.outlets[0].totals.position_s

    @property
    def duplicated(self) -> int:
        return self.outlets[0].totals.duplicated

    @property
    def dropped(self) -> int:
        return self.outlets[0].totals.dropped

    def push(self, item: Any) -> Iterable[Any]:
        self._begin()
        for outlet, own in zip(self.outlets, self._portions.of(item), strict=True):
            try:
                outlet.give(own)
            except Closed:
                raise self._error() from None
        self._judge()
        return ()

    def flush(self) -> Iterable[Any]:
        self._begin()
        for outlet in self.outlets:
            outlet.finish()
        self._join()
        errors = [error for error in map(_why_unfinished, self.outlets) if error is not None]
        if errors and self._policy is not None and len(errors) < len(self.outlets):
            raise IncompleteOutput(str(errors[0])) from errors[0]
        if errors:
            raise errors[0]
        return ()

    def close(self) -> None:
        """Whatever is not finished is given up."""
        if self._closed:
            return
        self._closed = True
        for outlet in self.outlets:
            outlet.close()
            if self._policy is not None:
                outlet.abort()
        if self._begun:
            self._join()
        else:
            for outlet in self.outlets:
                outlet.discard()

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            for outlet in self.outlets:
                outlet.start()

    def _judge(self) -> None:
        """See whether there is anybody left to write for."""
        for outlet in self.outlets:
            if outlet.ended and not outlet.done and (self._policy is None or outlet.refused):
                raise self._error()
        if all(outlet.ended for outlet in self.outlets):
            if not any(outlet.done for outlet in self.outlets):
                raise self._error()
            self.enough = True

    def _error(self) -> BaseException:
        """What ends the run: a request that is wrong before an outage, and the first of several."""
        failed = sorted((o for o in self.outlets if o.error and not o.done), key=lambda o: not o.refused)
        error = _why_unfinished((failed or self.outlets)[0])
        assert error is not None
        return error

    def _join(self) -> None:
        """Wait for the outputs: of files as long as it takes, of live ones as long as they can be expected to, once."""
        waits_s: tuple[float | None, ...] = (None,) if self._policy is None else (_PATIENCE_S, _LAST_S)
        for wait_s in () if self._waited else waits_s:
            end_s = None if wait_s is None else time.monotonic() + wait_s
            for outlet in self.outlets:
                if not outlet.join(None if end_s is None else max(0.0, end_s - time.monotonic())):
                    outlet.abort()
        self._waited = True

    def _writer(self, spec: OutputSpec, delivery: FrameLedger | None) -> Writer:
        return Writer(spec, DetachedSourceInfo(self._footage), live=self._policy is not None, ledger=delivery)

    def _live(
        self, spec: OutputSpec, format: str, policy: LivePolicy | None, health: Health | None, index: int
    ) -> Live | None:
        if policy is None:
            return None
        place = output_kind(spec.url, format)
        again = place == "network" or format in PATTERN_FORMATS or (policy.unattended and place == "file")
        return Live(
            Account(health or Health(), index, redact(spec.url), policy.max_latency_s, self._clock),
            Backoff(policy.backoff_s) if again else None,
            inf if is_listening(spec.url) else policy.lost_after_s,
            policy.max_latency_s if place in ("network", "pipe") else None,
            policy.unattended,
        )


def _why_unfinished(outlet: Outlet) -> BaseException | None:
    """Why an output is not complete, None if it is."""
    if outlet.done:
        return None
    return outlet.error or OutputError(f"{outlet.name}: takes nothing; what had not been written is lost")
