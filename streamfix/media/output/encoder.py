"""The video encoder: how it is set up for the output, and frames in, packets out."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from typing import Any, Protocol

import av
import av.error
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ...errors import StreamfixError, UsageError
from ...frame import Frame
from .. import pyav
from ..libav_errors import libav_explains, message_of
from ..picture import convert
from ..picture import planes as picture
from ..picture.autorotate import display_matrix
from ..picture.hdr import hdr_options
from ..picture.siting import chroma_location
from ..streams import MappedStream
from .container_support import held
from .gaps import longest_step, states_short_steps, steps
from .lost_side_data import LostSideData, keeping_options
from .muxer_options import MOV_LIKE
from .negotiate import (
    DEFAULT_RATE,
    counts_frames,
    negotiate_pix_fmt,
    negotiate_time_base,
    warn_lost_aspect,
    warn_unseen,
)
from .options import check_known, default_option, find_encoder
from .rate import OutputTimestamps
from .target import Target
from .ungated import draft_stream

log = logging.getLogger("streamfix.media")

_CODES_FIELDS = {"libx264", "mpeg2video", "mpeg4", "prores_ks"}
_FRAMES_ONLY = {"hevc", "vvc", "vp8", "vp9", "av1"}  # or only as a sequence of fields, which is not what we have
_NOTHING_BUT_PICTURES = {"rawvideo", "yuv4mpegpipe", "null"}
_UNORDERED = 2  # so few frames come out in the order they went in, even with B-frames
_FULL_RANGE_ONLY = {"mjpeg", "ljpeg"}
_QUALITY_OF_FRAMES = {"mpeg1video", "mpeg2video", "mpeg4", "mjpeg", "h263", "h263p", "flv", "msmpeg4", "msmpeg4v2"}


class Container(Protocol):
    """What an encoder has to know of the container that its packets go to; a `Muxer` is one.

    target: for messages. format: the container's name. container: libav's, to which nothing was written yet.
    """

    @property
    def target(self) -> Target: ...

    @property
    def format(self) -> str: ...

    @property
    def container(self) -> OutputContainer: ...


class VideoEncoder:
    """Encodes the restored video.

    first: the first frame, from which the stream gets its size, pixel format and colour.
    rate: frames a second, a hint unless `constant`.
    autorotated: the reader has turned the frames as their display matrix says; else the matrix is written.
    last_pts: of the frame that was encoded last, in units of time_base.
    Raises UsageError if the encoder does not take these settings.
    """

    def __init__(
        self,
        muxer: Container,
        codec: str,
        first: Frame,
        *,
        rate: Fraction | None,
        constant: bool,
        pix_fmt: str | None,
        options: Mapping[str, str],
        source: MappedStream,
        autorotated: bool,
    ) -> None:
        self._codec = find_encoder(codec, "video", f"-c:v of {muxer.target.shown}")
        self._shown = muxer.target.shown
        given = dict(options)
        quality = given.pop("q", given.pop("qscale", None))
        check_known(given, self._codec.name)
        rate = rate or DEFAULT_RATE
        self.time_base = first.time_base
        if not constant:
            self.time_base = negotiate_time_base(self._codec, first, muxer.format, rate, source, self._shown)
        self._short_steps = states_short_steps(muxer.format)
        self._shown_now: av.VideoFrame | None = None  # the last picture, to be repeated in a gap
        self._timestamps = OutputTimestamps(self.time_base, self._shown, counts=counts_frames(muxer.format))
        frame = picture.to_av(first)
        self.pix_fmt = negotiate_pix_fmt(self._codec, frame.format.name, pix_fmt, muxer.format, self._shown)
        self.last_pts = self._frames = 0
        self._size: tuple[int, int] | None = None
        self._full_range = True if self._codec.name in _FULL_RANGE_ONLY else None
        shaped = self._convert(frame, first)
        given = {**keeping_options(self._codec.name, frame), **_siting(first, shaped), **given}
        self._lost = (
            None if muxer.format in _NOTHING_BUT_PICTURES else LostSideData(self._codec.name, given, self._shown)
        )
        self._draft = self._add(muxer, first, shaped, rate, given, quality)
        self._draft.metadata.update(_kept_tags(source.metadata))
        pyav.set_disposition(self._draft, source.disposition)
        self._size = (shaped.width, shaped.height)
        warn_unseen(first, frame, source, self._shown)
        warn_lost_aspect(self._codec, first.sample_aspect_ratio, muxer.format, self._shown)
        self._keep_rotation(frame, muxer.format, autorotated)
        self._set_field_order(first, source, given)
        self._open(given)
        self.stream = held(muxer.container, muxer.format, self._draft, self._shown)

    @property
    def context(self) -> VideoCodecContext:
        """The open encoder."""
        return self._draft.codec_context

    def encode(self, frame: Frame) -> list[av.Packet[Any]]:
        """The packets that became ready. In a gap that the container cannot state the last picture is repeated."""
        last, pts = self.last_pts, self._timestamps.pts(frame)
        repeated = self._repeated(last, pts, frame) if self._shown_now is not None else []
        self.last_pts = pts
        self._frames += 1
        made = picture.to_av(frame)
        if self._lost is not None:
            self._lost.check(made, frame.time_s)
        out = self._convert(made, frame)
        out.pict_type = 0  # else the encoder would repeat the source's choice of frame types
        out.pts, out.time_base = pts, self.time_base
        pyav.set_duration(out, round(frame.duration * frame.time_base / self.time_base))
        packets = [*repeated, *self._encode(out, frame)]
        if self._short_steps:
            self._shown_now = out
        return packets

    def _repeated(self, last: int, pts: int, frame: Frame) -> list[av.Packet[Any]]:
        """The packets of repetitions of the last picture between two times, none if they are near each other."""
        again = self._shown_now
        between = steps(last, pts, longest_step(self.stream, self.time_base))
        if again is None or not between:
            return []
        log.warning(
            "%s: no picture for %.0f s before %.3f s, longer than the container can state; the last one is repeated "
            "%d times", self._shown, float((pts - last) * self.time_base), frame.time_s, len(between),
        )  # fmt: skip
        packets = []
        for at in between:
            again.pts = at
            pyav.set_duration(again, 0)
            packets += self._encode(again, frame)
        return packets

    def _encode(self, out: av.VideoFrame, frame: Frame) -> list[av.Packet[Any]]:
        try:
            return list(self._draft.encode(out))
        except (av.FFmpegError, ValueError) as error:
            raise StreamfixError(
                f"{self._shown}: {self._codec.name} failed at {frame.time_s:.3f} s: {message_of(error)}"
            ) from error

    def flush(self) -> list[av.Packet[Any]]:
        """The packets that are left."""
        try:
            packets: list[av.Packet[Any]] = list(self._draft.encode(None))
        except av.error.EOFError:
            return []
        if self._codec.name == "libx265" and self._frames <= _UNORDERED:
            for packet in packets:  # x265 sets dts from the third frame on; before, they are whatever was in memory
                packet.dts = packet.pts
        return packets

    def _convert(self, frame: av.VideoFrame, ours: Frame) -> av.VideoFrame:
        color = ours.color
        width, height = self._size or (frame.width, frame.height)
        if self._full_range and frame.format.name == self.pix_fmt and not color.is_full():
            # To a format of another name: swscale does not convert between two of the same name.
            planar = picture.planar_format(self.pix_fmt).name
            twin = planar.replace("yuv", "yuvj") if planar == self.pix_fmt else planar
            return convert.reformat(frame, twin, width, height, color=color, full_range=True)
        return convert.reformat(frame, self.pix_fmt, width, height, color=color, full_range=self._full_range)

    def _add(
        self,
        muxer: Container,
        first: Frame,
        frame: av.VideoFrame,
        rate: Fraction,
        options: dict[str, str],
        quality: str | None,
    ) -> VideoStream:
        stream = draft_stream(muxer.container, self._codec.name, rate)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
        context.time_base = stream.time_base = self.time_base
        context.sample_aspect_ratio = first.sample_aspect_ratio or Fraction(0, 1)
        told = first.color.primaries, first.color.transfer
        context.color_primaries, context.color_trc = pyav.primaries_and_transfer(frame, told)
        context.colorspace, context.color_range = int(frame.colorspace), int(frame.color_range)
        # PyAV's own settings suit no encoder: slice threads (of x264: sliced threads) and a bit rate.
        # With frame threads x264 holds back a frame for each, even with tune zerolatency.
        context.thread_type = "SLICE" if "zerolatency" in options.get("tune", "") else "AUTO"
        context.bit_rate = int(default_option(self._codec.name, "b") or 0)
        context.bit_rate_tolerance = int(default_option(self._codec.name, "bt") or 4_000_000)
        context.flags |= Flags.frame_duration
        if quality is not None:
            context.qscale = True
            options = {"global_quality": str(round(float(quality))), **options}
            if self._codec.name in _QUALITY_OF_FRAMES:
                # These take the quality from each frame, where PyAV cannot set it; a range of one value does the same.
                options = {"qmin": quality, "qmax": quality, **options}
        context.options = {**options, **hdr_options(self._codec.name, frame, options)}
        if self._codec.name == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "2")  # warnings only: it writes to stderr itself, past libav's log level
        if self._codec.name == "libx265" and "log-level" not in context.options.get("x265-params", ""):
            # It writes to stderr itself, past libav's log level.
            said = context.options.get("x265-params")
            context.options["x265-params"] = f"{said}:log-level=warning" if said else "log-level=warning"
        return stream

    def _keep_rotation(self, frame: av.VideoFrame, format: str, autorotated: bool) -> None:
        matrix = None if autorotated else display_matrix(frame)
        if matrix is None:
            return
        if format not in MOV_LIKE | {"matroska", "webm"}:
            log.warning("%s: %s keeps no rotation; leave out -noautorotate, or use .mkv", self._shown, format)
        if not pyav.set_display_matrix(self._draft, matrix):
            log.warning(
                "%s: this version of PyAV (%s) cannot write the rotation; leave out -noautorotate, or update av",
                *(self._shown, av.__version__),
            )

    def _set_field_order(self, first: Frame, source: MappedStream, options: Mapping[str, str]) -> None:
        """Encode interlaced frames as such: the container's mark is not enough, as decoders believe the video's own.

        ffmpeg sets only the container's: MP4 then reads as progressive, and players show combs.
        """
        origin = first.origin
        if not (isinstance(origin, av.VideoFrame) and origin.interlaced_frame and first.height == origin.height):
            return
        decoder: Any = source.stream.codec_context
        context = self._draft.codec_context
        if hasattr(context, "field_order"):  # PyAV has it from 18.1 on
            context.field_order = decoder.field_order
        frames_only = self._codec.canonical_name in _FRAMES_ONLY
        if self._codec.name in _CODES_FIELDS and options.get("profile") != "baseline":
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        elif frames_only or self._codec.name in _CODES_FIELDS:
            log.warning(
                "%s: %s encodes the interlaced video as progressive, and players show both fields at once; "
                "begin -vf with bwdif, or take -c:v libx264%s",
                *(self._shown, self._codec.name, "" if frames_only else " without -profile baseline"),
            )

    def _open(self, options: Mapping[str, str]) -> None:
        context = self._draft.codec_context
        try:
            with libav_explains():
                context.open()
        except (av.FFmpegError, ValueError) as error:
            said = " ".join(f"-{k} {v}" for k, v in options.items())
            raise UsageError(
                f"{self._shown}: {self._codec.name} does not open for {context.width}x{context.height} "
                f"{context.pix_fmt}{' with ' + said if said else ''}: {message_of(error)}{_even(context)}"
            ) from error


def _siting(first: Frame, shaped: av.VideoFrame) -> dict[str, str]:
    """The encoder's option for where chroma lies, as the input says it; empty if both are not 4:2:0."""
    origin = first.origin
    if not isinstance(origin, av.VideoFrame) or not (_is_420(origin) and _is_420(shaped)):
        return {}
    location = chroma_location(origin)
    return {} if location is None else {"chroma_sample_location": location}


