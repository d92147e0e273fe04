"""Puts an output together: the container, the video encoder, and a copy or transcode for every other stream."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from av.stream import Stream

from ...errors import OutputError, UsageError
from ...frame import Frame
from .. import pyav
from ..interruption import Interruption
from ..source_info import SourceInfo
from ..specs import OutputSpec
from ..streams import MappedStream
from ..timestamps import shift_chapters
from ..transport.protocols import PATTERN_FORMATS, SEGMENT_FORMATS
from ..transport.relay import Sink
from .container_support import bare_video, inner_format, remedy, usual_audio_encoder, why_unsupported
from .disk import Room
from .dispositions import set_dispositions, set_tags
from .encoder import VideoEncoder
from .headers import as_tag
from .low_delay import low_delay_options
from .mp4_boxes import Box, add_boxes, foreign_boxes, named
from .muxer import Muxer, TakenAt
from .muxer_options import MOV_LIKE
from .request import Request, streams_for
from .stream_copy import StreamCopy
from .tags import spelled_language, unheld_dispositions, unheld_stream_tags, unheld_tags
from .target import DEVICES, Target, file_of
from .transcode import AudioTranscode, SubtitleTranscode

log = logging.getLogger("streamfix.media")

_KEEPS_CHAPTERS = {"matroska", "webm", "mp4", "mov", "ipod", "psp", "3gp", "3g2", "ogg", "nut", "asf", "null"}

_LATER_S = 1  # an output that begins this long after its source was opened again
_ENDINGS = {"matroska": ".mkv", "mov": ".mov"}  # of the containers that hold most

OtherStream = StreamCopy | AudioTranscode | SubtitleTranscode


@dataclass(frozen=True, slots=True)
class Output:
    """An open output.

    others: the streams beside the restored video, by the `id` of the input stream they come from.
    left_out: which streams the container cannot hold, as sentences.
    """

    muxer: Muxer
    encoder: VideoEncoder
    others: dict[int, OtherStream]
    left_out: tuple[str, ...] = ()


def assemble(
    spec: OutputSpec,
    request: Request,
    source: SourceInfo,
    target: Target,
    format: str,
    first: Frame,
    *,
    rate: Fraction | None,
    shift_s: Fraction,
    covers: Mapping[int, bytes],
    live: bool = False,
    room: Room | None = None,
    taken_s: TakenAt = lambda at_s: None,
    aborted: Interruption | None = None,
    sink: Sink | None = None,
) -> Output:
    """Open the output for frames like `first` and write its header.

    source: where the frames come from. rate: frames a second, None if unknown. shift_s: added to the time of each
    chapter. covers: attached pictures by the `id` of their stream. live, room, aborted, sink, taken_s: see `Muxer`;
    live encoders get low-delay options as well.
    Raises UsageError, BadOption or OutputError.
    """
    streams = streams_for(spec, source.streams)
    # libavformat writes an empty track for a cover when it writes fragments.
    cover = any(s.kind == "cover" for s in streams)
    muxer = Muxer(
        *(target, format, request.format, request.codec),
        time_base=first.time_base,
        fragments=not cover,
        live=live,
        room=room,
        taken_s=taken_s if _is_dated(spec, source) else lambda at_s: None,
        aborted=aborted,
        sink=sink,
        aspect=first.sample_aspect_ratio,
    )
    later_s = taken_s(None) if live and first.pts * first.time_base - shift_s > source.begin_s + _LATER_S else None
    try:
        return _filled(
            *(spec, request, source, muxer, first, streams),
            rate=rate,
            shift_s=shift_s,
            covers=covers,
            live=live,
            later_s=later_s,
        )
    except BaseException:
        muxer.give_up()
        raise


def _filled(
    spec: OutputSpec,
    request: Request,
    source: SourceInfo,
    muxer: Muxer,
    first: Frame,
    streams: Sequence[MappedStream],
    *,
    rate: Fraction | None,
    shift_s: Fraction,
    covers: Mapping[int, bytes],
    live: bool,
    later_s: float | None,
) -> Output:
    """Add the streams to the container and write its header."""
    quick = low_delay_options(request.codec, rate) if live else {}
    others: dict[int, OtherStream] = {}
    left_out: list[str] = []
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
                autorotated=source.inputs[mapped.input_index].autorotate,
            )
            placed.append(("video", encoder.stream))
        elif mapped.kind == "cover" and muxer.format == "matroska" and id(mapped.stream) in covers:
            _attach(muxer, mapped, covers[id(mapped.stream)])
        elif _made_by_muxer(mapped, source):
            log.debug("%s: %s is written anew from tags and chapters", spec.shown, mapped)
        else:
            other = _other_stream(spec, request, muxer, mapped)
            if isinstance(other, str):
                left_out.append(other)
                continue
            others[id(mapped.stream)] = other
            placed.append((mapped.kind, other.stream))
    assert encoder is not None
    set_dispositions(spec, placed)
    set_tags(spec, placed)
    for _, stream in placed:
        if language := stream.metadata.get("language"):
            stream.metadata["language"] = spelled_language(muxer.format, language)
    if spec.map_metadata and not live:
        _warn_stream_tags(spec, muxer.format, [m for m in streams if m.restored or id(m.stream) in others])
    _describe(spec, source, muxer, shift_s, live=live, later_s=later_s)
    muxer.start()
    return Output(muxer, encoder, others, tuple(left_out))


def _other_stream(spec: OutputSpec, request: Request, muxer: Muxer, mapped: MappedStream) -> OtherStream | str:
    """The output stream for an input stream, or why there is none. Both a loss and a change are told as a warning."""
    if mapped.kind == "audio" and spec.audio_codec != "copy" and not bare_video(muxer.format):
        return AudioTranscode(muxer, mapped, spec.audio_codec, request.audio)
    if mapped.kind == "subtitle" and spec.subtitle_codec != "copy" and not bare_video(muxer.format):
        return SubtitleTranscode(muxer, mapped, spec.subtitle_codec, request.subtitle)
    inner = inner_format(muxer.format, spec.url, request.format)
    # WebM's muxer takes an attachment and writes nothing.
    drops = inner == "webm" and mapped.kind == "attachment"
    reason = "WebM has no attachments" if drops else why_unsupported(inner, mapped)
    if reason is None:
        return StreamCopy(muxer, mapped)
    container: Any = muxer.container
    if mapped.kind == "audio" and (encoder := usual_audio_encoder(container, inner)) is not None:
        try:
            other = AudioTranscode(muxer, mapped, encoder, {})
        except UsageError as error:
            reason = f"{reason}; {error}"
        else:
            better = next((name for name in ("matroska", "mov") if why_unsupported(name, mapped) is None), None)
            keep = "" if better is None else f"; write to {_ENDINGS[better]} to keep it as it is"
            log.warning(
                "%s: %s is transcoded to %s: %s cannot hold it (%s)%s",
                *(spec.shown, mapped, encoder, inner, reason, keep),
            )
            return other
    if inner in DEVICES and bare_video(inner):  # nobody expects sound of a screen, and no file would help
        log.info("%s: %s is left out: a device shows pictures alone", spec.shown, mapped)
        return f"{mapped} is left out: a device shows pictures alone"
    usual = {"audio": container.default_audio_codec, "subtitle": container.default_subtitle_codec}.get(mapped.kind, "")
    log.warning(
        "%s: %s is left out: %s cannot hold it (%s); %s",
        *(spec.shown, mapped, inner, reason, remedy(mapped, inner, usual)),
    )
    return f"{mapped} is left out: {inner} cannot hold it"


def _attach(muxer: Muxer, mapped: MappedStream, picture: bytes) -> None:
    """Add a cover as an attachment: Matroska has no stream for it."""
    ending, mimetype = {"mjpeg": ("jpg", "image/jpeg")}.get(mapped.codec, (mapped.codec, f"image/{mapped.codec}"))
    stream = muxer.container.add_attachment(f"cover.{ending}", mimetype, picture)
    title = mapped.metadata.get("title")
    if title:
        stream.metadata["title"] = title


def _made_by_muxer(mapped: MappedStream, source: SourceInfo) -> bool:
    """True for QuickTime's timecode and chapter tracks: the muxer makes them from the timecode tag and chapters."""
    if mapped.kind != "data":
        return False
    handler = mapped.metadata.get("handler_name", "")
    chapters = mapped.codec == "bin_data" and bool(source.chapters) and ("Subtitle" in handler or "Text" in handler)
    timecode = mapped.metadata.get("timecode")
    return chapters or (
        timecode is not None and any(s.metadata.get("timecode") == timecode for s in source.streams if s.restored)
    )


