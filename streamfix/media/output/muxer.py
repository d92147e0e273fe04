"""The output container: options, header, packets, trailer."""

from __future__ import annotations

import logging
import os
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
import av.error
from av.container import OutputContainer
from av.format import Flags
from av.stream import Stream

from ...errors import BadOption, OutputError, StreamfixError, UsageError
from ..interruption import Interruption
from ..libav_errors import cannot_write, libav_explains, message_of
from ..redact import redact
from ..timestamps import dts_or_pts
from ..transport.output_kind import usual_format, with_address
from ..transport.relay import Sink, sink_for, written_here
from .disk import Room
from .gaps import Gaps
from .mux_times import MuxTimes
from .muxer_options import LIVE, defaults_of
from .options import refused, unused_options
from .own_files import OwnFiles
from .target import Target
from .ungated import has_flag
from .y4m_header import WithAspect

log = logging.getLogger("streamfix.media")

TakenAt = Callable[[Fraction | None], float | None]

# What libavformat says of a packet that it does not like, rather than of the output.
_ONE_PACKET = (av.error.InvalidDataError, av.error.PatchWelcomeError, ValueError)


def guess_format(url: str, format: str | None) -> str:
    """The name of an output's muxer. Raises UsageError if neither `format` nor the URL tells it."""
    format = format or usual_format(url)
    try:
        container = av.open("pipe:1" if url in ("-", "pipe:") else url, "w", format=format)
    except ValueError as error:
        if format is not None:
            raise UsageError(f"{redact(url)}: -f {format}: no muxer of that name") from error
        raise UsageError(f"{redact(url)}: the name does not say which format; add -f, such as -f matroska") from error
    return container.format.name


