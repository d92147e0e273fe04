"""Demuxes and decodes: the source of a pipeline."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error

from ...errors import DecodeError, StreamfixError
from ...frame import Frame, VideoInfo
from ..interruption import Interruption
from ..shift import shift_chapters
from ..specs import InputSpec
from ..streams import MappedStream
from .decoder import Shape, VideoDecoder
from .item_source import ItemSource
from .mapping import choose_streams
from .packet_reader import Feed
from .source import LoopEnd, Source

__all__ = ["InputSpec", "LiveInput", "MappedStream", "Reader"]

_ARRIVAL_BASE = Fraction(1, 90000)

if TYPE_CHECKING:
    from .item_source import Item


@dataclass(frozen=True, slots=True)
class LiveInput:
    """What reading a camera needs besides.

    stopped: ends the reading from outside, also while the reader is being made.
    shape: (width, height, pixel format) of an earlier connection's frames, which those of this one get.
    """

    stopped: Interruption
    shape: Shape | None = None


class Reader(ItemSource):
    """Frames of one video stream and the packets of all streams that go along, in order of time.

    A source that dies midway (truncated file, I/O error, too many damaged
    packets) ends the iteration, so that what was decoded is still restored and
    written; `failure` then holds the error, the writer keeps its result as
    incomplete, and `close` raises it: such a job never succeeds.

    live: the input is a camera; its frames say when they came, and it may be stopped while it is being opened.

    info: of the restored video, as its first frame is (that one is decoded here).
    streams: in output order; one of them is `restored`.
    metadata, chapters: of the first input, chapters as PyAV gives them, shifted as the frames are.
    frames_read, errors, position_s: how far it is; position_s is the time of the last frame, from
    the first. May be read from any thread.

    Raises InputError or UsageError when an input cannot be opened or holds no frame.
    """

    name = "decode"

    def __init__(
        self,
        inputs: Sequence[InputSpec],
        maps: Sequence[str] = (),
        *,
        audio: bool = True,
        subtitles: bool = True,
        data: bool = True,
        live: LiveInput | None = None,
    ) -> None:
        stopped = Interruption() if live is None else live.stopped
        super().__init__(stopped)
        self.inputs = tuple(inputs)
        self.position_s = 0.0
        self._live = live
        self._cut = False  # of a frame that -ss left out, for the first that it does not
        self._arrived_s: float | None = None  # of the first frame, where nothing but that gives a time
        self._last_pts = -1
        self._sources: list[Source] = []
        try:
            for spec in inputs:
                self._sources.append(Source(spec, stopped, live=live is not None))
            self._open(maps, audio, subtitles, data)
        except BaseException:
            self._release()
            raise

    @property
    def frames_read(self) -> int:
        """Frames decoded so far."""
        return self._decoder.frames

    @property
    def errors(self) -> int:
        """Packets of the restored video that were damaged."""
        return self._decoder.errors

    @property
    def begin_s(self) -> Fraction:
        """The time that counts as 0 for -ss and -to: the start of the restored video's input."""
        source = self._sources[self._video.input_index]
        return source.from_s + source.shift_s

    @property
    def wall_start_s(self) -> float | None:
        """When the time 0 was, in Unix time, of cameras that say so (RTCP). From the thread that reads."""
        source = self._sources[self._video.input_index]
        at = source.container.start_time_realtime
        return None if at is None else at / 1e6 - float(source.shift_s)

    def stream_of(self, packet: av.Packet[Any]) -> MappedStream | None:
        """The stream among `streams` that a packet of this reader belongs to."""
        return self._by_id.get(id(packet.stream))

    def __iter__(self) -> Iterator[Item]:
        for item in super().__iter__():
            if isinstance(item, Frame):
                self.position_s = float(item.pts * item.time_base - self._first_s)
            yield item
            del item

    def _open(self, maps: Sequence[str], audio: bool, subtitles: bool, data: bool) -> None:
        self.streams = choose_streams(
            [s.container for s in self._sources],
            [s.spec.shown for s in self._sources],
            maps,
            audio=audio,
            subtitles=subtitles,
            data=data,
        )
        self._video = next(s for s in self.streams if s.restored)
        for i, source in enumerate(self._sources):
            source.select([s for s in self.streams if s.input_index == i])
        source = self._sources[self._video.input_index]
        self._by_id = {id(s.stream): s for s in self.streams}
        shape = None if self._live is None else self._live.shape
        self._decoder = VideoDecoder(self._video, source.spec, live=self._live is not None, shape=shape)
        first = self._sources[0]
        self.metadata = dict(first.container.metadata)
        self.chapters = shift_chapters(first.container.chapters(), first.shift_s)
        frame = self._first_frame()
        self._first_s = frame.pts * frame.time_base
        self.info = self._describe(frame, source)

    def _first_frame(self) -> Frame:
        """The first frame; raises why there is none."""
        if (frame := self._peek()) is not None:
            return frame
        if self.failure is not None:
            raise self.failure
        url = self._sources[self._video.input_index].spec.shown
        damaged = f"; {self.errors} packets are damaged" if self.errors else ""
        where = "" if self.frames_read == 0 else " in the part that -ss, -t and -to leave"
        raise DecodeError(f"{url}: {self._video}: no frame could be decoded{where}{damaged}")

    def _describe(self, frame: Frame, source: Source) -> VideoInfo:
        mapped, rate = self._video, None if source.timeless else self._decoder.rate
        duration = mapped.duration_s
        if duration is None and source.container.duration:
            duration = Fraction(source.container.duration, 1_000_000)
        frames = mapped.stream.frames or (round(duration * rate) if duration and rate else None)
        return VideoInfo(
            frame.width,
            frame.height,
            frame.origin.format.name,
            frame.time_base,
            rate,
            frame.color,
            frame.sample_aspect_ratio,
            None if duration is None else float(duration),
            frames,
        )

    def _read(self) -> Generator[Item, None, None]:
        """Everything, in order. Ends early, with `failure` set, when a source dies."""
        feeds = [Feed(i, source) for i, source in enumerate(self._sources)]
        try:
            while live := [feed for feed in feeds if feed.packet is not None]:
                feed = min(live, key=lambda f: f.at_s) if len(live) > 1 else live[0]
                packet = feed.packet
                assert packet is not None
                yield from self._items_of(packet, feed)
                del packet
                feed.advance()
        except StreamfixError as error:
            self.failure = error
        try:
            yield from self._frames(None, self._sources[self._video.input_index])
            if not self._stopped.is_set():
                self._decoder.check()
        except StreamfixError as error:
            self.failure = self.failure or error

    def _items_of(self, packet: av.Packet[Any] | LoopEnd, feed: Feed) -> Iterator[Item]:
        if isinstance(packet, LoopEnd):
            if feed.index == self._video.input_index:
                yield from self._frames(None, feed.source)
                self._decoder.restart()
        elif packet.stream is self._video.stream:
            yield from self._frames(packet, feed.source, None if self._live is None else feed.arrived_s)
        elif feed.source.keep(packet):
            yield packet

    def _frames(self, packet: av.Packet[Any] | None, source: Source, arrived_s: float | None = None) -> Iterator[Frame]:
        for frame in self._decoder.decode(packet, arrived_s):
            self._cut |= frame.cut
            if source.wanted(frame.pts, frame.time_base, self._video.index):
                cut, self._cut = self._cut, False
                timed = self._timed_by_arrival(frame, arrived_s) if source.timeless else frame
                yield timed if timed.cut == cut else replace(timed, cut=cut)

    def _timed_by_arrival(self, frame: Frame, arrived_s: float | None) -> Frame:
        """The frame at the time at which it came, from the first one on: the input says nothing of it."""
        now_s = time.monotonic() if arrived_s is None else arrived_s
        self._arrived_s = now_s if self._arrived_s is None else self._arrived_s
        self._last_pts = max(round((now_s - self._arrived_s) / _ARRIVAL_BASE), self._last_pts + 1)
        return replace(frame, pts=self._last_pts, time_base=_ARRIVAL_BASE, duration=0)

    def _release(self) -> None:
        for source in self._sources:
            source.close()
