"""Puts an output together: the container, its encoder, and a carrier for every other stream."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
from av.codec.codec import Codec
from av.stream import Stream

from ..errors import BadOption, UsageError
from ..frame import Frame
from .carried import Carrier, Copied, TranscodedAudio, TranscodedSubtitles
from .dispositions import set_dispositions, set_tags
from .encoder import VideoEncoder
from .fitting import default_encoder
from .holding import remedy, why_not
from .muxer import Muxer
from .options import check_known, find_encoder, share_out
from .reader import Reader
from .shift import shift_chapters
from .specs import OutputSpec
from .streams import MappedStream
from .target import Target

log = logging.getLogger("streamfix.media")

_KEEPS_CHAPTERS = {"matroska", "webm", "mp4", "mov", "ipod", "psp", "3gp", "3g2", "ogg", "nut", "asf", "null"}
_SPECIAL = {"q", "qscale", "ar", "ac"}  # ffmpeg's own, no encoder's


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, with the options shared out to whom they are for."""

    codec: str
    video: dict[str, str]
    audio: dict[str, str]
    subtitle: dict[str, str]
    format: dict[str, str]


@dataclass(frozen=True, slots=True)
class Output:
    """An open output. carriers: by `id` of the input stream whose packets they take."""

    muxer: Muxer
    encoder: VideoEncoder
    carriers: dict[int, Carrier]


def request_of(spec: OutputSpec, format: str, usual_codec: str) -> Request:
    """Check codecs and options as far as can be without opening anything. Raises UnknownName or BadOption."""
    if spec.video_codec == "copy":
        raise UsageError(f"{spec.url}: -c:v copy: a restored video must be encoded; name an encoder or leave it out")
    codec = find_encoder(spec.video_codec or usual_codec, "video", f"-c:v of {spec.url}").name
    encoders = [codec]
    for kind, name in (("audio", spec.audio_codec), ("subtitle", spec.subtitle_codec)):
        if name != "copy":
            encoders.append(find_encoder(name, kind, f"-c:{kind[0]} of {spec.url}").name)
    loose = {k: v for k, v in spec.options.items() if k not in _SPECIAL}
    shares, rest = share_out(loose, *encoders)
    special = {k: v for k, v in spec.options.items() if k in _SPECIAL}
    video = {**shares[0], **{k: v for k, v in special.items() if k in ("q", "qscale")}, **spec.video_options}
    check_known({k: v for k, v in video.items() if k not in _SPECIAL}, codec)
    audio: dict[str, str] = {k: v for k, v in special.items() if k in ("ar", "ac")}
    subtitle: dict[str, str] = {}
    for name, share in zip(encoders[1:], shares[1:], strict=True):
        (audio if Codec(name, "w").type == "audio" else subtitle).update(share)
    audio.update(spec.audio_options)
    subtitle.update(spec.subtitle_options)
    if spec.audio_codec == "copy" and audio:
        raise BadOption(f"{spec.url}: -{next(iter(audio))}: audio is copied; name an encoder, such as -c:a aac")
    return Request(codec, video, audio, subtitle, {**rest, **spec.format_options})


def usual_encoder(target: Target, format: str) -> str:
    """The encoder that a container gets when none is named."""
    return default_encoder(av.open(target.url, "w", format=format), target.shown)


