"""Transcodes the streams beside the restored video: audio and text subtitles, decoded and encoded anew."""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.codec.codec import Codec
from av.subtitles.codeccontext import SubtitleCodecContext

from ...errors import UsageError
from .. import pyav
from ..libav_errors import libav_explains, message_of
from ..streams import MappedStream
from ..timestamps import time_of
from .container_support import held
from .losses import Losses
from .muxer import Muxer
from .options import check_known, default_option, find_encoder
from .ungated import draft_stream

log = logging.getLogger("streamfix.media")

_MICROSECOND = Fraction(1, 1_000_000)
_EMPTY = b"\0\0"  # a sample of mov_text: a text of no bytes
_LONGEST_SAMPLE_S = 1000  # MP4 counts a sample's duration in 32 bits
# Damaged data make PyAV raise nearly anything: libav's codes come as OSError and its kin (-1 is a PermissionError).
_PACKET_ERRORS = (av.FFmpegError, OSError, ValueError, TypeError, LookupError, ArithmeticError)
_UNKNOWN_RATE = 48000
# Sound whose times differ from what its samples add up to by less is taken as continuous: containers round times.
_TOLERANCE_S = Fraction(1, 10)
_OVERLAP_S = Fraction(1)  # sound that comes twice is shorter; a greater step back is a clock that was set


