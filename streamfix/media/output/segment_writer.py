"""Encodes a video segment by segment: each begins with a new encoder, so that none needs another to be decoded."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from ...boundary import Boundary
from ...counts import FrameCounts
from ...frame import Frame
from ...pipeline import Stage
from ..source_info import SourceInfo
from ..specs import OutputSpec
from .encoder import VideoEncoder, repeatable_x264_params
from .packet_file import PacketFile
from .rate import rate_of
from .request import Request
from .target import Target


@dataclass(frozen=True, slots=True)
class EncodedOutput:
    """An output whose video is encoded before the output is opened.

    format: of its container. request: what is asked of it. first: a frame that tells size, pixel format and colour.
    source: where the frames come from.
    """

    spec: OutputSpec
    format: str
    request: Request
    first: Frame
    source: SourceInfo

    def encoder(self) -> VideoEncoder:
        """A new encoder, set up as in a writer of this output. Raises UsageError if it does not take these settings."""
        target = Target("nowhere", "null", [], overwrite=True)
        target.shown = self.spec.shown
        source = self.source
        mapped = next(stream for stream in source.streams if stream.restored)
        return VideoEncoder(
            _Container(target, self.format),
            self.request.codec,
            self.first,
            rate=rate_of(self.first, source),
            constant=False,
            pix_fmt=self.spec.pix_fmt,
            options=self.request.video,
            source=mapped,
            autorotated=source.inputs[mapped.input_index].autorotate,
        )


class _Container:
    """The container that an encoder is made for, which is never written."""

    def __init__(self, target: Target, format: str) -> None:
        self.target, self.format = target, format
        self.container = av.open(io.BytesIO(), "w", format=format)


def repeatable(request: Request) -> Request:
    """The request with what makes its encoder give the same bytes for the same pictures every time."""
    said = request.video.get("x264-params")
    if request.codec != "libx264" or (said is not None and "asm=" in said):
        return request
    own = repeatable_x264_params()
    return replace(request, video={**request.video, "x264-params": own if said is None else f"{said}:{own}"})


class SegmentWriter(Stage):
    """Encodes frames into a `PacketFile` for each segment.

    encoder: makes a new one. path: of a segment's file. index: of the first segment, which has no boundary in front.
    begin_s, end_s: of what is written; frames before are a warm-up, and with the first frame behind the writer has
    enough. None: all of it.
    finished: called with each segment's index, its file, its facts, and the boundary behind it (None at the end); it is
    to finish the file. ended: whether the frames came to their own end, asked once they have ended.
    """

    name = "encode"

    def __init__(
        self,
        encoder: Callable[[], VideoEncoder],
        path: Callable[[int], Path],
        index: int,
        finished: Callable[[int, PacketFile, dict[str, Any], Boundary | None], None],
        ended: Callable[[], bool],
        *,
        begin_s: Fraction | None = None,
        end_s: Fraction | None = None,
    ) -> None:
        self._new_encoder, self._path, self._index = encoder, path, index
        self._tell_finished, self._ended = finished, ended
        self._begin_s, self._end_s = begin_s, end_s
        self._encoder: VideoEncoder | None = None
        self._file: PacketFile | None = None
        self._frames = 0
        self.frames_written = self.bytes_written = 0
        self.position_s = 0.0
        self._first_s: Fraction | None = None

    @property
    def counts(self) -> FrameCounts:
        """Frames encoded."""
        return FrameCounts(written=self.frames_written)

    def push(self, item: Any) -> Iterable[Any]:
        if isinstance(item, Boundary):
            self._finish(item)
            self._index = item.index
        elif isinstance(item, Frame):
            at_s = item.pts * item.time_base
            if self._end_s is not None and at_s >= self._end_s:
                self.enough = True
            elif self._begin_s is None or at_s >= self._begin_s:
                self._encode(item, at_s)
        return ()

    def flush(self) -> Iterable[Any]:
        if self.enough or self._ended():
            self._finish(None)
        return ()

    def close(self) -> None:
        if self._file is not None:
            self._file.give_up()

    def _encode(self, frame: Frame, at_s: Fraction) -> None:
        if self._encoder is None or self._file is None:
            self._encoder, self._file = self._new_encoder(), PacketFile(self._path(self._index))
        before = self._file.bytes
        for packet in self._encoder.encode(frame):
            self._file.write(packet)
        self._frames += 1
        self.frames_written += 1
        self.bytes_written += self._file.bytes - before
        self._first_s = at_s if self._first_s is None else self._first_s
        self.position_s = float(at_s + frame.duration * frame.time_base - self._first_s)

    def _finish(self, boundary: Boundary | None) -> None:
        encoder, file = self._encoder or self._new_encoder(), self._file or PacketFile(self._path(self._index))
        self._encoder = self._file = None
        try:
            for packet in encoder.flush() if self._frames else ():
                file.write(packet)
            base = encoder.time_base
            extradata = encoder.context.extradata or b""
            facts = {
                "frames": self._frames,
                "time_base": [base.numerator, base.denominator],
                "extradata": extradata.hex(),
            }
            self._frames = 0
            self._tell_finished(self._index, file, facts, boundary)
        finally:
            file.give_up()


__all__: Sequence[str] = ("EncodedOutput", "SegmentWriter", "repeatable")
