"""Decodes one video stream into frames: their time, what is damaged, where a cut is."""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import av.error
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ..errors import DecodeError, UnknownName
from ..frame import Frame
from . import convert, picture
from .clock import Clock
from .rotation import Matrix, Upright, display_matrix, upright
from .specs import InputSpec
from .streams import MappedStream

log = logging.getLogger("streamfix.media")

_ENOUGH_ERRORS = 100  # fewer say nothing of a rate: a stream joined between two keyframes begins with some


class VideoDecoder:
    """Frames of one stream.

    errors: packets that were flagged corrupt or could not be decoded. frames: pictures that came out.
    """

    def __init__(self, mapped: MappedStream, spec: InputSpec) -> None:
        stream = mapped.stream
        assert isinstance(stream, VideoStream)
        self._mapped, self._spec = mapped, spec
        self._context = _decoder_of(stream, spec)
        self.rate = _rate(stream)
        self._aspect = stream.sample_aspect_ratio or None
        self._clock = Clock(mapped.time_base, self.rate)
        self.frames = self.errors = 0
        self.last_s = Fraction(0)
        self._clean = False  # a keyframe has come, and no error since
        self._cut = True
        self._first: tuple[int, int, str] | None = None
        self._shape: tuple[int, int, str] | None = None
        self._warned: tuple[int, int, str] | None = None
        self._matrix: Matrix | None = None
        self._upright: Upright | None = None

    def decode(self, packet: av.Packet[Any] | None) -> list[Frame]:
        """Frames that became ready; None drains. Raises DecodeError when too much is damaged."""
        bad = packet is not None and packet.is_corrupt
        try:
            decoded = self._context.decode(packet)
        except av.error.EOFError:
            decoded = []  # drained before
        except av.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            bad, decoded = True, []
            log.debug("%s at %.3f s: %s", self._mapped, float(self.last_s), error)
        if bad:
            self._count_error()
        return [self._frame(frame) for frame in decoded]

    def restart(self) -> None:
        """What follows does not continue what came before (-stream_loop)."""
        self._context.flush_buffers()
        self._cut, self._clean = True, False

    def check(self) -> None:
        """Raise DecodeError if more of the stream was damaged than is allowed."""
        rate = self.errors / max(1, self.errors + self.frames)
        if rate > self._spec.max_error_rate:
            raise DecodeError(
                f"{self._spec.url}: {self._mapped} at {float(self.last_s):.3f} s: {self.errors} packets are damaged "
                f"and {self.frames} frames were decoded; more than -max_error_rate "
                f"{self._spec.max_error_rate:.3g} allows"
            )

    def _count_error(self) -> None:
        if not self.errors:
            log.warning("%s: %s is damaged at %.3f s; going on", self._spec.url, self._mapped, float(self.last_s))
        self.errors += 1
        self._clean = False
        if self.errors >= _ENOUGH_ERRORS:
            self.check()

    def _frame(self, av_frame: av.VideoFrame) -> Frame:
        base = self._mapped.time_base
        av_frame.pts = self._clock.pts(av_frame.pts, av_frame.dts, av_frame.duration)
        av_frame.time_base = base  # PyAV leaves it out when it drains
        self.frames += 1
        self.last_s = av_frame.pts * base
        if av_frame.is_corrupt:
            self._clean = False
        elif av_frame.key_frame:
            self._clean = True
        shaped = self._to_first_shape(self._turn(av_frame))
        frame = picture.frame_from_av(shaped, base)
        cut, self._cut = self._cut, False
        return replace(frame, sample_aspect_ratio=self._aspect_now(), cut=cut, damaged=not self._clean)

    def _turn(self, frame: av.VideoFrame) -> av.VideoFrame:
        shape = (frame.width, frame.height, frame.format.name)
        if shape != self._shape or self._upright is not None:
            matrix = display_matrix(frame) if self._spec.autorotate else None
            if shape != self._shape or matrix != self._matrix:
                self._matrix = matrix
                self._upright = Upright(frame, matrix) if matrix and upright(matrix) else None
            self._shape = shape
        return frame if self._upright is None else self._upright.turn(frame)

    def _aspect_now(self) -> Fraction | None:
        turned = self._matrix is not None and any(name == "transpose" for name, _ in upright(self._matrix))
        return 1 / self._aspect if self._aspect and turned else self._aspect

    def _to_first_shape(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Scale to the size and format that the stream began with, as ffmpeg does."""
        shape = (frame.width, frame.height, frame.format.name)
        if self._first is None:
            self._first = shape
        if shape == self._first:
            return frame
        width, height, pix_fmt = self._first
        if shape != self._warned:
            self._warned = shape
            self._cut = True
            log.warning(
                "%s: the picture changes from %dx%d %s to %dx%d %s at %.3f s; it is scaled to its first shape",
                self._mapped, width, height, pix_fmt, *shape, float(self.last_s),
            )  # fmt: skip
        return convert.reformat(frame, pix_fmt, width, height, color=picture.color_of(frame))


def _decoder_of(stream: VideoStream, spec: InputSpec) -> VideoCodecContext:
    context = stream.codec_context
    if spec.video_codec is not None and spec.video_codec != context.codec.name:
        try:
            own = av.CodecContext.create(spec.video_codec, "r")
        except ValueError as error:
            raise UnknownName(f"-c:v {spec.video_codec} before -i {spec.url}: no decoder of that name") from error
        if not isinstance(own, VideoCodecContext):
            raise UnknownName(f"-c:v {spec.video_codec} before -i {spec.url}: not a video decoder")
        own.extradata = context.extradata
        own.width, own.height = context.width, context.height
        context = own
    # PyAV's default is slices only, which hardly any stream has.
    context.thread_type = "AUTO"
    context.thread_count = spec.thread_count
    context.options = dict(spec.options)
    return context


def _rate(stream: VideoStream) -> Fraction | None:
    """Average frames a second; what libav guesses from the timestamps where that is missing or absurd."""
    rates = [r for r in (stream.average_rate, stream.guessed_rate, stream.base_rate) if r and 0 < r <= 1000]
    if len(rates) > 1 and rates[0] == 2 * rates[1]:
        return rates[1]  # AVI and raw streams that count fields
    return rates[0] if rates else None
