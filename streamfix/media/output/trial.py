"""Tries an output without starting it: its encoders and its container's header are made, in memory.

No file is made and no server is asked. Nothing is known of the camera either: what fails would fail with any camera, or
with any that has sound.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from av.codec.codec import Codec

from ...errors import BadOption, OutputError, StreamfixError, UsageError, let_go
from ...frame import Frame, VideoInfo
from ..libav_options import container_options, muxer_options, protocol_options
from ..redact import redact
from ..source_info import SourceInfo
from ..specs import OutputSpec
from ..transport import srt
from ..transport.output_kind import connects, connects_itself, output_kind
from ..transport.protocols import PATTERN_FORMATS, SEGMENT_FORMATS, format_protocols, needs_ffmpeg, scheme_of
from ..transport.relay import WithoutServer
from .assembly import assemble
from .container_support import inner_format, known_refusal
from .made_up import MadeUpSource, blank_frame
from .muxer import guess_format
from .request import Request, request_of, usual_encoder
from .target import NO_FILES, Target, file_of

# Some encoders take a few sizes only: an output is wrong if no camera's size will do.
_SIZES = ((640, 360), (1920, 1080), (1280, 720), (720, 576), (352, 288))
_BASE = Fraction(1, 90000)
_RATE = Fraction(25)
# Options of muxers that name further files: those that are written, and those that are read.
_WRITTEN = ("hls_segment_filename", "segment_list")
_READ = ("hls_key_info_file",)


def check_place(url: str, format: str) -> None:
    """Raise OutputError if there can be no file of that name: its folder is missing, or closed to this process."""
    path = file_of(url)
    if path is None or format in NO_FILES or output_kind(url, format) == "network":
        return
    if os.path.isdir(path):
        raise OutputError("it is a folder; name a file in it")
    if os.path.islink(path) and not os.path.exists(path):
        raise OutputError(f"it is a link to {os.path.realpath(path)}, which does not exist; remove it")
    folder = os.path.dirname(path) or "."
    while "%" in folder and not os.path.isdir(folder):  # the folders of a pattern come with their time
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        what = "it is a file" if os.path.exists(folder) else "there is no such folder"
        raise OutputError(f"{folder}: {what}; make the folder, or write to another place")
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise OutputError(f"{folder}: this user may not write there; change the folder's owner, or write elsewhere")


def check_files(options: Mapping[str, str]) -> None:
    """Raise OutputError for a muxer's option whose file can be neither written nor read."""
    for name in _WRITTEN:
        if os.path.isabs(options.get(name, "")):
            check_place(options[name], "data")
    for name in _READ:
        if name in options and not os.path.isfile(options[name]):
            raise OutputError(f"{name}={options[name]}: there is no such file; check the name")


def try_output(spec: OutputSpec, *, sound: bool, info: VideoInfo | None = None) -> None:
    """Open the encoders and the container of a live output, and close them again.

    sound: whether the input may have any, which is then tried if it is to be encoded. info: of the input if it is
    known; else the output is tried with the usual sizes of cameras, of which one will do.
    Raises UsageError, BadOption or OutputError as the writer would.
    """
    format = guess_format(spec.url, spec.format)
    first, *others = [info] if info is not None else [VideoInfo(*size, "yuv420p", _BASE, _RATE) for size in _SIZES]
    error = _failure(spec, format, first, sound=sound)
    if error is None:
        return
    bare = replace(spec, video_options={})
    own = isinstance(error, BadOption) or (spec.video_options and not _failure(bare, format, first, sound=sound))
    if own or all(_failure(spec, format, each, sound=sound) for each in others):
        raise error


def try_whole(spec: OutputSpec, request: Request, source: SourceInfo, format: str, first: Frame) -> None:
    """Open a file's encoders and its container in memory, with all streams of its source, and close them again.

    first: the first frame of the video. Raises UsageError, BadOption or OutputError as the writer would.
    """
    target = Target("nowhere", "null", [], overwrite=True)
    target.shown = spec.shown
    untagged = replace(spec, metadata={}, map_metadata=False, map_chapters=False)  # what is said of tags is said later
    output = assemble(
        *(untagged, request, source, target, format, first),
        rate=source.info.rate,
        shift_s=Fraction(0),
        covers={},
        sink=_Nowhere(format),
    )
    output.muxer.give_up()


