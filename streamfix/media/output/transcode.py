"""Transcodes the streams beside the restored video: audio and text subtitles, decoded and encoded anew."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, cast

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec.codec import Codec
from av.stream import Disposition
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream

from ...errors import UsageError
from ..libav_errors import libav_explains, message_of
from ..streams import MappedStream
from .muxer import Muxer
from .options import check_known, default_option, find_encoder

log = logging.getLogger("streamfix.media")


class AudioTranscode:
    """Decodes, resamples and encodes one audio stream."""

    def __init__(self, muxer: Muxer, mapped: MappedStream, encoder: str, options: Mapping[str, str]) -> None:
        self._muxer, self._mapped = muxer, mapped
        codec = find_encoder(encoder, "audio", f"-c:a of {muxer.target.shown}")
        given = dict(options)
        rate, channels = given.pop("ar", None), given.pop("ac", None)
        check_known(given, codec.name)
        decoder = mapped.stream.codec_context
        if not isinstance(decoder, AudioCodecContext):
            raise UsageError(f"{muxer.target.shown}: {mapped}: libav has no decoder for it; use -c:a copy or -an")
        self._decoder: AudioCodecContext = decoder
        wanted_rate = int(rate) if rate else decoder.sample_rate
        rates = codec.audio_rates
        self.stream: Any = muxer.container.add_stream(  # an AudioStream; the stub cannot tell from a name
            codec.name, rate=min(rates, key=lambda r: (abs(r - wanted_rate), -r)) if rates else wanted_rate
        )
        context: Any = self.stream.codec_context
        layout = decoder.layout
        unnamed = layout.name.endswith("channels")  # PCM says how many there are, not where they are
        context.layout = _layout(int(channels or layout.nb_channels)) if channels or unnamed else layout
        formats = [f.name for f in codec.audio_formats or ()]
        context.format = decoder.format.name if decoder.format.name in formats or not formats else formats[0]
        context.time_base = Fraction(1, context.sample_rate)
        context.bit_rate = int(default_option(codec.name, "b") or 0)
        context.options = given
        self.stream.metadata.update({k: v for k, v in mapped.metadata.items() if k.lower() != "encoder"})
        self.stream.disposition = Disposition(mapped.disposition)
        _open(context, f"{muxer.target.shown}: {mapped}")

    def push(self, packet: av.Packet[Any]) -> None:
        """Transcode a packet and write what became ready. One that cannot be decoded is left out with a warning."""
        try:
            frames = self._decoder.decode(packet)
        except av.error.InvalidDataError as error:
            log.warning("%s: a packet cannot be decoded: %s", self._mapped, message_of(error))
            return
        for frame in frames:
            self._encode(frame)

    def flush(self) -> None:
        """Write what decoder and encoder still hold."""
        for frame in self._decoder.decode(None):
            self._encode(frame)
        self._encode(None)

    def _encode(self, frame: AudioFrame | None) -> None:
        if frame is not None and frame.time_base is None:
            frame.time_base = self._mapped.time_base
        for packet in self.stream.encode(frame):
            self._muxer.mux(packet, self.stream)


class SubtitleTranscode:
    """Decodes and encodes one stream of text subtitles."""

    def __init__(self, muxer: Muxer, mapped: MappedStream, encoder: str, options: Mapping[str, str]) -> None:
        self._muxer, self._mapped = muxer, mapped
        codec = find_encoder(encoder, "subtitle", f"-c:s of {muxer.target.shown}")
        check_known(options, codec.name)
        decoder = mapped.stream.codec_context
        if not isinstance(decoder, SubtitleCodecContext) or Codec(mapped.codec, "r").bitmap_sub != codec.bitmap_sub:
            raise UsageError(
                f"{muxer.target.shown}: {mapped}: pictures cannot become text, nor text pictures; use -c:s copy or -sn"
            )
        self._decoder = decoder
        decoder.open(strict=False)
        self.stream = cast(SubtitleStream, muxer.container.add_stream(codec.name))
        self._encoder = self.stream.codec_context
        self._encoder.subtitle_header = decoder.subtitle_header or b"[Script Info]\n"
        self._encoder.time_base = mapped.time_base
        self.stream.time_base = mapped.time_base
        self._encoder.options = dict(options)
        self.stream.metadata.update({k: v for k, v in mapped.metadata.items() if k.lower() != "encoder"})
        self.stream.disposition = Disposition(mapped.disposition)
        _open(self._encoder, f"{muxer.target.shown}: {mapped}")

    def push(self, packet: av.Packet[Any]) -> None:
        """Transcode a packet and write it. One that cannot be converted is left out with a warning."""
        try:
            subtitle = self._decoder.decode2(packet)
            if subtitle is None or packet.pts is None:
                return
            out = self._encoder.encode_subtitle(subtitle)
        except (av.FFmpegError, ValueError) as error:
            log.warning("%s: a subtitle cannot be converted: %s", self._mapped, message_of(error))
            return
        out.time_base = packet.time_base
        out.pts = out.dts = packet.pts
        out.duration = packet.duration
        self._muxer.mux(out, self.stream)

    def flush(self) -> None:
        """Nothing is held back."""


def _layout(channels: int) -> str:
    names = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
    if channels not in names:
        raise UsageError(f"-ac {channels}: it takes 1 to 8 channels")
    return names[channels]


def _open(context: Any, place: str) -> None:
    try:
        with libav_explains():
            context.open()
    except (av.FFmpegError, ValueError) as error:
        raise UsageError(f"{place}: the encoder {context.codec.name} does not open: {message_of(error)}") from error
