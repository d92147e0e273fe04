"""Demuxes and decodes: the source of a pipeline."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error

from ...errors import DecodeError, StreamfixError, let_go
from ...frame import Frame, VideoInfo
from .. import pyav
from ..interruption import Interruption
from ..privacy import leaks
from ..privacy.zones import Masks, Privacy
from ..specs import InputSpec
from ..streams import MappedStream
from ..timestamps import shift_chapters
from .decoder import VideoDecoder
from .item_source import ItemSource
from .mapping import choose_streams, named_streams
from .packet_reader import PacketReader
from .shaping import Shape
from .source import InputSource, LoopEnd

__all__ = ["InputSpec", "LiveInput", "MappedStream", "Reader"]

_ARRIVAL_BASE = Fraction(1, 90000)

if TYPE_CHECKING:
    from .item_source import Item


@dataclass(frozen=True, slots=True)
class LiveInput:
    """What reading a camera needs in addition.

    stopped: stops the reading from outside, also while the reader is being made.
    shape: (width, height, pixel format) of an earlier connection's frames, to which those of this one are scaled.
    masks: what is burnt in; it may change meanwhile, and each change is a cut, so that filters forget what they saw.
    """

    stopped: Interruption
    shape: Shape | None = None
    masks: Masks | None = None


class Reader(ItemSource):
    """Frames of one video stream and the packets of all streams that go along, in order of time.

    If an input breaks off (truncated file, I/O error, too many damaged packets),
    the iteration ends, so that what was decoded is still restored and written.
    `failure` then holds the error, the writer marks its output as incomplete, and
    `close` raises the error: such a job never succeeds.

    live: the input is a camera: its frames say when they arrived, and it may be stopped while it is being opened.
    coding: frames say how they were coded (`Frame.coding`), where the decoder tells; that takes some of its time.
    privacy: what is burnt into every picture. Other streams that show something go along only where -map names them.

    info: of the restored video, taken from its first frame, which is decoded here.
    streams: in output order; one of them is `restored`.
    metadata, chapters: of the first input, chapters as PyAV gives them, shifted as the frames are.
    frames_read, errors, position_s: the progress; position_s is the time of the last frame, counted from
    the first. May be read from any thread.

    Raises InputError or UsageError if an input cannot be opened, DecodeError if it holds no frame.
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
        coding: bool = False,
        privacy: Privacy | None = None,
    ) -> None:
        stopped = Interruption() if live is None else live.stopped
        super().__init__(stopped)
        self.inputs = tuple(inputs)
        self.position_s = 0.0
        self._live = live
        self.coding = coding
        self._masks = Masks(privacy) if live is None or live.masks is None else live.masks
        self._cut = False  # of a frame that -ss left out, for the first that it does not
        self._jumped_s: Fraction | None = None  # the clock's last jump of which the first frame has come
        self._arrived_s: float | None = None  # of the first frame, where nothing but that gives a time
        self._last_pts = -1
        self._sources: list[InputSource] = []
        self._parts = ExitStack()  # to be closed, the decoder first
        try:
            for spec in inputs:
                self._sources.append(InputSource(spec, stopped, live=live is not None))
                self._parts.callback(self._sources[-1].close)
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
    def missing(self) -> int:
        """Pictures of the restored video that did not come out of the decoder: undecodable or lost in the input."""
        return self._decoder.missing

    @property
    def stopped_early(self) -> bool:
        """True if `stop` ended it before its own end; an input that is played without end has none."""
        return super().stopped_early and self.inputs[self._video.input_index].loops >= 0

    @property
    def begin_s(self) -> Fraction:
        """The time that counts as 0 for -ss and -to: the start of the restored video's input."""
        source = self._sources[self._video.input_index]
        return source.from_s + source.shift_s

    @property
    def wall_start_s(self) -> float | None:
        """Unix time of pts 0, for cameras that tell it (RTCP), else None. Call it from the thread that reads."""
        source = self._sources[self._video.input_index]
        at = getattr(source.container, "start_time_realtime", None)  # PyAV tells it from 18.1 on
        return None if at is None else at / 1e6 - float(source.shift_s)

    def stream_of(self, packet: av.Packet[Any]) -> MappedStream | None:
        """The stream among `streams` that a packet of this reader belongs to, None if it belongs to none."""
        return self._by_id.get(id(packet.stream))

    def __iter__(self) -> Iterator[Item]:
        for item in super().__iter__():
            if isinstance(item, Frame):
                self.position_s = float(item.pts * item.time_base - self._first_s)
            yield item
            del item

    @property
    def video(self) -> MappedStream:
        """The restored stream."""
        return self._video

    @property
    def first_frame(self) -> Frame:
        """The first frame, before anything is read."""
        return next(item for item in self._held if isinstance(item, Frame))

    def begin_at(self, at_s: Fraction) -> None:
        """Begin with the keyframe that is coded last up to that time; nothing is read yet. The first frame is a cut.

        at_s: seconds, as those of packets; of an earlier frame, decoding begins there too, whatever -ss says. A wrong
        index may lead to another keyframe: compare what comes.
        """
        source = self._sources[self._video.input_index]
        self._items.close()
        self._held.clear()
        source.begin_at_s = at_s
        self._decoder.restart()
        self._items = self._read()

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
        if self._masks.privacy is not None:
            self._look_for_leaks(maps)
        for i, source in enumerate(self._sources):
            source.select([s for s in self.streams if s.input_index == i])
        source = self._sources[self._video.input_index]
        self._by_id = {id(s.stream): s for s in self.streams}
        shape = None if self._live is None else self._live.shape
        self._decoder = VideoDecoder(
            self._video,
            source.spec,
            live=self._live is not None,
            shape=shape,
            coding=self.coding,
            masks=self._masks,
        )
        self._parts.callback(self._decoder.close)
        first = self._sources[0]
        self.metadata = dict(first.container.metadata)
        self.chapters = shift_chapters(pyav.chapters(first.container), first.shift_s)
        frame = self._first_frame()
        self._first_s = frame.pts * frame.time_base
        self.info = self._describe(frame, source)

    def _look_for_leaks(self, maps: Sequence[str]) -> None:
        shown = self._sources[self._video.input_index].spec.shown
        leaks.check_streams(self.streams, named_streams([s.container for s in self._sources], maps), shown)
        leaks.warn(self.streams, self._sources[0].container.metadata, shown)

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

    def _describe(self, frame: Frame, source: InputSource) -> VideoInfo:
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
        """All frames and packets in order. Ends early, with `failure` set, if an input breaks off."""
        readers = [PacketReader(i, source) for i, source in enumerate(self._sources)]
        try:
            while left := [reader for reader in readers if reader.packet is not None]:
                reader = min(left, key=lambda r: r.at_s) if len(left) > 1 else left[0]
                packet = reader.packet
                assert packet is not None
                yield from self._items_of(packet, reader)
                del packet
                reader.advance()
        except StreamfixError as error:
            self._fail(error)
        try:
            yield from self._frames(None, self._sources[self._video.input_index])
            if not self._stopped.is_set():
                self._decoder.check()
        except StreamfixError as error:
            self._fail(error)

    def _fail(self, error: StreamfixError) -> None:
        """Keep the first error. Not its traceback, which holds this reader: its decoder would outlive it."""
        let_go(error)
        self.failure = self.failure or error

    def _items_of(self, packet: av.Packet[Any] | LoopEnd, reader: PacketReader) -> Iterator[Item]:
        if isinstance(packet, LoopEnd):
            if reader.index == self._video.input_index:
                yield from self._frames(None, reader.source)
                self._decoder.restart()
        elif packet.stream is self._video.stream:
            yield from self._frames(packet, reader.source, None if self._live is None else reader.arrived_s)
        elif reader.source.keep(packet):
            yield packet

    def _frames(
        self, packet: av.Packet[Any] | None, source: InputSource, arrived_s: float | None = None
    ) -> Iterator[Frame]:
        for frame in self._decoder.decode(packet, arrived_s):
            self._cut |= frame.cut
            jumped_s = source.jumped_s
            if jumped_s is not None and jumped_s != self._jumped_s and frame.pts * frame.time_base >= jumped_s:
                self._jumped_s, self._cut = jumped_s, True
            if source.timeless:
                frame = self._timed_by_arrival(frame, arrived_s)
            if source.wanted(frame.pts, frame.time_base, self._video.index):
                cut, self._cut = self._cut, False
                yield frame if frame.cut == cut else replace(frame, cut=cut)

    def _timed_by_arrival(self, frame: Frame, arrived_s: float | None) -> Frame:
        """Give a frame a pts by its arrival, counted from the first frame's: the input has no timestamps."""
        now_s = time.monotonic() if arrived_s is None else arrived_s
        self._arrived_s = now_s if self._arrived_s is None else self._arrived_s
        self._last_pts = max(round((now_s - self._arrived_s) / _ARRIVAL_BASE), self._last_pts + 1)
        return replace(frame, pts=self._last_pts, time_base=_ARRIVAL_BASE, duration=0)

    def _release(self) -> None:
        self._parts.close()
