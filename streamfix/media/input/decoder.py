"""Decodes one video stream into frames, and finds their times, the damaged ones and the cuts."""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ...errors import DecodeError, InputError, UnknownName, UsageError
from ...frame import Frame
from .. import pyav
from ..picture import planes as picture
from ..privacy.zones import Masks, Privacy
from ..specs import InputSpec
from ..streams import MappedStream
from .clock import Clock
from .codec_change import HEAD_BYTES, becomes, may_change, tail_of
from .coding import CodingReader
from .damage import Damage
from .h264_frame_num import FrameNumChecker
from .hardware import on_hardware, parameters_of
from .idle import settle
from .missing import MissingPictures
from .order import Order
from .shaping import Shape, Shaping

if TYPE_CHECKING:
    from ..privacy.burner import Burner

log = logging.getLogger("streamfix.media")

_ANOTHER_STREAM = 50  # errors in a row without a frame: the stream has become another
_MOST_PIXELS = 2**27  # of a picture; larger ones are made to exhaust memory, unless -max_pixels says otherwise
_END_IS_LOST = 50  # packets at a file's end that gave no frame
_ENOUGH_ERRORS = 100  # fewer are no rate: a stream that is joined between two keyframes begins with some


class VideoDecoder:
    """Decodes the packets of one stream.

    live: no frames are held back for threads, and a long run of errors without a frame raises DecodeError, however few
    they are among all packets.
    shape: (width, height, pixel format) that all frames are scaled to; None takes that of the first one.
    coding: frames say how they were coded, as far as the decoder knows; one that was scaled does not.
    masks: are burnt into each picture before anything else is done with it.
    Raises InputError for a picture of more than 2**27 pixels or what the option max_pixels says.

    errors: packets so far that were flagged corrupt or could not be decoded. frames: frames so far. missing: pictures
    so far that were in the stream and did not come out of the decoder.
    """

    def __init__(
        self,
        mapped: MappedStream,
        spec: InputSpec,
        *,
        live: bool = False,
        shape: Shape | None = None,
        coding: bool = False,
        masks: Masks | None = None,
    ) -> None:
        stream = mapped.stream
        assert isinstance(stream, VideoStream)
        self._mapped, self._spec = mapped, spec
        _check_size(stream, spec)
        self._coding = CodingReader(spec.options) if coding else None
        self._burner: Burner | None = None
        self._masks, self._privacy = masks or Masks(None), None if masks is None else masks.privacy
        if self._privacy is not None:
            self._burner = _burner(self._privacy)
        self._context = _decoder_of(stream, spec, live, self._coding)
        self.rate = _rate(stream)
        self._clock = Clock(mapped.time_base, self.rate)
        self._missing = MissingPictures(mapped.time_base, self.rate)
        self._codec = mapped.codec  # it may change within MPEG-TS
        self._previous: av.Packet[Any] | None = None
        self.frames = self.errors = 0
        self.last_s = Fraction(0)
        self._live = live
        self._in_vain = 0  # errors since the last frame
        self._told_missing = 0
        self._order = Order(self._longest_step(), active=mapped.codec == "hevc" and not live)
        self._may_change = may_change(mapped.stream.container.format.name) and spec.video_codec is None
        # In MPEG-TS a frame ends where the next one begins: libav may see the next one's damage and mark this one.
        self._damage = Damage(flags_lag=mapped.stream.container.format.name == "mpegts")
        live_h264 = live and mapped.codec == "h264"
        self._frame_nums = FrameNumChecker(self._context.extradata) if live_h264 else None
        self._cut = True
        self._sound_shape: Shape | None = None
        self._shaping = Shaping(mapped, shape, autorotate=spec.autorotate, coding=coding, burner=self._burner)

    def _cover(self) -> None:
        """Adopt other masks; filters forget what they saw without them."""
        self._privacy = self._masks.privacy
        if self._burner is not None:
            self._burner.close()
        self._burner = None if self._privacy is None else _burner(self._privacy)
        self._shaping.burner = self._burner
        self._cut = True

    def decode(self, packet: av.Packet[Any] | None, arrived_s: float | None = None) -> list[Frame]:
        """The frames that became ready; None drains the decoder. Raises DecodeError if too much is damaged.

        arrived_s: when the packet arrived, monotonic seconds; its frame has it as `received_s`.
        """
        bad = packet is not None and packet.is_corrupt
        if packet is not None and self._may_change:
            if (other := becomes(self._codec, bytes(memoryview(packet)[:HEAD_BYTES]))) is not None:
                return self._go_on_as(other, packet, arrived_s)
            self._previous = packet
        if packet is not None:
            if not packet.is_discard:  # else an edit list leaves its picture out
                self._missing.packet(packet.pts)
            self._damage.packet(packet.pts, arrived_s)
            if self._frame_nums is not None and self._frame_nums.gap_before(packet) and not packet.is_keyframe:
                bad = True
            if self._coding is not None:
                self._coding.packet(packet)
        try:
            decoded = self._context.decode(packet)
        except av.error.EOFError:
            decoded = []  # it was drained before
        except av.FFmpegError as error:
            if isinstance(error, MemoryError):
                raise
            bad, decoded = True, []
            log.debug("%s at %.3f s: %s", self._mapped, float(self.last_s), error)
        if bad:
            self._count_error(flagged=packet is not None and packet.is_corrupt)
        ordered = self._order.push(decoded) if packet is not None else self._order.flush(decoded)
        return [ours for frame in ordered if (ours := self._frame(frame)) is not None]

    @property
    def missing(self) -> int:
        """Pictures that were in the stream and did not come out of the decoder."""
        return self._missing.missing + self._missing.at_start

    def _go_on_as(self, codec: str, packet: av.Packet[Any], arrived_s: float | None) -> list[Frame]:
        """Go on with a decoder of another codec, from the first picture of that codec on."""
        before = self._previous
        frames = self.decode(None)
        log.warning(
            "%s: %s changes from %s to %s at %.3f s; it is decoded as that from there on",
            *(self._spec.shown, self._mapped, self._codec, codec, float(self.last_s)),
        )
        first = b"" if before is None else tail_of(codec, bytes(before))
        self._context = _prepared(_created(codec), self._spec, self._live, self._coding)
        self._codec, self._previous, self._frame_nums = codec, None, None
        self._damage.restart()
        self._missing.restart()
        self._cut = True
        if first:
            frames += self.decode(_untimed(first, packet), arrived_s)
        return frames + self.decode(packet, arrived_s)

    def restart(self) -> None:
        """Forget what came before: the next packet does not continue it (-stream_loop)."""
        self._tell_missing()
        self._missing.restart()
        self._order.restart()
        self._context.flush_buffers()
        self._damage.restart()
        if self._frame_nums is not None:
            self._frame_nums.restart()
        if self._coding is not None:
            self._coding.restart()
        self._cut = True

    def close(self) -> None:
        """Let go of the decoder, which may still be at work."""
        settle(self._context)
        if self._burner is not None:
            self._burner.close()

    def check(self) -> None:
        """Raise DecodeError if more of the stream was damaged than is allowed, or its end gave no picture at all."""
        self._check_rate()
        self._tell_missing()
        lost = self._missing.at_end
        if lost >= _END_IS_LOST and not self._live:
            raise DecodeError(
                f"{self._spec.shown}: {self._mapped}: none of the {lost} packets after {float(self.last_s):.3f} s gave "
                "a picture; the stream may have become one of another codec there: cut the file and restore its parts"
            )

    def _tell_missing(self) -> None:
        """Tell how many pictures are missing, since the last time."""
        count = self._missing.missing - self._told_missing
        self._told_missing = self._missing.missing
        if count:
            log.warning(
                "%s: %s: %d pictures are missing: they are damaged or lost in the input, and the picture before each "
                "stands longer", self._spec.shown, self._mapped, count,
            )  # fmt: skip

    def _tell_start(self, count: int) -> None:
        """Tell how many packets gave no picture because the stream begins between two keyframes."""
        if self._spec.start_s is None:
            log.log(
                logging.INFO if self._live else logging.WARNING,
                "%s: %s begins between two keyframes; its first %d packets give no picture and are left out",
                *(self._spec.shown, self._mapped, count),
            )

    def _check_rate(self) -> None:
        rate = self.errors / max(1, self.errors + self.frames)
        if rate > self._spec.max_error_rate:
            raise DecodeError(
                f"{self._spec.shown}: {self._mapped} at {float(self.last_s):.3f} s: {self.errors} packets are damaged "
                f"and {self.frames} frames were decoded; more than -max_error_rate "
                f"{self._spec.max_error_rate:.3g} allows"
            )

    def _count_error(self, *, flagged: bool) -> None:
        if not self.errors:
            log.warning(
                "%s: %s is damaged at %.3f s; decoding goes on", self._spec.shown, self._mapped, float(self.last_s)
            )
        self.errors += 1
        self._in_vain += 1
        self._missing.damage()
        self._damage.packet_is_bad(flagged=flagged)
        if self._live and self.frames and self._in_vain >= _ANOTHER_STREAM:
            raise DecodeError(
                f"{self._spec.shown}: {self._mapped}: {self._in_vain} damaged packets and no frame since "
                f"{float(self.last_s):.3f} s; it may have become a stream of another codec"
            )
        if self.errors >= _ENOUGH_ERRORS:
            self._check_rate()

    def _longest_step(self) -> int | None:
        """The longest usual step between two pictures, in units of the stream's time base."""
        return None if self.rate is None else round(Fraction(3, 2) / self.rate / self._mapped.time_base)

    def _frame(self, av_frame: av.VideoFrame) -> Frame | None:
        """The decoded frame as a Frame; None if it only looks like one."""
        base = self._mapped.time_base
        damaged, arrived_s = self._damage.frame(av_frame.pts, key=av_frame.key_frame, corrupt=av_frame.is_corrupt)
        shape = (av_frame.width, av_frame.height, av_frame.format.name)
        if not damaged:
            self._sound_shape = shape
        elif self._live and self._sound_shape not in (None, shape):
            return None  # data of another codec, in which the decoder took something for a header
        self._in_vain = 0
        begins = not self.frames
        if (count := self._missing.picture(av_frame.pts, damaged=damaged)) and begins:
            self._tell_start(count)
        av_frame.pts = self._clock.pts(av_frame.pts, av_frame.dts, pyav.duration_of(av_frame))
        av_frame.time_base = base  # PyAV leaves it out when it drains
        self.frames += 1
        self.last_s = av_frame.pts * base
        if self._masks.privacy is not self._privacy:
            self._cover()
        coding, own = (None, av_frame) if self._coding is None else self._coding.take(av_frame)
        shaped, coding = self._shaping.shape(own, coding, float(self.last_s))
        frame = picture.frame_from_av(shaped, base, (self._context.color_primaries, self._context.color_trc))
        cut, self._cut = self._cut or self._shaping.changed, False
        return replace(
            frame,
            sample_aspect_ratio=self._shaping.aspect,
            cut=cut,
            damaged=damaged,
            received_s=arrived_s,
            coding=coding,
        )


