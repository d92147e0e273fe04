"""Puts an output together: the container, its encoder, and a carrier for every other stream."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.stream import Stream

from ...frame import Frame
from ..interruption import Interruption
from ..shift import shift_chapters
from ..source_info import Footage
from ..specs import OutputSpec
from ..streams import MappedStream
from ..transport.output_kind import PATTERN_FORMATS
from .container_support import holder_of, remedy, why_not
from .dispositions import set_dispositions, set_tags
from .encoder import VideoEncoder
from .low_delay import low_delay_options
from .muxer import Muxer
from .request import Request, streams_for
from .stream_copy import Carrier, Copied, TranscodedAudio, TranscodedSubtitles
from .target import Target

log = logging.getLogger("streamfix.media")

_KEEPS_CHAPTERS = {"matroska", "webm", "mp4", "mov", "ipod", "psp", "3gp", "3g2", "ogg", "nut", "asf", "null"}


@dataclass(frozen=True, slots=True)
class Output:
    """An open output. carriers: by `id` of the input stream whose packets they take."""

    muxer: Muxer
    encoder: VideoEncoder
    carriers: dict[int, Carrier]


def assemble(
    spec: OutputSpec,
    request: Request,
    reader: Footage,
    target: Target,
    format: str,
    first: Frame,
    *,
    rate: Fraction | None,
    shift_s: Fraction,
    covers: Mapping[int, bytes],
    live: bool = False,
    broken_off: Interruption | None = None,
) -> Output:
    """Open the output for frames like `first` and write its header.

    shift_s: what is added to the time of chapters. covers: attached pictures by `id` of their stream.
    live: encoders and muxers hold nothing back that they need not. broken_off: as of `Muxer`.
    Raises UsageError, BadOption or OutputError.
    """
    streams = streams_for(spec, reader.streams)
    # libavformat writes an empty track for a cover when it writes fragments.
    cover = any(s.kind == "cover" for s in streams)
    muxer = Muxer(
        *(target, format, request.format, request.codec),
        time_base=first.time_base,
        fragments=not cover,
        live=live,
        broken_off=broken_off,
    )
    try:
        return _filled(
            spec, request, reader, muxer, first, streams, rate=rate, shift_s=shift_s, covers=covers, live=live
        )
    except BaseException:
        muxer.give_up()
        raise


def _filled(
    spec: OutputSpec,
    request: Request,
    reader: Footage,
    muxer: Muxer,
    first: Frame,
    streams: Sequence[MappedStream],
    *,
    rate: Fraction | None,
    shift_s: Fraction,
    covers: Mapping[int, bytes],
    live: bool,
) -> Output:
    """The container with its streams, its header written."""
    quick = low_delay_options(request.codec, rate) if live else {}
    carriers: dict[int, Carrier] = {}
    placed: list[tuple[str, Stream]] = []
    encoder: VideoEncoder | None = None
    for mapped in streams:
        if mapped.restored:
            encoder = VideoEncoder(
                muxer,
                request.codec,
                first,
                rate=rate,
                constant=spec.rate is not None,
                pix_fmt=spec.pix_fmt,
                options={**quick, **request.video},
                source=mapped,
                upright=reader.inputs[mapped.input_index].autorotate,
            )
            placed.append(("video", encoder.stream))
        elif mapped.kind == "cover" and muxer.format == "matroska" and id(mapped.stream) in covers:
            _attach(muxer, mapped, covers[id(mapped.stream)])
        elif _made_by_muxer(mapped, reader):
            log.debug("%s: %s is written anew from tags and chapters", spec.shown, mapped)
        elif (carrier := _carrier(spec, request, muxer, mapped)) is not None:
            carriers[id(mapped.stream)] = carrier
            placed.append((mapped.kind, carrier.stream))
    assert encoder is not None
    set_dispositions(spec, placed)
    set_tags(spec, placed)
    _describe(spec, reader, muxer, shift_s, live=live)
    muxer.start()
    return Output(muxer, encoder, carriers)


def _carrier(spec: OutputSpec, request: Request, muxer: Muxer, mapped: MappedStream) -> Carrier | None:
    """What takes a stream's packets; None, with a warning, where the container cannot hold it."""
    if mapped.kind == "audio" and spec.audio_codec != "copy":
        return TranscodedAudio(muxer, mapped, spec.audio_codec, request.audio)
    if mapped.kind == "subtitle" and spec.subtitle_codec != "copy":
        return TranscodedSubtitles(muxer, mapped, spec.subtitle_codec, request.subtitle)
    holder = holder_of(muxer.format, spec.url, request.format)
    reason = why_not(holder, mapped)
    if reason is None:
        return Copied(muxer, mapped)
    container: Any = muxer.container
    usual = {"audio": container.default_audio_codec, "subtitle": container.default_subtitle_codec}.get(mapped.kind, "")
    log.warning(
        "%s: %s is left out: %s cannot hold it (%s); %s",
        *(spec.shown, mapped, holder, reason, remedy(mapped, holder, usual)),
    )
    return None


def _attach(muxer: Muxer, mapped: MappedStream, picture: bytes) -> None:
    """A cover in Matroska is an attachment, not a stream."""
    ending, mimetype = {"mjpeg": ("jpg", "image/jpeg")}.get(mapped.codec, (mapped.codec, f"image/{mapped.codec}"))
    stream = muxer.container.add_attachment(f"cover.{ending}", mimetype, picture)
    title = mapped.metadata.get("title")
    if title:
        stream.metadata["title"] = title


def _made_by_muxer(mapped: MappedStream, reader: Footage) -> bool:
    """True for QuickTime's timecode and chapter tracks: the muxer makes them of the timecode tag and the chapters."""
    if mapped.kind != "data":
        return False
    handler = mapped.metadata.get("handler_name", "")
    chapters = mapped.codec == "bin_data" and bool(reader.chapters) and ("Subtitle" in handler or "Text" in handler)
    timecode = mapped.metadata.get("timecode")
    return chapters or (
        timecode is not None and any(s.metadata.get("timecode") == timecode for s in reader.streams if s.restored)
    )


def _describe(spec: OutputSpec, reader: Footage, muxer: Muxer, shift_s: Fraction, *, live: bool) -> None:
    tags = muxer.container.metadata
    if spec.map_metadata:
        # "encoder" is the muxer's to say; of a row of files each begins at another time.
        untrue = {"encoder", "creation_time"} if live and muxer.format in PATTERN_FORMATS else {"encoder"}
        tags.update({k: v for k, v in reader.metadata.items() if k.lower() not in untrue})
    for key, value in spec.metadata.items():
        tags[key] = value
        if not value:
            del tags[key]
    if not spec.map_chapters or not reader.chapters:
        return
    if muxer.format not in _KEEPS_CHAPTERS:
        log.warning("%s: %s keeps no chapters; write to .mkv or .mp4", spec.shown, muxer.format)
        return
    muxer.container.set_chapters(shift_chapters(reader.chapters, shift_s))