def assemble(
    spec: OutputSpec,
    request: Request,
    reader: Reader,
    target: Target,
    format: str,
    first: Frame,
    *,
    rate: Fraction | None,
    shift_s: Fraction,
    covers: Mapping[int, bytes],
) -> Output:
    """Open the output for frames like `first` and write its header.

    shift_s: what is added to the time of chapters. covers: attached pictures by `id` of their stream.
    Raises UsageError, BadOption or OutputError.
    """
    # libavformat writes an empty track for a cover when it writes fragments.
    cover = any(s.kind == "cover" for s in reader.streams)
    muxer = Muxer(target, format, request.format, request.codec, time_base=first.time_base, fragments=not cover)
    carriers: dict[int, Carrier] = {}
    placed: list[tuple[str, Stream]] = []
    encoder: VideoEncoder | None = None
    for mapped in reader.streams:
        if mapped.restored:
            encoder = VideoEncoder(
                muxer,
                request.codec,
                first,
                rate=rate,
                constant=spec.rate is not None,
                pix_fmt=spec.pix_fmt,
                options=request.video,
                source=mapped,
                upright=reader.inputs[mapped.input_index].autorotate,
            )
            placed.append(("video", encoder.stream))
        elif mapped.kind == "cover" and format == "matroska" and id(mapped.stream) in covers:
            _attach(muxer, mapped, covers[id(mapped.stream)])
        elif _made_by_muxer(mapped, reader):
            log.debug("%s: %s is written anew from tags and chapters", spec.url, mapped)
        elif (carrier := _carrier(spec, request, muxer, mapped)) is not None:
            carriers[id(mapped.stream)] = carrier
            placed.append((mapped.kind, carrier.stream))
    assert encoder is not None
    set_dispositions(spec, placed)
    set_tags(spec, placed)
    _describe(spec, reader, muxer, shift_s)
    muxer.start()
    return Output(muxer, encoder, carriers)


def _carrier(spec: OutputSpec, request: Request, muxer: Muxer, mapped: MappedStream) -> Carrier | None:
    """What takes a stream's packets; None, with a warning, where the container cannot hold it."""
    if mapped.kind == "audio" and spec.audio_codec != "copy":
        return TranscodedAudio(muxer, mapped, spec.audio_codec, request.audio)
    if mapped.kind == "subtitle" and spec.subtitle_codec != "copy":
        return TranscodedSubtitles(muxer, mapped, spec.subtitle_codec, request.subtitle)
    reason = why_not(muxer.format, mapped)
    if reason is None:
        return Copied(muxer, mapped)
    container: Any = muxer.container
    usual = {"audio": container.default_audio_codec, "subtitle": container.default_subtitle_codec}.get(mapped.kind, "")
    log.warning(
        "%s: %s is left out: %s cannot hold it (%s); %s",
        *(spec.url, mapped, muxer.format, reason, remedy(mapped, muxer.format, usual)),
    )
    return None


def _attach(muxer: Muxer, mapped: MappedStream, picture: bytes) -> None:
    """A cover in Matroska is an attachment, not a stream."""
    ending, mimetype = {"mjpeg": ("jpg", "image/jpeg")}.get(mapped.codec, (mapped.codec, f"image/{mapped.codec}"))
    stream = muxer.container.add_attachment(f"cover.{ending}", mimetype, picture)
    title = mapped.metadata.get("title")
    if title:
        stream.metadata["title"] = title


def _made_by_muxer(mapped: MappedStream, reader: Reader) -> bool:
    """True for QuickTime's timecode and chapter tracks: the muxer makes them of the timecode tag and the chapters."""
    if mapped.kind != "data":
        return False
    handler = mapped.metadata.get("handler_name", "")
    chapters = mapped.codec == "bin_data" and bool(reader.chapters) and ("Subtitle" in handler or "Text" in handler)
    timecode = mapped.metadata.get("timecode")
    return chapters or (
        timecode is not None and any(s.metadata.get("timecode") == timecode for s in reader.streams if s.restored)
    )


def _describe(spec: OutputSpec, reader: Reader, muxer: Muxer, shift_s: Fraction) -> None:
    tags = muxer.container.metadata
    if spec.map_metadata:
        # "encoder" is the muxer's to say.
        tags.update({k: v for k, v in reader.metadata.items() if k.lower() != "encoder"})
    for key, value in spec.metadata.items():
        tags[key] = value
        if not value:
            del tags[key]
    if not spec.map_chapters or not reader.chapters:
        return
    if muxer.format not in _KEEPS_CHAPTERS:
        log.warning("%s: %s keeps no chapters; write to .mkv or .mp4", spec.url, muxer.format)
        return
    muxer.container.set_chapters(shift_chapters(reader.chapters, shift_s))