def _burner(privacy: Privacy) -> Burner:
    from ..privacy.burner import Burner  # it needs NumPy, which a job without filters starts sooner without

    return Burner(privacy)


def _decoder_of(stream: VideoStream, spec: InputSpec, live: bool, coding: CodingReader | None) -> VideoCodecContext:
    context = stream.codec_context
    if spec.video_codec is not None and spec.video_codec != context.codec.name:
        try:
            own = _created(spec.video_codec)
        except ValueError as error:
            raise UnknownName(f"-c:v {spec.video_codec} before -i {spec.shown}: no decoder of that name") from error
        if not isinstance(own, VideoCodecContext):
            raise UnknownName(f"-c:v {spec.video_codec} before -i {spec.shown}: not a video decoder")
        context = parameters_of(context, own)
    return _prepared(on_hardware(context, spec), spec, live, coding)


def _check_size(stream: VideoStream, spec: InputSpec) -> None:
    """Raise InputError if the pictures are larger than is allowed; UsageError if the limit is no number."""
    said = spec.options.get("max_pixels", str(_MOST_PIXELS))
    if not said.isdigit():
        raise UsageError(f"-max_pixels {said} before -i {spec.shown}: it takes a number of pixels")
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > int(said):
        raise InputError(
            f"{spec.shown}: the picture is {width}x{height}, more than {said} pixels; if you trust the input, allow it "
            f"with -max_pixels {width * height} before -i"
        )


