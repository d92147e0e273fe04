"""Opens the encoder that a live output would have, for made-up pictures and without its container."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import Any

import av
from av.video.codeccontext import VideoCodecContext

from ....frame import Frame, VideoInfo
from ....media.output.assembly import assemble
from ....media.output.made_up import MadeUpSource
from ....media.output.muxer import guess_format
from ....media.output.request import request_of, usual_encoder
from ....media.output.target import Target
from ....media.picture.convert import reformat
from ....media.picture.planes import color_of, frame_from_av, to_av
from ....media.specs import OutputSpec


class SampleEncoder:
    """Encodes frames as a live output encodes them; a context manager.

    The encoder is opened by the code that opens a live writer's (`media.output.assembly`), so that both have the same
    encoder, options and threads. Its packets go to no file and no server.

    output: the live output. info: of its input. first: the first frame, whose size is rounded down to what every
    encoder takes. Raises UsageError, OutputError or BadOption, as the writer would.
    """

    def __init__(self, output: OutputSpec, info: VideoInfo, first: Frame) -> None:
        format = guess_format(output.url, output.format)
        usual = usual_encoder(Target(output.url, format, [], overwrite=True), format)
        request = replace(request_of(output, format, usual), format={})  # the muxer's options: there is no such muxer
        nowhere = Target("nowhere", "null", [], overwrite=True)
        nowhere.shown = output.shown
        self._output = assemble(
            replace(output, audio=False, subtitles=False, data=False),
            request,
            MadeUpSource(info),
            nowhere,
            "null",
            _even(first),
            rate=output.rate or info.rate,
            shift_s=Fraction(0),
            covers={},
            live=True,
        )

    def __enter__(self) -> SampleEncoder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._output.muxer.give_up()

    @property
    def context(self) -> VideoCodecContext:
        """The open encoder."""
        return self._output.encoder.context

    def encode(self, frame: Frame) -> list[av.Packet[Any]]:
        """Packets that became ready."""
        return self._output.encoder.encode(_even(frame))

    def flush(self) -> list[av.Packet[Any]]:
        """The packets that are left."""
        return self._output.encoder.flush()

    def decoder(self) -> VideoCodecContext:
        """A new decoder for the packets. Raises ValueError where there is none."""
        decoder = av.CodecContext.create(self.context.codec.canonical_name, "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.thread_count = 1
        decoder.extradata = self.context.extradata
        return decoder


def _even(frame: Frame) -> Frame:
    """The frame at an even size, which every encoder takes."""
    width, height = frame.width // 2 * 2, frame.height // 2 * 2
    if (width, height) == (frame.width, frame.height):
        return frame
    picture = to_av(frame)
    made = reformat(picture, picture.format.name, width, height, color=color_of(picture))
    return frame_from_av(made, frame.time_base)
