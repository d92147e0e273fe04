"""A source that nobody reads, for outputs that are opened to be measured or tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import av
from av.video.stream import VideoStream

from ...errors import StreamfixError
from ...frame import Frame, VideoInfo
from ..picture.planes import frame_from_av
from ..specs import InputSpec
from ..streams import MappedStream, describe
from .negotiate import DEFAULT_RATE


@dataclass
class MadeUpSource:
    """A source of one video stream, as the writer wants to know it. sound: it has a stream of sound as well."""

    info: VideoInfo
    sound: bool = False
    inputs: Sequence[InputSpec] = (InputSpec("made-up"),)
    metadata: Mapping[str, str] = field(default_factory=dict)
    chapters: list[Any] = field(default_factory=list)
    begin_s: Fraction = Fraction(0)
    failure: StreamfixError | None = None
    stopped: bool = False
    stopped_early: bool = False
    streams: Sequence[MappedStream] = ()

    def __post_init__(self) -> None:
        home = av.open("made-up", "w", format="null")  # never opened for writing: a place for the stream to be in
        stream = home.add_stream("rawvideo", rate=self.info.rate or DEFAULT_RATE)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = self.info.width, self.info.height, self.info.pix_fmt
        sounds = [describe(0, home.add_stream("pcm_s16le", rate=48000, layout="stereo"))] if self.sound else []
        self.streams = (describe(0, stream, restored=True), *sounds)
        home.close()  # it lets go of its streams, which hold it

    def stream_of(self, packet: av.Packet[Any]) -> MappedStream | None:
        return None


def blank_frame(info: VideoInfo) -> Frame:
    """A frame of an input, with whatever was in memory for a picture."""
    made = av.VideoFrame(info.width, info.height, info.pix_fmt)
    made.pts, made.time_base = 0, info.time_base
    duration = round(1 / ((info.rate or DEFAULT_RATE) * info.time_base))
    return replace(frame_from_av(made, info.time_base), duration=duration)
