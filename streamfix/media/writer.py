"""Encodes and muxes: the last stage of a pipeline."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av

from ..errors import Cancelled, OutputError, StreamfixError, UsageError
from ..frame import Frame
from ..pipeline import Stage
from .assembly import Output, assemble, request_of, usual_encoder
from .muxer import guess_format
from .rate import ConstantRate
from .rational import pts_or_dts, to_units
from .reader import Reader
from .shift import shift_packet
from .specs import OutputSpec
from .target import Target

__all__ = ["OutputSpec", "Writer"]

log = logging.getLogger("streamfix.media")

# The others are given this much longer to reach the end where -t ended the video, then reading stops anyway.
_PATIENCE_S = 2


class Writer(Stage):
    """Writes frames and packets to one output.

    reader: where the frames come from; its streams, chapters and metadata are taken over.

    The output is opened at the first frame, which decides size, format and
    colour; packets that come before it are held, however many they are.
    Where -t, -to or -frames ends the video, the other streams end with it.

    frames_written, duplicated, dropped (by -r), bytes_written, position_s (seconds
    that were written), enough (-t, -to or -frames is reached by all streams): may be read from any thread.

    Raises OutputError or UsageError when the request cannot be met; nothing has been written then.
    """

    name = "encode"

    def __init__(self, spec: OutputSpec, reader: Reader) -> None:
        self.spec, self._reader = spec, reader
        self.frames_written = 0
        self.position_s = 0.0
        self.enough = False
        _check(spec)
        self._format = guess_format(spec.url, spec.format)
        self._target = Target(spec.url, self._format, [i.url for i in reader.inputs], spec.overwrite)
        self._request = request_of(spec, self._format, usual_encoder(self._target, self._format))
        self._rate = ConstantRate(spec.rate) if spec.rate else None
        self._shift_s = -(spec.start_s or Fraction(0))
        self._from_s = reader.begin_s + (spec.start_s or 0)
        self._until_s = self._until()
        self._output: Output | None = None
        self._held: deque[av.Packet[Any]] = deque()
        self._begin_s: Fraction | None = None
        self._end_s = Fraction(0)  # of the last frame, in the input's time
        self._video = next(id(s.stream) for s in reader.streams if s.restored)
        self._waiting = {id(s.stream) for s in reader.streams if s.kind == "audio"} | {self._video}
        self._finished = False

    @property
    def video_codec(self) -> str:
        """Name of the video's encoder, asked for or the container's usual one."""
        return self._request.codec

    @property
    def bytes_written(self) -> int:
        """Bytes of the output so far."""
        return 0 if self._output is None else self._output.muxer.bytes

    @property
    def duplicated(self) -> int:
        """Frames that -r repeated."""
        return 0 if self._rate is None else self._rate.duplicated

    @property
    def dropped(self) -> int:
        """Frames that -r left out."""
        return 0 if self._rate is None else self._rate.dropped

    def push(self, item: Any) -> Iterable[Any]:
        if isinstance(item, Frame):
            self._push_frame(item)
        elif isinstance(item, av.Packet):
            if self._output is None or self.spec.shortest:
                self._held.append(item)
            else:
                self._push_packet(item)
        return ()

    def flush(self) -> Iterable[Any]:
        if self._rate is not None:
            for frame in self._rate.flush():
                self._encode(frame)
        if self._output is None:
            raise self._nothing_came()
        if self.spec.shortest:
            self._until_s = self._end_s
            self._release()
        encoder, muxer = self._output.encoder, self._output.muxer
        for packet in encoder.flush():
            muxer.mux(packet, encoder.stream)
        for carrier in self._output.carriers.values():
            carrier.flush()
        muxer.finish()
        self._finished = True
        if self._reader.failure is None:
            self._target.commit()
        return ()

    def close(self) -> None:
        """Finalise what is written; called once, also after an error.

        An output that is incomplete keeps what it has, and a warning says where it lies.
        """
        self._held.clear()
        if self._output is not None and not self._finished:
            self._output.muxer.give_up()
        if not self._finished or self._reader.failure is not None:
            where = self._target.abandon(worth_keeping=self.frames_written > 0)
            if where is not None:
                log.warning("%s (%d frames, %.2f s)", where, self.frames_written, self.position_s)

    def _push_frame(self, frame: Frame) -> None:
        at_s = frame.pts * frame.time_base
        if self._until_s is not None and at_s >= self._until_s:
            if at_s >= self._until_s + _PATIENCE_S:
                self._waiting.clear()
            self._ended(self._video)
        elif not self.enough and (self.spec.start_s is None or at_s >= self._from_s):
            if self._rate is None:
                self._encode(frame)
            else:
                for due in self._rate.push(frame):
                    self._encode(due)

    def _encode(self, frame: Frame) -> None:
        if self.spec.max_frames is not None and self.frames_written >= self.spec.max_frames:
            return
        lasts_s = frame.duration * frame.time_base
        self._end_s = frame.pts * frame.time_base + lasts_s
        if self._output is None:
            self._keep_visible(frame)
        if self._shift_s:
            frame = replace(frame, pts=frame.pts + to_units(self._shift_s, frame.time_base))
        if self._output is None:
            self._open(frame)
        assert self._output is not None
        encoder, muxer = self._output.encoder, self._output.muxer
        for packet in encoder.encode(frame):
            muxer.mux(packet, encoder.stream)
        self.frames_written += 1
        if self._begin_s is None:
            self._begin_s = self._end_s - lasts_s
        self.position_s = float(self._end_s - self._begin_s)
        if self.frames_written == self.spec.max_frames:
            self._until_s = self._end_s
            self._ended(self._video)
        if self.spec.shortest:
            self._release()

    def _open(self, first: Frame) -> None:
        self._output = assemble(
            self.spec,
            self._request,
            self._reader,
            self._target,
            self._format,
            first,
            rate=self.spec.rate or self._rate_of(first),
            shift_s=self._shift_s,
            covers=self._covers(),
        )
        if not self.spec.shortest:
            while self._held:
                self._push_packet(self._held.popleft())

    def _keep_visible(self, first: Frame) -> None:
        """Move everything where the video begins before 0: players do not show it in MP4, Matroska cannot say it."""
        begin_s = first.pts * first.time_base + self._shift_s
        if begin_s < 0:
            log.warning("%s: the video begins at %.3f s; all streams are moved to 0", self.spec.url, float(begin_s))
            self._shift_s -= begin_s

    def _covers(self) -> dict[int, bytes]:
        """Attached pictures: demuxers give them before anything else."""
        kinds = {id(s.stream): s.kind for s in self._reader.streams}
        return {id(p.stream): bytes(p) for p in self._held if kinds.get(id(p.stream)) == "cover"}

    def _rate_of(self, first: Frame) -> Fraction | None:
        """Frames a second: the input's, unless a filter has changed it."""
        info = self._reader.info
        if first.duration and first.time_base != info.time_base:
            return 1 / (first.duration * first.time_base)
        return info.rate

    def _push_packet(self, packet: av.Packet[Any]) -> None:
        assert self._output is not None
        stream = id(packet.stream)
        at = pts_or_dts(packet)
        if at is not None:
            at_s = at * packet.time_base
            if self._until_s is not None and at_s >= self._until_s:
                self._ended(stream)
                return
            if self.spec.start_s is not None and at_s < self._from_s:
                return
        carrier = self._output.carriers.get(stream)
        if carrier is not None:
            shift_packet(packet, to_units(self._shift_s, packet.time_base))
            carrier.push(packet)

    def _release(self) -> None:
        """-shortest: let go of the packets that the video has reached."""
        while self._held:
            packet = self._held[0]
            at = pts_or_dts(packet)
            if at is not None and at * packet.time_base >= self._end_s:
                return
            self._push_packet(self._held.popleft())

    def _ended(self, stream: int) -> None:
        """A stream has all that -t, -to or -frames wants of it; after the last one the source may stop."""
        self._waiting.discard(stream)
        if not self._waiting and not self.enough:
            self.enough = True

    def _until(self) -> Fraction | None:
        """The time at which the output ends, in the input's time."""
        spec, ends = self.spec, []
        if spec.duration_s is not None:
            ends.append(self._from_s + spec.duration_s)
        elif spec.end_s is not None:
            ends.append(self._reader.begin_s + spec.end_s)
        if spec.shortest:  # the others' lengths as their container states them; the video's own is seen
            ends += [
                self._reader.begin_s + s.duration_s for s in self._reader.streams if s.kind == "audio" and s.duration_s
            ]
        return min(ends, default=None)

    def _nothing_came(self) -> StreamfixError:
        if self._reader.failure is not None:
            return self._reader.failure
        if self._reader.stopped and not self.enough:
            return Cancelled(f"{self.spec.url}: stopped before the first frame; nothing was written")
        return OutputError(f"{self.spec.url}: no frame came, nothing was written; does -ss lie after the input's end?")


def _check(spec: OutputSpec) -> None:
    for name, value in (("-ss", spec.start_s), ("-t", spec.duration_s), ("-to", spec.end_s)):
        if value is not None and value < 0:
            raise UsageError(f"{spec.url}: {name} {float(value):g} is negative")
    if spec.end_s is not None and spec.end_s <= (spec.start_s or 0):
        raise UsageError(f"{spec.url}: -to {float(spec.end_s):g} lies before -ss {float(spec.start_s or 0):g}")
    if spec.rate is not None and spec.rate <= 0:
        raise UsageError(f"{spec.url}: -r {spec.rate}: frames a second are more than 0")
    if spec.max_frames is not None and spec.max_frames < 1:
        raise UsageError(f"{spec.url}: -frames:v {spec.max_frames}: at least 1")