class AudioTranscode:
    """Decodes, resamples and encodes one audio stream.

    Rate, channels and sample format may change midway; the encoder's stay. A packet that cannot be decoded is left out
    and counted; the sound after it keeps its time.
    """

    def __init__(self, muxer: Muxer, mapped: MappedStream, encoder: str, options: Mapping[str, str]) -> None:
        self._muxer, self._mapped = muxer, mapped
        self.losses = Losses(mapped, live=muxer.live)
        codec = find_encoder(encoder, "audio", f"-c:a of {muxer.target.shown}")
        given = dict(options)
        rate, channels = given.pop("ar", None), given.pop("ac", None)
        check_known(given, codec.name)
        decoder = mapped.stream.codec_context
        if not isinstance(decoder, AudioCodecContext):
            raise UsageError(f"{muxer.target.shown}: {mapped}: libav has no decoder for it; use -c:a copy or -an")
        self._decoder: AudioCodecContext = decoder
        wanted_rate = int(rate) if rate else decoder.sample_rate or _UNKNOWN_RATE
        rates = codec.audio_rates
        self._rate = min(rates, key=lambda r: (abs(r - wanted_rate), -r)) if rates else wanted_rate
        self._draft: Any = draft_stream(muxer.container, codec.name, self._rate)
        context: Any = self._draft.codec_context
        layout = decoder.layout
        named = layout.nb_channels and not layout.name.endswith("channels")  # PCM may say only how many there are
        context.layout = layout if named and not channels else _layout(int(channels or layout.nb_channels or 2))
        formats = [f.name for f in codec.audio_formats or ()]
        said: Any = decoder.format  # None for a stream without its configuration, which the stub leaves out
        decoded = None if said is None else said.name
        context.format = decoded if decoded is not None and (decoded in formats or not formats) else formats[0]
        context.time_base = Fraction(1, context.sample_rate)
        context.bit_rate = int(default_option(codec.name, "b") or 0)
        context.options = given
        self._draft.metadata.update({k: v for k, v in mapped.metadata.items() if k.lower() != "encoder"})
        pyav.set_disposition(self._draft, mapped.disposition)
        _open(context, f"{muxer.target.shown}: {mapped}")
        self.stream = held(muxer.container, muxer.format, self._draft, muxer.target.shown)
        self._context = context
        self._resampler: AudioResampler | None = None
        self._shape: tuple[Any, ...] = ()  # of the frames that the resampler takes
        self._due_s: Fraction | None = None  # when the next frame begins, if nothing is missing before it
        self._at = 0  # where the next encoded sample goes, in samples

    def push(self, packet: av.Packet[Any]) -> None:
        """Transcode a packet and write what became ready."""
        try:
            frames = self._decoder.decode(packet)
        except _PACKET_ERRORS as error:
            self.losses.lost(time_of(packet), f"it cannot be decoded ({message_of(error)})")
            return
        for frame in frames:
            self._take(frame, time_of(packet))

    def flush(self) -> None:
        """Write what decoder and encoder still hold, and tell what was lost."""
        try:
            frames = self._decoder.decode(None)
        except _PACKET_ERRORS as error:
            frames = []
            log.debug("%s: the decoder cannot be emptied: %s", self._mapped, message_of(error))
        for frame in frames:
            self._take(frame, None)
        self._drain()
        self._encode(None, None)
        self.losses.tell()

    def _take(self, frame: AudioFrame, from_s: Fraction | None) -> None:
        """Resample and encode a decoded frame. from_s: its packet's time."""
        shape = frame.format.name, frame.layout.name, frame.layout.nb_channels, frame.sample_rate
        if not frame.samples or not frame.sample_rate or not frame.layout.nb_channels:
            return
        base = frame.time_base or self._mapped.time_base
        at_s = None if frame.pts is None else frame.pts * base
        if self._due_s is None:
            self._at = 0 if at_s is None else round(at_s * self._rate)
        elif at_s is not None and at_s < self._due_s - _TOLERANCE_S and at_s > self._due_s - _OVERLAP_S:
            self.losses.lost(from_s, "its time is that of the sound before it")
            return
        if shape != self._shape or (self._due_s is not None and at_s is not None and _apart(at_s, self._due_s)):
            self._drain()
            if at_s is not None:
                self._at = max(self._at, round(at_s * self._rate))
            self._shape = shape
        begin_s = at_s if self._due_s is None or at_s is None or _apart(at_s, self._due_s) else self._due_s
        self._due_s = (begin_s if begin_s is not None else self._due_s or Fraction(0)) + Fraction(
            frame.samples, frame.sample_rate
        )
        try:
            if self._resampler is None:
                self._resampler = AudioResampler(self._context.format, self._context.layout, self._rate)
            ready = self._resampler.resample(frame)
        except _PACKET_ERRORS as error:
            self._resampler = None
            self.losses.lost(from_s, f"it cannot be resampled ({message_of(error)})")
            return
        for out in ready:
            self._encode(out, from_s)

    def _drain(self) -> None:
        """Encode what the resampler holds; the next frame gets a new one."""
        resampler, self._resampler = self._resampler, None
        if resampler is not None:
            for out in resampler.resample(None):
                if out is not None:  # from a resampler that has nothing to do
                    self._encode(out, None)

    def _encode(self, frame: AudioFrame | None, from_s: Fraction | None) -> None:
        if frame is not None:
            frame.pts, frame.time_base = self._at, Fraction(1, self._rate)
            self._at += frame.samples
        try:
            encoded = self._draft.encode(frame)
        except av.error.EOFError:
            return
        except _PACKET_ERRORS as error:
            self.losses.lost(from_s, f"it cannot be encoded ({message_of(error)})")
            return
        for out in encoded:
            refusal = self._muxer.mux_beside(out, self.stream)
            if refusal is not None:
                self.losses.lost(from_s, f"{self._muxer.format} does not take it ({refusal})")


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
        self.losses = Losses(mapped, live=muxer.live)
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
        draft = draft_stream(muxer.container, codec.name, None)
        self._encoder = draft.codec_context
        self._encoder.subtitle_header = decoder.subtitle_header or b"[Script Info]\n"
        self._encoder.time_base = mapped.time_base
        draft.time_base = _MICROSECOND if self._one_at_a_time else mapped.time_base
        self._encoder.options = dict(options)
        draft.metadata.update({k: v for k, v in mapped.metadata.items() if k.lower() != "encoder"})
        pyav.set_disposition(draft, mapped.disposition)
        _open(self._encoder, f"{muxer.target.shown}: {mapped}")
        self.stream = held(muxer.container, muxer.format, draft, muxer.target.shown)

    def push(self, packet: av.Packet[Any]) -> None:
        """Transcode a packet and write what is known. One that cannot be converted is left out and counted."""
        try:
            subtitle = self._decoder.decode2(packet)
            if subtitle is None or packet.pts is None:
                return
            out = self._encoder.encode_subtitle(subtitle)
        except _PACKET_ERRORS as error:
            self.losses.lost(time_of(packet), f"it cannot be converted ({message_of(error)})")
            return
        out.time_base = packet.time_base or self._mapped.time_base
        out.pts = out.dts = packet.pts
        out.duration = packet.duration
        if self._one_at_a_time:
            self._hold(out)
        else:
            self._mux(out)

    def flush(self) -> None:
        """Write the cue that is held; tell what was lost, and how many cues ended early."""
        if self._held is not None:
            self._write(self._held, None)
            self._held = None
        if self._clipped > 1:
            log.warning("%s: %d cues end early, because others begin before their end", self._mapped, self._clipped)
        self.losses.tell()

    def _mux(self, cue: av.Packet[Any]) -> None:
        at = time_of(cue)
        refusal = self._muxer.mux_beside(cue, self.stream)
        if refusal is not None:
            self.losses.lost(at, f"{self._muxer.format} does not take it ({refusal})")

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
        self._mux(cue)
        longest = int(_LONGEST_SAMPLE_S / unit)
        while ends and (next_pts is None or at < next_pts):
            empty: av.Packet[Any] = av.Packet(_EMPTY)
            empty.time_base, empty.pts, empty.dts = unit, at, at
            gap = 0 if next_pts is None else min(longest, next_pts - at)
            empty.duration = gap
            at += gap
            self._mux(empty)
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


def _apart(at_s: Fraction, due_s: Fraction) -> bool:
    return abs(at_s - due_s) > _TOLERANCE_S


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
