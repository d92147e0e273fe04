"""Several outputs of the same pictures; a live one never waits for another."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import inf
from typing import Any

import av

from ...channel import Closed
from ...counts import FrameCounts
from ...errors import IncompleteOutput, OutputError
from ...frame import Frame
from ...media.output.frame_ledger import FrameLedger
from ...media.output.muxer import guess_format
from ...media.output.target import file_of
from ...media.output.writer import Writer
from ...media.picture.clone import FrameCloner, clone_packet
from ...media.redact import redact
from ...media.source_info import DetachedSourceInfo, SourceInfo
from ...media.specs import OutputSpec
from ...media.transport.output_kind import output_kind
from ...media.transport.protocols import PATTERN_FORMATS, is_listening
from ...pipeline import Stage
from ..backoff import Backoff
from ..health import Health
from ..policy import LivePolicy
from ..room import Room
from .outlet import LiveTerms, Outlet, WriterLike, missing
from .output_health import OutputHealth

_DEPTH = 8  # frames that may wait for a live output
_PATIENCE_S = 5.0  # that a live output has at the end to write what it holds
_LAST_S = 2.0  # that it has once its write was broken off
_DISK_WAIT_S = 10.0  # a disk is nobody who must not be asked often, and until it is asked pictures are lost


class Fanout(Stage):
    """Writes each item to several outputs, each in a thread of its own.

    Files: all wait for the slowest, and the first error ends the run.
    policy, health: of a live stream. There nothing waits: an output that is too slow loses pictures; one that fails is
    opened again if it is a server or a series of files. The run ends early only when no output is left, or when one
    could never be opened because the request for it is wrong. `health` counts the frames of the first output.

    worked: called with each frame of the first output and the seconds it took. dropped: says how many frames were left
    out before they came here, which recordings miss, too. open: makes writers, for tests.
    Raises what a writer raises that cannot be made.
    """

    name = "encode"

    def __init__(
        self,
        specs: Sequence[OutputSpec],
        source: SourceInfo,
        *,
        policy: LivePolicy | None = None,
        health: Health | None = None,
        depth: int = 4,
        worked: Callable[[Frame, float], None] | None = None,
        dropped: Callable[[], int] = lambda: 0,
        open: Callable[[OutputSpec, FrameLedger | None], WriterLike] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._copies = FrameCloner()
        self._begun = self._waited = self._closed = False
        self._clock, self._dropped = clock, dropped
        self.outlets: list[Outlet] = []
        try:
            for i, spec in enumerate(specs):
                format = guess_format(spec.url, spec.format)
                self.outlets.append(
                    Outlet(
                        spec,
                        format,
                        open or partial(_writer_of, source, policy),
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
    def counts(self) -> FrameCounts:
        """What the first output's writers counted."""
        return self.outlets[0].written.counts

    @property
    def bytes_written(self) -> int:
        """Bytes of the first output."""
        return self.outlets[0].written.bytes

    @property
    def position_s(self) -> float:
        """Seconds of video in the first output."""
        return self.outlets[0].written.position_s

    def push(self, item: Any) -> Iterable[Any]:
        self._begin()
        for outlet, own in zip(self.outlets, self._item_for_each(item), strict=True):
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
        gaps = [why for why in (outlet.incomplete for outlet in self.outlets) if why is not None]
        if gaps:
            raise IncompleteOutput(str(gaps[0])) from gaps[0]
        recordings = [o.name for o in self.outlets if o.live is not None and o.live.room is not None]
        if recordings and (count := self._dropped()):
            raise IncompleteOutput(f"{recordings[0]}: {missing(count)}: the filters were too slow")
        return ()

    def abort(self) -> None:
        """Unblock the writes that wait for a server or a reader."""
        for outlet in self.outlets:
            outlet.abort()

    def close(self) -> None:
        """Give up what is not finished."""
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

    def _item_for_each(self, item: Any) -> list[Any]:
        """The item for each outlet; each may change its own."""
        count = len(self.outlets)
        if isinstance(item, Frame):
            return list(self._copies.of(item, count))
        if isinstance(item, av.Packet):
            return [item, *(clone_packet(item) for _ in range(count - 1))]
        return [item] * count

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            for outlet in self.outlets:
                outlet.start()

    def _judge(self) -> None:
        """End the run if an output has failed for good or none is left. Sets `enough` when all have what they want."""
        for outlet in self.outlets:
            if outlet.ended and not outlet.done and (self._policy is None or outlet.refused):
                raise self._error()
        if all(outlet.ended for outlet in self.outlets):
            if not any(outlet.done for outlet in self.outlets):
                raise self._error()
            self.enough = True

    def _error(self) -> BaseException:
        """The error that ends the run: a wrong request before an outage, and the first of several."""
        failed = sorted((o for o in self.outlets if o.error and not o.done), key=lambda o: not o.refused)
        error = _why_unfinished((failed or self.outlets)[0])
        assert error is not None
        return error

    def _join(self) -> None:
        """Wait for the outputs, once: for files as long as it takes, for live ones a few seconds.

        A recording has as much time more as may wait for it, unless all of that is thrown away.
        """
        waits_s: tuple[float | None, ...] = (None,) if self._policy is None else (_PATIENCE_S, _LAST_S)
        for wait_s in () if self._waited else waits_s:
            begin_s = time.monotonic()
            for outlet in sorted(self.outlets, key=lambda outlet: outlet.room_s):
                more_s = outlet.room_s if wait_s == _PATIENCE_S and not self._closed else 0.0
                until_s = None if wait_s is None else begin_s + wait_s + more_s
                if not outlet.join(None if until_s is None else max(0.0, until_s - time.monotonic())):
                    outlet.abort()
        self._waited = True

    def _live(
        self, spec: OutputSpec, format: str, policy: LivePolicy | None, health: Health | None, index: int
    ) -> LiveTerms | None:
        if policy is None:
            return None
        place = output_kind(spec.url, format)
        recording = is_recording(spec, format)
        again = place == "network" or format in PATTERN_FORMATS or (policy.unattended and place == "file")
        waits_s = [min(wait_s, _DISK_WAIT_S) for wait_s in policy.backoff_s] if recording else policy.backoff_s
        return LiveTerms(
            OutputHealth(health or Health(), index, redact(spec.url), policy.max_latency_s, self._clock),
            Backoff(waits_s) if again else None,
            inf if is_listening(spec.url) or recording else policy.lost_after_s,
            policy.max_latency_s if place in ("network", "pipe") else None,
            room_of(policy) if recording else None,
            policy.unattended,
        )


def _writer_of(source: SourceInfo, policy: LivePolicy | None, spec: OutputSpec, ledger: FrameLedger | None) -> Writer:
    room = None if policy is None else room_of(policy)
    return Writer(spec, DetachedSourceInfo(source), live=policy is not None, room=room, ledger=ledger)


def is_recording(spec: OutputSpec, format: str) -> bool:
    """True for an output that wants every picture: files and series of them on this machine."""
    path = file_of(spec.url)
    if path is None or output_kind(spec.url, format) not in ("file", "pattern"):
        return False
    return os.path.isfile(path) or not os.path.lexists(path)  # no device, no named pipe


def room_of(policy: LivePolicy) -> Room:
    """How much may wait for a recording."""
    return Room(policy.queue_bytes, policy.queue_s)


def _why_unfinished(outlet: Outlet) -> BaseException | None:
    """Why an output is not complete, None if it is."""
    if outlet.done:
        return None
    return outlet.error or OutputError(f"{outlet.name}: it takes no more data; what was not written yet is lost")