class Muxer:
    """Writes packets into a container.

    encoder: its name, for messages. options: the muxer's, by name; they override the defaults made here.
    time_base: the video's, in which MP4 then states start offsets.
    fragments: False writes MP4 in one piece, which is unreadable until it is complete.
    live: packets leave at once, and a server that does not answer blocks no other output.
    room: of a live recording: how much may wait for the disk. taken_s: gives the Unix time of a time of the output
    in seconds, None for its beginning; it is what the header of a segment says. Where it gives None, nothing is set.
    A segment never replaces an earlier one, whatever the clock says
    of its name, unless `segment_wrap` asks for that.
    refused: packets beside the video that the muxer refused when their turn came.
    let_go: how many of the pictures that `mux` was given libav has written; None where it keeps none for long.
    aspect: of the pixels, for a header that libav would write without it; None if it is unknown.
    aborted: setting it breaks the connection off, which unblocks a write that waits for the server.
    sink: takes what is written, in place of the target.
    at_end: called with the path of the complete file, to add what libav does not write.
    Raises OutputError if it cannot be opened or written, BadOption for an option that neither encoder nor muxer has.
    """

    def __init__(
        self,
        target: Target,
        format: str,
        options: Mapping[str, str],
        encoder: str,
        *,
        time_base: Fraction,
        fragments: bool = True,
        live: bool = False,
        room: Room | None = None,
        taken_s: TakenAt = lambda at_s: None,
        aborted: Interruption | None = None,
        sink: Sink | None = None,
        aspect: Fraction | None = None,
    ) -> None:
        self.target = target
        self.format = format
        self._encoder = encoder
        self._started = False
        self._times: dict[int, MuxTimes] = {}
        self.live = live
        self.refused = self._beside = 0
        self._refusal = ""  # the first
        self._pictures = self._given_back = 0  # packets of the video; packets beside it that were refused at once
        self._video_index: int | None = None
        self.let_go: int | None = None
        self._samples = 0  # packets of the video, those that fill gaps among them
        self._kept: deque[int] = deque()  # how many these were at each picture that libav may not have written yet
        self._gaps = Gaps(target.shown, format)
        self.payload_bytes = 0
        self.at_end: Callable[[str], None] | None = None
        given = {**defaults_of(target, format, options, time_base, fragments=fragments, live=live), **options}
        self._sink = sink or sink_for(target.url, format, given, live=live)
        own_header = aspect if format == "yuv4mpegpipe" else None
        if self._sink is None and own_header and room is None:
            self._sink = written_here(target.path or target.url, format)
        if self._sink is not None:
            if aborted is not None:
                aborted.calls(self._sink.kill)
            self._connect(self._sink)
            given = {**LIVE, "strict": "-2"} if self._sink.takes_options else self._sink.left(given)
        self._at_s: Fraction | None = None  # of the packet that is being written
        opened: Any = with_address(target.url) if self._sink is None else self._sink.file
        self._files: OwnFiles | None = None
        if self._sink is None:
            self._files = OwnFiles(*(target, format, given), room=room, taken_s=taken_s, aborted=aborted)
            opened = self._files.whole or opened
            given |= self._files.options
        if own_header and not isinstance(opened, str):
            opened = WithAspect(opened, own_header)
        try:
            self.container: OutputContainer = av.open(
                opened,
                "w",
                format=format if self._sink is None else self._sink.format,
                options=given,
                metadata_errors="surrogateescape",
                io_open=None if self._files is None else self._files.io_open,
            )
        except BaseException:
            if self._files is not None:
                self._files.give_up()
            raise

    @property
    def settled(self) -> bool:
        """True once packets are known to arrive: the server has answered, or pictures have reached the disk."""
        if self._files is not None and (on_disk := self._files.on_disk) is not None:
            return on_disk
        return self._started and (self._sink is None or self._sink.settled)

    @property
    def has_pictures(self) -> bool:
        """False if nothing of what was written has reached the disk, as far as that is known."""
        return self._files is None or self._files.has_pictures

    @property
    def arrives(self) -> bool:
        """True if what was written up to now has left this process, as far as libav has let go of it."""
        written = None if self._files is None else self._files.are_written()
        return self.settled if written is None else written

    def start(self) -> None:
        """Write the header. All streams must have been added and all encoders opened."""
        try:
            with libav_explains(), unused_options() as unused:
                self.container.start_encoding()
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._error(f"(the header of {self.format})", error) from error
        self._started = True
        if self._files is not None:
            self._files.check(f"(the header of {self.format})")
        if unused:
            name = next(iter(unused))
            raise refused(name, unused[name], self._encoder, self.format)

    def mux(self, packet: av.Packet[Any], stream: Stream) -> None:
        """Write a packet of the restored video. Raises OutputError."""
        self._pictures, self._video_index = self._pictures + 1, stream.index
        try:
            self._write(packet, stream)
        except OutputError as error:
            # libavformat queues packets to put them in order, and what it says is of the one whose turn it is. The
            # video's are from our own encoder with settled times, so it is not one of those, if there are others.
            if not isinstance(error.__cause__, _ONE_PACKET) or self.refused >= self._beside:
                raise
            self.refused += 1
            self._refusal = self._refusal or message_of(error.__cause__)
        self._follow(stream.index + 1)

    def _follow(self, track: int) -> None:
        """Note how many pictures libav has written by now."""
        samples = None if self._files is None else self._files.let_go(track)
        if samples is not None:
            self._kept.append(self._samples)
            while self._kept and self._kept[0] <= samples:
                self._kept.popleft()
            self.let_go = self._pictures - len(self._kept)

    def _write(self, packet: av.Packet[Any], stream: Stream) -> None:
        for each in self._gaps.fill(packet, stream):
            self._write_one(each, stream)

    def _write_one(self, packet: av.Packet[Any], stream: Stream) -> None:
        size = packet.size
        if packet.pts is not None and packet.time_base:
            self._at_s = packet.pts * packet.time_base
            if self._files is not None:
                self._files.at_s = self._at_s
        packet.stream = stream
        self._settle(packet, stream)
        try:
            self.container.mux_one(packet)
            if self._sink is not None:
                self._sink.settle()
        except StreamfixError:
            raise
        except (av.FFmpegError, OSError, ValueError) as error:
            if self.format == "image2" and self.payload_bytes and "%" not in self.target.url:
                raise OutputError(
                    f"{self.target.shown}: one file name for many pictures; number them, as in picture%04d.png, "
                    "write one with -frames:v 1, or keep the last with -update 1"
                ) from error
            at = dts_or_pts(packet)
            place = "" if at is None or not packet.time_base else f"at {float(at * packet.time_base):.3f} s"
            raise self._error(place, error) from error
        if self._files is not None:
            self._files.check("" if self._at_s is None else f"at {float(self._at_s):.3f} s")
        self.payload_bytes += size
        self._samples += stream.index == self._video_index

    def mux_beside(self, packet: av.Packet[Any], stream: Stream) -> str | None:
        """Write a packet of a stream beside the restored video. Returns why it was refused, None if it was written.

        Raises OutputError for everything that is not the packet's own fault.
        """
        self._beside += 1
        try:
            self._write(packet, stream)
        except OutputError as error:
            if not isinstance(error.__cause__, _ONE_PACKET):
                raise
            self._given_back += 1
            return message_of(error.__cause__)
        return None

    def _settle(self, packet: av.Packet[Any], stream: Stream) -> None:
        """Give a packet times that its muxer takes."""
        if has_flag(self.container, Flags.no_timestamps):
            return
        times = self._times.get(stream.index)
        if times is None:
            assert stream.time_base is not None  # the header is written
            strict = not has_flag(self.container, Flags.ts_nonstrict)
            times = self._times[stream.index] = MuxTimes(stream.time_base, strict=strict)
        times.settle(packet)

    @property
    def bytes(self) -> int:
        """Bytes written so far: the file's size, or the packets' if the output is not a file."""
        if self.target.path is not None:
            with suppress(OSError):
                return os.path.getsize(self.target.path)
        return self.payload_bytes

    def finish(self) -> None:
        """Write the trailer. Raises OutputError."""
        self._gaps.close()
        try:
            self.container.close()
        except (av.FFmpegError, OSError, ValueError) as error:
            lost = self._lost_at_end() if isinstance(error, _ONE_PACKET) else 0
            if not lost:
                raise self._error("(the trailer)", error) from error
            self.refused += lost
            self._refusal = self._refusal or message_of(error)
        finally:
            self._tell_refused()
        if self._sink is not None:
            self._sink.close()
        if self._files is not None:
            self._files.close()
        if self.at_end is not None and self.target.path is not None:
            self.at_end(self.target.path)

    def _lost_at_end(self) -> int:
        """How many packets beside the video were lost with the trailer; 0 unless all of the video is in the file.

        The trailer takes along what libavformat still queues for its order, up to the first packet that the muxer
        refuses. It is written all the same. With the last of the video, all before it in time has been written.
        """
        path, video = self.target.path, self._video_index
        if path is None or not self.target.is_file or not self._beside or video is None:
            return 0
        if self._files is not None:
            self._files.drain()
        found: Counter[int] = Counter()
        try:
            with av.open(path, metadata_errors="surrogateescape") as written:
                for packet in written.demux():
                    found[packet.stream_index] += packet.dts is not None
        except (av.FFmpegError, OSError, ValueError) as error:
            log.debug("%s: cannot be read again: %s", self.target.shown, error)
            return 0
        if found[video] < self._pictures:
            return 0
        return max(1, self._beside - self.refused - self._given_back - (sum(found.values()) - found[video]))

    def _tell_refused(self) -> None:
        if self.refused:
            log.warning(
                "%s: %d packets of the streams beside the video are left out: %s does not take them (%s)",
                *(self.target.shown, self.refused, self.format, self._refusal),
            )

    def give_up(self) -> None:
        """Close after an error; what was written is made readable if possible."""
        if self._sink is not None:
            self._sink.kill()
        try:
            self.container.close()  # without a header it writes nothing, and lets go of its streams, which hold it
        except (av.FFmpegError, OSError) as error:
            log.debug("%s: the trailer cannot be written: %s", self.target.shown, error)
        if self._sink is not None:
            with suppress(OutputError, BadOption):
                self._sink.close()
        if self._files is not None:
            with suppress(OutputError):
                self._files.close()

    @staticmethod
    def _connect(sink: Sink) -> None:
        try:
            sink.connect()
        except BaseException:
            with suppress(OutputError, BadOption):
                sink.close()
            raise

    def _error(self, place: str, error: BaseException) -> StreamfixError:
        """The error to raise: the sink's if it has one, as it knows better why a connection ended."""
        known = None if self._sink is None else self._sink.failure()
        return known or cannot_write(self.target.shown, place, error)
