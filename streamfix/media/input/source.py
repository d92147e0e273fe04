"""One open input: its packets, limited to the wanted part, looped and paced, with shifted timestamps."""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, cast

import av
import av.error
from av.container import InputContainer
from av.format import Flags

from ...errors import InputError, UsageError
from .. import pyav
from ..interruption import Interruption
from ..picture.clone import clone_packet
from ..specs import InputSpec
from ..streams import MappedStream, is_mp4
from ..timestamps import dts_or_pts, pts_or_dts, shift_packet, to_units
from ..transport.protocols import format_protocols
from .continuity import Continuity
from .opening import Opening

log = logging.getLogger("streamfix.media")

_MICRO = Fraction(1, 1_000_000)
# ffmpeg's margin for seeking in streams with B-frames, where a keyframe's dts may lie before its pts.
_SEEK_MARGIN_S = Fraction(3, 23)
_NO_TIMESTAMPS = int(cast(int, Flags.no_timestamps.value))
_CLOCK_MAY_JUMP = int(cast(int, Flags.ts_discont.value))
_FOREIGN_CLOCK_S = 10  # a file that begins later than this was cut from a longer one, or its clock is another's
_LEAP_S = 10.0  # if a live clock is further off, it was set


class LoopEnd:
    """Yielded between two rounds of -stream_loop: the next packet does not continue the last one."""


