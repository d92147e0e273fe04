"""Transcodes the streams beside the restored video: audio and text subtitles, decoded and encoded anew."""

from __future__ import annotations

import logging
import struct
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

_MICROSECOND = Fraction(1, 1_000_000)
_EMPTY = b"\0\0"  # a sample of mov_text: a text of no bytes
_LONGEST_SAMPLE_S = 1000  # MP4 counts a sample's duration in 32 bits


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
    """Decodes and encodes one stream of text subtitles. Every cue begins at its own time.

    mov_text shows one sample at a time, each until the next begins. A cue is therefore held until the next one is
    known: cues that begin together become one sample, and a cue that another one overlaps ends early, as in ffmpeg.
    A warning tells it. An empty sample ends a cue that nothing follows at once.

    libavformat's MP4 muxer would write empty samples by itself, but compares the time of a subtitle with that of
    another stream's packet in different units: in milliseconds it ends each cue at once, and moves one that begins
    before that end behind it. In microseconds it leaves them to us.
    """

    def __init__(self, muxer: Muxer, mapped: MappedStream, encoder: str, options: Mapping[str, str]) -> None:
        self._muxer, self._mapped = muxer, mapped
        codec = find_encoder(encoder, "subtitle", f"-c:s of {muxer.target.shown}")
        check_known(options, codec.name)
        decoder = mapped.stream.codec_context
        if not isinstance(decoder, SubtitleCodecContext) or Codec(mapped.codec, "r").bitmap_sub != codec.bitmap_sub:
            raise UsageError(
                f"{muxer.target.shown}: {mapped}: pictures cannot become text, nor text pictures; use -c:s copy or -sn"
            )
        self._one_at_a_time = codec.name == "mov_text"
        self._held: av.Packet[Any] | None = None
        self._clipped = 0
        self._decoder = decoder
        decoder.open(strict=False)
        self.stream = cast(SubtitleStream, muxer.container.add_stream(codec.name))
        self._encoder = self.stream.codec_context
        self._encoder.subtitle_header = decoder.subtitle_header or b"[Script Info]\n"
        self._encoder.time_base = mapped.time_base
        self.stream.time_base = _MICROSECOND if self._one_at_a_time else mapped.time_base
        self._encoder.options = dict(options)
        self.stream.metadata.update({k: v for k, v in mapped.metadata.items() if k.lower() != "encoder"})
        self.stream.disposition = Disposition(mapped.disposition)
        _open(self._encoder, f"{muxer.target.shown}: {mapped}")

    def push(self, packet: av.Packet[Any]) -> None:
        """Transcode a packet and write what is known. One that cannot be converted is left out with a warning."""
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
        if self._one_at_a_time:
            self._hold(out)
        else:
            self._muxer.mux(out, self.stream)

    def flush(self) -> None:
        """Write the cue that is held, and say how many ended early."""
        if self._held is not None:
            self._write(self._held, None)
            self._held = None
        if self._clipped > 1:
            log.warning("%s: %d cues end early, because others begin before their end", self._mapped, self._clipped)

    def _hold(self, cue: av.Packet[Any]) -> None:
        before, self._held = self._held, cue
        if before is None:
            return
        assert before.pts is not None
        assert cue.pts is not None
        if cue.pts <= before.pts:
            self._held = joined(before, cue)
            return
        if before.pts + (before.duration or 0) > cue.pts:
            if not self._clipped:
                log.warning(
                    "%s: mov_text shows one cue at a time: the one at %.3f s ends where the next begins, at %.3f s; "
                    "-c:s srt in .mkv keeps both",
                    *(self._mapped, float(before.pts * before.time_base), float(cue.pts * cue.time_base)),
                )
            self._clipped += 1
            before.duration = cue.pts - before.pts
        self._write(before, cue.pts)

    def _write(self, cue: av.Packet[Any], next_pts: int | None) -> None:
        """Write a cue, and empty samples up to the next one; None if there is none."""
        assert cue.pts is not None
        lasts, unit = cue.duration or 0, cue.time_base
        at, ends = cue.pts + lasts, lasts > 0
        self._muxer.mux(cue, self.stream)
        longest = int(_LONGEST_SAMPLE_S / unit)
        while ends and (next_pts is None or at < next_pts):
            empty: av.Packet[Any] = av.Packet(_EMPTY)
            empty.time_base, empty.pts, empty.dts = unit, at, at
            gap = 0 if next_pts is None else min(longest, next_pts - at)
            empty.duration = gap
            at += gap
            self._muxer.mux(empty, self.stream)
            ends = next_pts is not None


def joined(first: av.Packet[Any], second: av.Packet[Any]) -> av.Packet[Any]:
    """Two samples of mov_text as one, at the time of the first, for as long as the longer: a line each.

    3GPP TS 26.245, section 5.17: the length of the text, the text, and boxes, of which "styl" counts in characters.
    """
    texts: list[bytes] = []
    styles: list[bytes] = []
    others = b""
    start = 0
    for data in (bytes(first), bytes(second)):
        length = int.from_bytes(data[:2], "big")
        text, rest = data[2 : 2 + length], data[2 + length :]
        while len(rest) >= 8:
            size = int.from_bytes(rest[:4], "big")
            if not 8 <= size <= len(rest):
                break
            if rest[4:8] == b"styl":
                records = (rest[i : i + 12] for i in range(10, size - 11, 12))
                styles += [
                    struct.pack(">2H", *(start + at for at in struct.unpack(">2H", record[:4]))) + record[4:]
                    for record in records
                ]
            elif not texts:  # of other boxes there is one each, for the whole sample
                others += rest[:size]
            rest = rest[size:]
        texts.append(text)
        start += len(text.decode("utf-8", "replace")) + 1
    text = b"\n".join(texts)
    styl = struct.pack(">I4sH", 10 + 12 * len(styles), b"styl", len(styles)) + b"".join(styles) if styles else b""
    out: av.Packet[Any] = av.Packet(struct.pack(">H", len(text)) + text + styl + others)
    out.time_base, out.pts, out.dts = first.time_base, first.pts, first.pts
    out.duration = max(first.duration or 0, second.duration or 0)
    return out


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
