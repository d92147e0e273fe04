"""Encodes and muxes: the last stage of a pipeline."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av

from ...counts import FrameCounts
from ...errors import Cancelled, OutputError, StreamfixError
from ...frame import Frame
from ...pipeline import Stage
from ..interruption import Interruption
from ..source_info import SourceInfo
from ..specs import OutputSpec
from ..timestamps import pts_or_dts, rescale, shift_packet, to_units
from .assembly import Output, assemble
from .disk import Room
from .frame_ledger import FrameLedger
from .input_files import input_files
from .limits import Limits
from .muxer import guess_format
from .rate import ConstantRate, rate_of
from .request import request_of, streams_for, usual_encoder
from .taken import TakenTimes
from .target import Target

__all__ = ["OutputSpec", "Writer"]

log = logging.getLogger("streamfix.media")


class Writer(Stage):
    """Writes frames and packets to one output.

    source: where the frames come from; its streams, chapters and metadata are taken over.
    live: encoder and muxer hold nothing back that they need not, and `abort` ends a write to a server that does not
    answer. room: how much of a live recording may wait for its disk. ledger: accounts for each frame.

    The output is opened at the first frame, which decides size, pixel format and
    colour; packets that come before it are held, however many there are.
    If -t, -to or -frames ends the video, the other streams end with it.

    frames_written, counts, bytes_written, position_s (seconds that were written),
    enough (-t, -to or -frames is reached by all streams), packets_lost: may be read from any thread.

    Raises OutputError or UsageError when the request cannot be met; nothing has been written then.
    """

    name, keeps_incomplete = "encode", True

    def __init__(
        self,
        spec: OutputSpec,
        source: SourceInfo,
        *,
        live: bool = False,
        room: Room | None = None,
        ledger: FrameLedger | None = None,
    ) -> None:
        self.spec, self._source = spec, source
        self._live, self._ledger = live, ledger
        self._room = (room or Room()) if live else None
        self.frames_written = 0
        self.position_s = 0.0
        self.enough = False
        self._limits = Limits(spec, source, streams_for(spec, source.streams))
        self._format = guess_format(spec.url, spec.format)
        files = [name for one in source.inputs for name in input_files(one)]
        self._target = Target(spec.url, self._format, files, spec.overwrite)
        self._request = request_of(spec, self._format, usual_encoder(self._target, self._format))
        self._rate = ConstantRate(spec.rate, spec.shown, lambda: source.stopped) if spec.rate else None
        self._shift_s = -(spec.start_s or Fraction(0))
        self._taken = TakenTimes(source, self._shift_s, live=live)
        self._output: Output | None = None
        self._aborted = Interruption()
        self._held: deque[av.Packet[Any]] = deque()
        self._due: Frame | None = None  # the last frame, which -r has not shown yet
        self._begin_s: Fraction | None = None
        self._end_s = Fraction(0)  # of the last frame, in the input's time
        self._finished = self._complete = False
        self._target.reserve()

    @property
    def video_codec(self) -> str:
        """Name of the video's encoder, asked for or the container's usual one."""
        return self._request.codec

    @property
    def settled(self) -> bool:
        """True once frames are known to arrive."""
        return self.frames_written > 0 and self._output is not None and self._output.muxer.settled

    @property
    def bytes_written(self) -> int:
        """Bytes of the output so far."""
        return 0 if self._output is None else self._output.muxer.bytes

    @property
    def packets_lost(self) -> int:
        """Packets of the streams beside the video that could not be written."""
        if self._output is None:
            return 0
        return self._output.muxer.refused + sum(o.losses.count for o in self._output.others.values())

    @property
    def left_out(self) -> tuple[str, ...]:
        """Which streams the container cannot hold, as sentences; known once the output is open."""
        return () if self._output is None else self._output.left_out

    @property
    def counts(self) -> FrameCounts:
        """Frames written, and those that -r repeated and left out (reason "rate")."""
        if self._rate is None:
            return FrameCounts(written=self.frames_written)
        dropped = {"rate": self._rate.dropped}
        return FrameCounts(written=self.frames_written, duplicated=self._rate.duplicated, dropped=dropped)

    def push(self, item: Any) -> Iterable[Any]:
        if isinstance(item, Frame):
            if self._ledger is not None:
                self._ledger.accept(item)
            self._push_frame(item)
        elif isinstance(item, av.Packet):
            self._held.append(item)
            if self._output is not None and not self.spec.shortest:
                self._write_held()
        self.enough = self._limits.enough
        return ()

    def abort(self) -> None:
        """Unblock a write that is stuck on an unresponsive server. From any thread; the output is lost."""
        self._aborted.set()

    def flush(self) -> Iterable[Any]:
        if self._rate is not None:
            self._encode_all(self._rate.flush())
        if self._output is None:
            raise self._no_frame()
        if self.spec.shortest:
            self._limits.until_s = self._end_s
            self._write_held(self._end_s)
        muxer = self._output.muxer
        self._end_video()
        for other in self._output.others.values():
            other.flush()
        muxer.finish()
        if self._ledger is not None:
            self._ledger.arrived()
        self._finished = True
        stopped = self._source.stopped_early and not self.enough
        if self._source.failure is None and not (stopped and self._target.keeps_old):
            self._complete = True
            self._target.commit()
        return ()

    def close(self) -> None:
        """Close the output; called once, also after an error.

        An incomplete output keeps what was written, and a warning says where it lies. It is incomplete, too, if the
        source was stopped and there is an older file, which may be replaced by a complete one only.
        """
        self._held.clear()
        any_muxed = self.frames_written > 0
        if self._ledger is not None:
            self.frames_written -= self._ledger.give_up("output")
        if self._output is not None and not self._finished:
            self._output.muxer.give_up()
        if not self._complete:
            written = any_muxed and self._output is not None and self._output.muxer.has_pictures
            where = self._target.abandon(written and self.keeps_incomplete)
            if where is not None:
                log.warning("%s (%d frames, %.2f s)", where, self.frames_written, self.position_s)

    def _end_video(self) -> None:
        assert self._output is not None
        self._mux(self._output.encoder.flush())

    def _push_frame(self, frame: Frame) -> None:
        if not self._limits.holds_frame(frame.pts * frame.time_base):
            self._left_out(frame, "outside")
        elif self._rate is None:
            self._encode(frame, frame)
        else:
            self._encode_all(self._rate.push(frame))
            self._due = frame

    def _encode_all(self, frames: Iterable[Frame]) -> None:
        """Encode what -r makes of the frame before this one: it is shown once, several times or not at all."""
        shown, self._due = self._due, None
        for frame in frames:
            self._encode(frame, shown)
            shown = None
        if shown is not None:
            self._left_out(shown, "rate")

    def _encode(self, frame: Frame, counts_for: Frame | None) -> None:
        """Encode and mux a frame. counts_for: the frame that it counts for in the ledger, None for a repetition."""
        if self.spec.max_frames is not None and self.frames_written >= self.spec.max_frames:
            if counts_for is not None:
                self._left_out(counts_for, "outside")
            return
        lasts_s = frame.duration * frame.time_base
        self._end_s = frame.pts * frame.time_base + lasts_s
        if self._output is None:
            self._keep_visible(frame)
        frame = self._shifted(frame)
        self._taken.newest = frame
        if self._output is None:
            self._open(frame)
        assert self._output is not None
        encoder = self._output.encoder
        packets = encoder.encode(frame)
        if self._ledger is not None:
            self._ledger.encoding(counts_for, encoder.last_pts)
        self._mux(packets)
        self.frames_written += 1
        if self._begin_s is None:
            self._begin_s = self._end_s - lasts_s
        self.position_s = float(self._end_s - self._begin_s)
        if self.frames_written == self.spec.max_frames:
            self._limits.end_video(self._end_s)
        if self.spec.shortest:
            self._write_held(self._end_s)

    def _shifted(self, frame: Frame) -> Frame:
        """The frame at its time in the output."""
        return replace(frame, pts=frame.pts + to_units(self._shift_s, frame.time_base)) if self._shift_s else frame

    def _mux(self, packets: Iterable[av.Packet[Any]]) -> None:
        assert self._output is not None
        encoder, muxer = self._output.encoder, self._output.muxer
        for packet in packets:
            pts, base = packet.pts, packet.time_base
            muxer.mux(packet, encoder.stream)
            if self._ledger is not None:
                at = None if pts is None else rescale(pts, base, encoder.time_base)
                self._ledger.muxed(at, arrives=muxer.arrives, let_go=muxer.let_go)

    def _left_out(self, frame: Frame, reason: str) -> None:
        if self._ledger is not None:
            self._ledger.left_out(frame, reason)

    def _open(self, first: Frame) -> None:
        self._wait_for_reader()
        self._output = assemble(
            self.spec,
            self._request,
            self._source,
            self._target,
            self._format,
            first,
            rate=self.spec.rate or rate_of(first, self._source),
            shift_s=self._shift_s,
            covers=self._covers(),
            live=self._live,
            room=self._room,
            taken_s=self._taken,
            aborted=self._aborted,
        )
        if not self.spec.shortest:
            self._write_held()

    def _wait_for_reader(self) -> None:
        """Of a named pipe: wait for its reader. Raises OutputError, or Cancelled if the source is stopped meanwhile."""
        try:
            self._target.wait_for_reader(lambda: self._aborted.is_set() or self._source.stopped)
        except OutputError as error:
            if self._source.stopped and not self._aborted.is_set():
                raise Cancelled(str(error)) from error
            raise

    def _keep_visible(self, first: Frame) -> None:
        """Move all streams to 0 if the video begins before: players skip that part of MP4, Matroska cannot store it."""
        begin_s = first.pts * first.time_base + self._shift_s
        if begin_s < 0:
            log.warning(
                "%s: the video begins at %.3f s; all streams are moved so that it begins at 0",
                self._target.shown,
                float(begin_s),
            )
            self._shift_s -= begin_s
            self._taken.shift_s = self._shift_s

    def _covers(self) -> dict[int, bytes]:
        """Attached pictures by the `id` of their stream; demuxers give them before anything else."""
        found = {}
        for packet in self._held:
            if isinstance(packet, av.Packet):
                mapped = self._source.stream_of(packet)
                if mapped is not None and mapped.kind == "cover":
                    found[id(mapped.stream)] = bytes(packet)
        return found

    def _push_packet(self, packet: av.Packet[Any]) -> None:
        assert self._output is not None
        mapped = self._source.stream_of(packet)
        if mapped is None:
            return
        stream = id(mapped.stream)
        at = pts_or_dts(packet)
        if at is not None and not self._limits.holds_packet(at * packet.time_base, stream):
            return
        other = self._output.others.get(stream)
        if other is not None:
            shift_packet(packet, to_units(self._shift_s, packet.time_base))
            other.push(packet)

    def _write_held(self, before_s: Fraction | None = None) -> None:
        """Write the held packets. before_s: only those before that time, which the video has reached (-shortest)."""
        while self._held:
            packet = self._held[0]
            at = pts_or_dts(packet)
            if before_s is not None and at is not None and at * packet.time_base >= before_s:
                return
            self._push_packet(packet)
            self._held.popleft()

    def _no_frame(self) -> StreamfixError:
        if self._source.failure is not None:
            return self._source.failure
        if self._source.stopped and not self.enough:
            return Cancelled(f"{self._target.shown}: stopped before the first frame; nothing was written")
        return OutputError(
            f"{self._target.shown}: there was no frame, so nothing was written; does -ss lie after the input's end?"
        )