def _failure(spec: OutputSpec, format: str, info: VideoInfo, *, sound: bool) -> StreamfixError | None:
    try:
        _try_with(spec, format, info, sound=sound)
    except StreamfixError as error:
        let_go(error)  # who raises it again would hold what was tried
        return error
    return None


def _try_with(spec: OutputSpec, format: str, info: VideoInfo, *, sound: bool) -> None:
    target = Target("nowhere", "null", [], overwrite=True)
    target.shown = spec.shown
    request = request_of(spec, format, usual_encoder(Target(spec.url, "null", [], overwrite=True), format))
    carried = _carried(format, spec.url, request.format)
    _check_payload(spec, format, request.codec)
    sink = _Nowhere(carried)
    output = assemble(
        replace(spec, audio=sound and spec.audio_codec != "copy", subtitles=False, data=False),
        replace(request, format=_carried_options(format, spec.url, request.format)),
        MadeUpSource(info, sound=sound),
        target,
        carried,
        blank_frame(info),
        rate=spec.rate or info.rate,
        shift_s=Fraction(0),
        covers={},
        live=True,
        sink=sink,
    )
    output.muxer.give_up()


def _carried(format: str, url: str, options: Mapping[str, str]) -> str:
    """The container that is tried: that of the files a muxer makes, or what stands for one that connects itself."""
    if format in SEGMENT_FORMATS:
        named = options.get("segment_format")
        try:  # libav would ignore a name that is none and go by the ending
            return guess_format(url, named)
        except UsageError:
            what = f"segment_format={named}: no muxer of that name" if named else "the name does not say which format"
            raise UsageError(f"{redact(url)}: {what}; give segment_format, such as matroska") from None
    if format in PATTERN_FORMATS:
        return inner_format(format, url, options)
    return "nut" if connects_itself(format) else format


def _carried_options(format: str, url: str, options: Mapping[str, str]) -> dict[str, str]:
    """The options that the tried container gets; those of the muxer around it were checked by name and value."""
    if format in SEGMENT_FORMATS:
        inner = options.get("segment_format_options", "")
        pairs = (part.partition("=") for part in inner.split(":") if part)
        return {name: value for name, _, value in pairs}
    if format in PATTERN_FORMATS or connects_itself(format):
        return {}
    elsewhere = srt.OPTIONS if needs_ffmpeg(url) else frozenset[str]()
    if not connects(url, format):
        protocol = protocol_options(scheme_of(url) or "file", reads=False)
        own = [container_options(reads=False), muxer_options(format)]
        elsewhere |= frozenset() if protocol is None else protocol.names
        elsewhere -= {name for one in own if one is not None for name in one.names}
    return {name: value for name, value in options.items() if name not in elsewhere}


def _check_payload(spec: OutputSpec, format: str, codec: str) -> None:
    """Raise UsageError for an encoder that RTP does not carry."""
    if not any(protocol.rtp for protocol in format_protocols(format)):
        return
    encoders = [("video", codec)] + ([("audio", spec.audio_codec)] if spec.audio_codec != "copy" else [])
    for kind, name in encoders:
        reason = known_refusal(format, kind, Codec(name, "w").canonical_name, configured=True)
        if reason is not None:
            usual = "libx264" if kind == "video" else "aac"
            raise UsageError(f"{spec.shown}: {format} holds no {name} {kind} ({reason}); take {usual}")


class _Nowhere(WithoutServer):
    """A sink that forgets what is written. Unlike a server it never refuses anything."""

    def __init__(self, format: str) -> None:
        self.file, self.format = io.BytesIO(), format

    def close(self) -> None:
        """Nothing is open."""