class InputSource:
    """The packets of one input.

    live: a camera, which may take long to answer and whose clock may be set while it is read.
    start_s: the input's own start time, from which -ss and -to count.
    shift_s: added to every timestamp of the first round. A file begins at 0 if its container's clock begins anywhere
    (MPEG-TS, program streams, HLS) or later than at 10 s, and with -ss. -copyts leaves all times as they are.
    jumped_s: the time since which frames do not continue those before, because the clock started again or jumped;
    None if it did not.
    begin_at_s: read from the last keyframe of the video on that is not coded after this time, which counts like those
    of packets; to be set before `packets`. None begins where the wanted part does.
    timeless: it has no timestamps, the user has not stated a rate either, and it comes at its true speed: a live input
    such as a bare H.264 stream, or motion JPEG that a server sends picture by picture.
    """

    def __init__(self, spec: InputSpec, stopped: Interruption, *, live: bool = False) -> None:
        self.spec, self._live = spec, live
        self._stopped = stopped
        if any(t is not None and t < 0 for t in (spec.start_s, spec.duration_s, spec.end_s)):
            raise UsageError(f"{spec.shown}: -ss, -t and -to of an input cannot be negative")
        self._opening = Opening(spec, stopped, live=live)
        self.url = self._opening.url
        try:
            self.container = self._opening.open()
        except BaseException:
            self._opening.close()
            raise
        self.start_s = (self.container.start_time or 0) * _MICRO
        self.from_s = self.start_s + (spec.start_s or 0)
        self.shift_s = Fraction(0)
        format = self.container.format
        self._clock_may_jump = bool(format.flags & _CLOCK_MAY_JUMP)
        foreign = self._clock_may_jump or self.start_s > _FOREIGN_CLOCK_S
        if (spec.start_s is not None or (foreign and not live)) and not spec.copy_timestamps:
            self.shift_s = -self.from_s
        self.until_s = self._until()
        protocols = format_protocols(format.name)
        self._paced = spec.realtime or (live and any(p.playlist for p in protocols))
        self._lent = any(p.lends_memory for p in protocols)
        stated = {"framerate", "use_wallclock_as_timestamps"} & spec.options.keys()
        if format.name == "mpjpeg":
            stated.discard("framerate")  # which it does not have
        untimed = bool(format.flags & _NO_TIMESTAMPS) and not (stated or spec.realtime)
        self.timeless = untimed and (live or self._opening.pushed)
        self._streams: Sequence[MappedStream] = ()
        self._rounds: list[InputContainer] = []
        self._clock_s: tuple[float, float] | None = None
        self._waiting: set[int] = set()
        self._ended = False
        self.jumped_s: Fraction | None = None
        self.begin_at_s: Fraction | None = None
        self._told_new_stream = False

    def select(self, streams: Sequence[MappedStream]) -> None:
        """Read only these streams; the demuxer skips the others."""
        self._streams = streams
        self._waiting = {s.index for s in streams if s.kind in ("video", "audio")}
        self._discard(self.container)

    def close(self) -> None:
        """Close the input. Packets that are still queued must not be used afterwards."""
        for container in (*self._rounds, self.container):
            container.close()
        self._opening.close()

    def packets(self) -> Iterator[av.Packet[Any] | LoopEnd]:
        """Packets in the order of the file, with shifted timestamps; LoopEnd between rounds. Raises av.FFmpegError."""
        wanted = {s.index: s for s in self._streams}
        offset_s, round_ = Fraction(0), 0
        container = self.container
        while True:
            if self.begin_at_s is not None:
                self._seek_exactly(container, self.begin_at_s - self.shift_s)
            elif self.spec.start_s:
                self._seek(container)
            end_s = self.start_s
            shifts = {i: to_units(self.shift_s + offset_s, s.time_base) for i, s in wanted.items()}
            ends: dict[int, int] = {}
            continuity = self._continuity(-self.shift_s - offset_s)
            for packet in self._demux(container, list(wanted)):
                if self._stopped.is_set() or self._ended:
                    return
                i = packet.stream.index
                mapped = wanted.get(i)
                if mapped is None:
                    self._tell_new_stream()
                    continue
                if packet.size == 0 and packet.dts is None and packet.pts is None:
                    continue  # PyAV's request to flush, which the reader does itself
                packet.stream = mapped.stream  # of the first round: its decoder goes on
                if self._lent:
                    packet = clone_packet(packet, apart=True)
                if continuity is not None:
                    continuity.place(packet, mapped.time_base, mapped.kind)
                    if continuity.jumped_s is not None:
                        self.jumped_s = continuity.jumped_s + self.shift_s + offset_s
                at = pts_or_dts(packet)
                if at is not None:
                    ends[i] = max(ends.get(i, at), at + (packet.duration or 0))
                shift_packet(packet, shifts[i])
                if self._paced:
                    self._pace(packet, mapped.time_base)
                yield packet
            if continuity is not None:
                continuity.close()
            self._opening.check_end()
            self._check_complete(ends)
            round_ += 1
            if self._stopped.is_set() or (0 <= self.spec.loops < round_):
                return
            end_s = max((end * wanted[i].time_base for i, end in ends.items()), default=end_s)
            if end_s <= self.from_s:
                return  # this round was empty, and so would the others be, for ever
            offset_s += end_s - self.from_s
            container = self._again()
            yield LoopEnd()

    def _demux(self, container: InputContainer, indices: Sequence[int]) -> Iterator[av.Packet[Any]]:
        """Packets of these streams. Streams may appear while MPEG-TS is read; they are none of the output's."""
        while True:
            try:
                yield from container.demux([container.streams[i] for i in indices])
                return
            except IndexError:  # PyAV knows the streams that there were at first, and reads on if it is asked again
                self._tell_new_stream()

    def _tell_new_stream(self) -> None:
        if not self._told_new_stream:
            self._told_new_stream = True
            log.warning(
                "%s: a stream appears that the file did not have at its beginning; it is left out. To have it, cut the "
                "file there and restore its parts", self.spec.shown,
            )  # fmt: skip

    def _continuity(self, shown_from_s: Fraction) -> Continuity | None:
        """What closes the jumps of a file's clock; a camera's times are placed by the wall clock."""
        forward = self._clock_may_jump and not self.spec.copy_timestamps
        return None if self._live else Continuity(self.spec.shown, forward=forward, shown_from_s=shown_from_s)

    def wanted(self, pts: int, time_base: Fraction, index: int) -> bool:
        """True if a frame at that pts lies in the part that -ss, -t and -to select."""
        at_s = pts * time_base
        if self.until_s is not None and at_s >= self.until_s:
            self._end(index)
            return False
        return self.spec.start_s is None or at_s >= self.from_s + self.shift_s

    def keep(self, packet: av.Packet[Any]) -> bool:
        """True if a copied packet lies in that part. A subtitle that is on screen when it begins is kept, shortened."""
        if self.until_s is None and self.spec.start_s is None:
            return True
        at = pts_or_dts(packet)
        if at is None:
            return True
        base = packet.time_base
        if not self.wanted(at, base, packet.stream.index):
            begin = math.ceil((self.from_s + self.shift_s) / base)
            late = packet.stream.type == "subtitle" and at < begin < at + (packet.duration or 0)
            if late:
                packet.duration = at + (packet.duration or 0) - begin
                packet.pts = packet.dts = begin
            return late
        return True

    def _end(self, index: int) -> None:
        """Note that a stream has reached the end of the wanted part; after the last one reading ends."""
        self._waiting.discard(index)
        self._ended = not self._waiting

    def _check_complete(self, ends: dict[int, int]) -> None:
        """Raise InputError if the file is shorter than its index says: libav ends such a file without an error."""
        for stream in self._streams:
            stated_s = _stated_length(self.container, stream)
            if stated_s is None or stream.index not in ends or stream.kind != "video":
                continue
            # Matroska's length counts from 0 (libavformat) or from the first frame (mkvmerge), MP4's from the first.
            begin = stream.stream.start_time or 0
            if "matroska" in self.container.format.name:
                begin = min(begin, 0)
            read_s = (ends[stream.index] - begin) * stream.time_base
            if read_s < stated_s - max(Fraction(1, 4), stated_s / 50):
                raise InputError(
                    f"{self.spec.shown}: the file ends at {float(read_s):.3f} s though its index says "
                    f"{float(stated_s):.3f} s: it was cut off"
                )

    def _until(self) -> Fraction | None:
        """The end of the wanted part in shifted time, None if there is none."""
        spec = self.spec
        begin = self.from_s + self.shift_s
        if spec.duration_s is not None:
            return begin + spec.duration_s
        if spec.end_s is None:
            return None
        if spec.end_s <= (spec.start_s or 0):
            raise UsageError(f"{spec.shown}: -to {float(spec.end_s):g} lies before -ss {float(spec.start_s or 0):g}")
        return begin + spec.end_s - (spec.start_s or 0)

    def _again(self) -> InputContainer:
        for old in self._rounds:
            old.close()
        try:
            self._rounds = [self._opening.open()]
        except InputError as error:
            raise InputError(f"{error}; -stream_loop needs an input that can be opened again") from error
        self._discard(self._rounds[0])
        return self._rounds[0]

    def _discard(self, container: InputContainer) -> None:
        wanted = {s.index for s in self._streams}
        for stream in container.streams:
            if stream.index not in wanted:
                pyav.skip(stream)

    def _seek(self, container: InputContainer) -> None:
        """Seek to a keyframe at or before the wanted time; without an index that may take several tries."""
        # Some demuxers seek by dts, which begins before the first pts.
        first, margin_s = math.floor((self.start_s - 1) / _MICRO), _SEEK_MARGIN_S
        while True:
            target = max(math.floor((self.from_s - margin_s) / _MICRO), first)
            try:
                container.seek(target, backward=True)
                if target == first or self._is_keyframe_before(container):
                    container.seek(target, backward=True)
                    return
            except (av.FFmpegError, OSError):
                log.debug("%s: cannot seek; reads and discards up to %s s instead", self.spec.shown, float(self.from_s))
                return
            margin_s *= 8

    def _seek_exactly(self, container: InputContainer, at_s: Fraction) -> None:
        """Seek to the video's keyframe at that time of the input's own; a wrong index may lead elsewhere."""
        video = next(s for s in self._streams if s.kind == "video")
        try:
            container.seek(round(at_s / video.time_base), backward=True, stream=container.streams[video.index])
        except (av.FFmpegError, OSError):
            log.debug("%s: cannot seek; reads and discards up to %s s instead", self.spec.shown, float(at_s))

    def _is_keyframe_before(self, container: InputContainer) -> bool:
        """True if the video's next packet is a keyframe and not after the wanted time."""
        video = next((s for s in self._streams if s.kind == "video"), None)
        if video is None:
            return True
        for packet in container.demux(container.streams[video.index]):
            if packet.size:
                at = pts_or_dts(packet)
                return packet.is_keyframe and (at is None or at * video.time_base <= self.from_s)
        return False

    def _pace(self, packet: av.Packet[Any], time_base: Fraction) -> None:
        """Wait until the packet is due by the clock or the run is stopped."""
        at = dts_or_pts(packet)
        if at is None:
            return
        at_s, now_s = float(at * time_base), time.monotonic()
        if self._clock_s is None:
            self._clock_s = now_s, at_s
        wait_s = at_s - self._clock_s[1] - (now_s - self._clock_s[0])
        if self._live and abs(wait_s) > _LEAP_S:
            self._clock_s, wait_s = (now_s, at_s), 0.0
        if wait_s > 0:
            self._stopped.wait(wait_s)


def _stated_length(container: InputContainer, stream: MappedStream) -> Fraction | None:
    """A stream's length by the container's index, None if libav only estimates it from the data."""
    if is_mp4(container) or container.format.name == "avi":
        return stream.duration_s
    tag = next((v for k, v in stream.metadata.items() if k.upper() == "DURATION"), "")
    found = re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", tag) if "matroska" in container.format.name else None
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