def _created(codec: str) -> Any:  # a VideoCodecContext if it is a video codec; the stub cannot tell from a name
    return av.CodecContext.create(codec, "r")


def _prepared(
    context: VideoCodecContext, spec: InputSpec, live: bool, coding: CodingReader | None
) -> VideoCodecContext:
    # PyAV's default is slice threads, which hardly any stream can use; frame threads delay a frame by their number.
    context.thread_type = "SLICE" if live else "AUTO"
    context.thread_count = spec.thread_count
    context.options = {"max_pixels": str(_MOST_PIXELS), **spec.options}
    if coding is not None:
        context.options = coding.prepare(context, context.options)
    if context.codec.canonical_name == "hevc":
        # Else libavcodec leaves out, without a word, each picture whose references are missing; so it conceals and
        # marks them. H.264 does that anyway, and would begin with pictures from nothing.
        context.flags |= Flags.output_corrupt
    return context


def _untimed(data: bytes, like: av.Packet[Any]) -> av.Packet[Any]:
    """A packet without times, which are then counted on from those before it."""
    packet: av.Packet[Any] = av.Packet(data)
    packet.stream, packet.time_base = like.stream, like.time_base
    return packet


def _rate(stream: VideoStream) -> Fraction | None:
    """Average frames a second, or libav's guess from the timestamps if that is missing or absurd; None if both are."""
    rates = [r for r in (stream.average_rate, stream.guessed_rate, stream.base_rate) if r and 0 < r <= 1000]
    if len(rates) > 1 and rates[0] == 2 * rates[1]:
        return rates[1]  # of AVI and raw streams that count fields
    return rates[0] if rates else None