def _is_dated(spec: OutputSpec, source: SourceInfo) -> bool:
    """True if the source's creation_time is that of the output."""
    return spec.map_metadata and "creation_time" in source.metadata and "creation_time" not in spec.metadata


def _describe(
    spec: OutputSpec, source: SourceInfo, muxer: Muxer, shift_s: Fraction, *, live: bool, later_s: float | None
) -> None:
    """Set the container's tags and chapters. later_s: Unix time of its beginning if that is not the source's."""
    tags = muxer.container.metadata
    if spec.map_metadata:
        # The muxer writes "encoder" itself, and a playlist's parts begin anew with each; segments are dated one by one.
        untrue = {"encoder"}
        if live and muxer.format in PATTERN_FORMATS - SEGMENT_FORMATS:
            untrue.add("creation_time")
        tags.update({k: v for k, v in source.metadata.items() if k.lower() not in untrue})
        if later_s is not None and _is_dated(spec, source):
            tags["creation_time"] = as_tag(later_s)
    for key, value in spec.metadata.items():
        tags[key] = value
        if not value:
            del tags[key]
    if not live:
        _keep_unknown(spec, source, muxer, tags)
    if not spec.map_chapters or not source.chapters:
        return
    if muxer.format not in _KEEPS_CHAPTERS:
        log.warning("%s: %s keeps no chapters; write to .mkv or .mp4", spec.shown, muxer.format)
        return
    pyav.set_chapters(muxer.container, shift_chapters(source.chapters, shift_s))


