"""What a VideoCapture has open: a file's restored frames, or a camera's newest one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ..chainspec import parse_chain
from ..errors import InputError, StreamfixError
from ..filters import FILTERS
from ..frame import Frame, VideoInfo, scaled
from ..jobs import split_osd, split_privacy
from ..live_video import LiveVideo
from ..media.input.reader import Reader
from ..media.specs import InputSpec
from ..stream import Stream


class OpenedFile:
    """A file's restored frames, from any of them on. number: of frames that were taken; position_s: of the last."""

    def __init__(self, spec: InputSpec, stream: Stream, chain: str) -> None:
        self._spec, self._stream = spec, stream
        self._reader = self._open(spec)
        self.info: VideoInfo = self._reader.info
        self.fourcc = _fourcc(self._reader)
        self.number, self.position_s = 0, 0.0
        self._begin_s, self._sought = 0.0, False
        self._ahead: Frame | None = None
        _, filters = split_osd(split_privacy(parse_chain(chain) if chain else [])[1])
        self._sized = all(one.name in FILTERS or one.name == "null" for one in filters)
        self._frames = self._restored(self._reader)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures that come."""
        if self._sized:
            return scaled(self.info.width, self._stream.scale), scaled(self.info.height, self._stream.scale)
        self._ahead = self._ahead or next(self._frames, None)
        return (self._ahead.width, self._ahead.height) if self._ahead else (self.info.width, self.info.height)

    def next(self, timeout_s: float) -> Frame | None:
        ahead, self._ahead = self._ahead, None
        frame = ahead or next(self._frames, None)
        if frame is not None:
            if self._sought:  # -ss counts times from itself, rounded to the container's time base
                self._sought, self._begin_s = False, float(self.number / (self.info.rate or 1)) - frame.time_s
            self.number += 1
            self.position_s = self._begin_s + frame.time_s
        return frame

    def seek(self, number: int) -> None:
        """Go to where the frame of that number is next."""
        self._close()
        rate, count = self.info.rate, self.info.frames
        assert rate
        number = min(number, count) if count else number
        self.number, self.position_s = number, max(float((number - 1) / rate), 0.0)
        self._begin_s, self._sought = 0.0, number > 0
        spec = self._spec
        if number and count and number >= count:
            self._frames = iter(())
            return
        if number:
            # between two frames, whichever way their times are rounded
            spec = replace(spec, start_s=(number - Fraction(1, 2)) / rate)
        self._reader = self._open(spec)
        self._frames = self._restored(self._reader)

    def close(self) -> None:
        self._close()

    def _close(self) -> None:
        self._frames, self._ahead = iter(()), None
        self._stream.reset()
        with suppress(StreamfixError):  # of what is not read to its end
            self._reader.close()

    def _open(self, spec: InputSpec) -> Reader:
        return Reader((spec,), audio=False, subtitles=False, data=False, coding=self._stream.wants_coding)

    def _restored(self, reader: Reader) -> Iterator[Frame]:
        for item in reader:
            if isinstance(item, Frame):
                yield from self._stream.push(item)
        yield from self._stream.flush()


class OpenedCamera:
    """A camera's newest frame. The first one waits to be taken, so that its properties are known."""

    def __init__(self, video: LiveVideo, timeout_s: float) -> None:
        self._video = video
        self.number, self.position_s, self._begin_s = 0, 0.0, 0.0
        try:
            self._ahead = video.read(timeout_s)
        except BaseException:
            video.close()
            raise
        if self._ahead is None or video.info is None:
            video.close()
            raise InputError(f"no picture within {timeout_s:g} s")
        self.info: VideoInfo = video.info
        self.size = self._ahead.width, self._ahead.height
        self.fourcc = _letters(video.codec or "")
        self._begin_s = self._ahead.time_s

    def next(self, timeout_s: float) -> Frame | None:
        ahead, self._ahead = self._ahead, None
        frame = ahead or self._video.read(timeout_s)
        if frame is not None:
            self.number += 1
            self.position_s = frame.time_s - self._begin_s
        return frame

    def close(self) -> None:
        self._video.close()


def _fourcc(reader: Reader) -> str:
    """Four letters for the codec, as cv2 has them: its name if that has four, else the container's tag."""
    video = next(s for s in reader.streams if s.restored)
    tag: Any = getattr(video.stream.codec_context, "codec_tag", "")
    name = video.codec if len(video.codec) == 4 else tag if isinstance(tag, str) else ""
    return _letters(name)


def _letters(name: str) -> str:
    return (name + "\0\0\0\0")[:4]