def _is_420(frame: av.VideoFrame) -> bool:
    format = picture.planar_format(frame.format.name)
    return format.kind == "yuv" and (format.log2_w, format.log2_h) == (1, 1)


def _even(context: VideoCodecContext) -> str:
    """The remedy for an odd size with subsampled chroma, which most encoders refuse; "" for other sizes."""
    format = context.format
    halved = (1, 1) if format is None else (2 // format.chroma_width(2), 2 // format.chroma_height(2))
    if context.width % halved[0] == context.height % halved[1] == 0:
        return ""
    return "; for an odd size end -vf with crop=trunc(iw/2)*2:trunc(ih/2)*2, or take -pix_fmt yuv444p"


def _kept_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """A stream's tags without those that describe the old encoding, and alpha_mode, which the muxer sets."""
    gone = {"encoder", "alpha_mode", "duration", "bps", "number_of_frames", "number_of_bytes"}
    return {k: v for k, v in metadata.items() if k.lower() not in gone and not k.startswith("_STATISTICS")}


# x264's macroblock tree for AVX-512 (mbtree_propagate_list, seen in build 165) takes eight macroblocks at a time. If a
# line of them is not a multiple of eight, it reads past the line's end and adds up whatever memory held: the same
# pictures then give other bytes from run to run. Its routines for AVX2 stop at the line's end.
_AVX_512F = 13  # cv::CpuFeatures::CPU_AVX_512F: OpenCV's Python module has no name for it


@cache
def repeatable_x264_params() -> str:
    """x264-params with which x264 gives the same bytes for the same pictures every time, if it also has one thread."""
    import cv2  # not above: it takes longer to import than everything else here

    return "asm=AVX2" if cv2.checkHardwareSupport(_AVX_512F) else "threads=1"