def _keep_unknown(spec: OutputSpec, source: SourceInfo, muxer: Muxer, tags: Mapping[str, str]) -> None:
    """Keep the boxes of MP4 and the tags that libav does not write, or name them.

    The boxes are the first input's, as the tags are; both are added once the file is complete.
    """
    boxes = foreign_boxes(file_of(source.inputs[0].url) or "") if spec.map_metadata else None
    unheld = unheld_tags(muxer.format, tags)
    if boxes is None and not unheld:
        return
    if muxer.format not in MOV_LIKE or muxer.target.path is None:
        _warn_unkept(spec, muxer.format, [] if boxes is None else boxes.boxes, list(unheld), "write to a file in .mp4")
        return

    def add(path: str) -> None:
        try:
            left_out = add_boxes(path, boxes, unheld)
        except OSError as error:
            raise OutputError(f"{spec.shown}: the tags and boxes of the input cannot be added: {error}") from error
        _warn_unkept(spec, muxer.format, *left_out, "leave out -movflags, which put the index elsewhere")

    muxer.at_end = add


def _warn_unkept(spec: OutputSpec, format: str, boxes: Sequence[Box], tags: Sequence[str], otherwise: str) -> None:
    if boxes:
        log.warning(
            "%s: %s keeps no boxes of makers: %s; %s",
            *(spec.shown, format, named(boxes), otherwise),
        )
    if tags:
        log.warning("%s: %s keeps no tags %s; write to .mkv", spec.shown, format, ", ".join(tags))


def _warn_stream_tags(spec: OutputSpec, format: str, placed: Sequence[MappedStream]) -> None:
    """Name the tags and dispositions of streams that the container does not hold."""
    found: dict[str, list[str]] = {}
    for mapped in placed:
        for key in unheld_stream_tags(format, mapped.metadata):
            found.setdefault(key, []).append(mapped.place)
    for mapped in placed:
        if flags := unheld_dispositions(format, mapped.disposition):
            log.warning("%s: %s does not mark %s as %s; write to .mkv", spec.shown, format, mapped, " and ".join(flags))
    if found:
        said = ", ".join(f"{key} ({', '.join(places)})" for key, places in found.items())
        log.warning("%s: %s keeps no tags of streams %s; write to .mkv", spec.shown, format, said)
