"""Tries an output: its container, its encoders, their options, and all of it together, without writing anything."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache

import av
from av.codec.codec import Codec

from ....errors import OutputError, StreamfixError, UsageError
from ....frame import VideoInfo
from ....media.libav_errors import message_of
from ....media.output.muxer import guess_format
from ....media.output.options import check_known, check_muxer_option, find_encoder
from ....media.output.trial import check_files, check_place, try_output
from ....media.redact import redact_options
from ....media.specs import OutputSpec
from ....media.transport.protocols import needs_ffmpeg
from .findings import Findings, in_our_words
from .job import output_spec
from .problems import TomlPlace
from .spec import OutputConfig, StreamConfig


class OutputTrial:
    """One stream's outputs. findings: where what is wrong is noted.

    known: a text with its secrets put in, or a word for each; None if it is one secret that cannot be read.
    info: of the stream's input, if it is known.
    """

    def __init__(
        self, stream: StreamConfig, findings: Findings, known: Callable[[str], str | None], info: VideoInfo | None
    ) -> None:
        self._stream, self._findings, self._known, self._info = stream, findings, known, info

    def try_one(self, place: TomlPlace, output: OutputConfig) -> None:
        spec = None if self._findings.is_wrong((*place, "url")) else self._spec(output)
        if spec is None:
            return
        before = len(self._findings.problems)
        format = self._muxer(place, output, spec)
        codec = self._encoders(place, output, spec)
        if format is not None:
            with self._findings.noted((*place, "url"), output.url):
                check_place(spec.url, format)
                check_carrier(spec.url)
            self._options(place, output, spec, format, codec)
        if len(self._findings.problems) == before:
            self._whole(place, output, spec)

    def _spec(self, output: OutputConfig) -> OutputSpec | None:
        """The output with secrets put in, or a word for each that is not there; None if even its URL is unknown."""
        if not self._known(output.url):
            return None
        try:
            return output_spec(output, self._stream, lambda text: self._known(text) or "")
        except StreamfixError:
            return None  # its URL is wrong, which was noted

    def _muxer(self, place: TomlPlace, output: OutputConfig, spec: OutputSpec) -> str | None:
        try:
            return guess_format(spec.url, spec.format)
        except StreamfixError:
            if output.format:
                hint = _nearest(output.format, av.formats_available) or "; leave it out to go by the name's ending"
                self._findings.wrong((*place, "format"), output.format, f"there is no muxer of that name{hint}")
            else:
                text = 'the name does not say which format; set format, as in format = "matroska"'
                self._findings.wrong((*place, "url"), output.url, text)
            return None

    def _encoders(self, place: TomlPlace, output: OutputConfig, spec: OutputSpec) -> str | None:
        """The video encoder's name, None for the container's usual one and for one that there is not."""
        stream = self._stream
        if stream.audio and spec.audio_codec != "copy":
            where = (*place, "audio_codec") if output.audio_codec else ("audio_codec",)
            self._encoder(where, spec.audio_codec, "audio")
        if spec.video_codec is None:
            return None
        where = (*place, "video_codec") if output.video_codec else ("video_codec",)
        if spec.video_codec == "copy":
            text = "restored pictures have to be encoded; name an encoder, as in libx264, or leave it out"
            self._findings.wrong(where, spec.video_codec, text)
            return None
        return self._encoder(where, spec.video_codec, "video")

    def _encoder(self, place: TomlPlace, name: str, kind: str) -> str | None:
        try:
            return find_encoder(name, kind, "").name
        except StreamfixError:
            usual = "libx264 or libx265" if kind == "video" else 'aac or "copy"'
            text = f"there is no {kind} encoder of that name{_nearest(name, _encoders()[kind])}; usual ones are {usual}"
            self._findings.wrong(place, name, text)
            return None

    def _options(
        self, place: TomlPlace, output: OutputConfig, spec: OutputSpec, format: str, codec: str | None
    ) -> None:
        shown = redact_options(spec.format_options)
        for name, value in spec.format_options.items():
            with self._findings.noted((*place, "options", name), shown[name]):
                check_muxer_option(name, value, spec.url, format)
                check_files({name: value})
        for name, value in spec.video_options.items() if codec else ():
            with self._findings.noted(self._place_of(place, output, name), value):
                check_known({name: value}, codec or "")

    def _whole(self, place: TomlPlace, output: OutputConfig, spec: OutputSpec) -> None:
        """Open encoders and container; what fails without one of the options is that option's fault."""
        failure = self._failure(spec)
        if failure is None:
            return
        text = in_our_words(str(failure).removeprefix(f"{spec.shown}: "))
        for name, value in spec.video_options.items():
            if self._failure(replace(spec, video_options=_without(spec.video_options, name))) is None:
                codec = spec.video_codec or "libx264"
                self._findings.wrong(
                    self._place_of(place, output, name), value, f"{text}; see 'ffmpeg -h encoder={codec}'"
                )
                return
        for name, value in spec.format_options.items():
            if self._failure(replace(spec, format_options=_without(spec.format_options, name))) is None:
                self._findings.wrong((*place, "options", name), value, f"{text}; change it, or leave it out")
                return
        self._findings.wrong(
            place, output.url, f"{text}; take another video_codec" if "does not open" in text else text
        )

    def _failure(self, spec: OutputSpec) -> StreamfixError | None:
        try:
            try_output(spec, sound=self._stream.audio, info=self._info)
        except StreamfixError as error:
            return error
        except (av.FFmpegError, OSError, ValueError) as error:  # whatever libav says, it would say to the writer too
            return OutputError(message_of(error))
        return None

    def _place_of(self, place: TomlPlace, output: OutputConfig, name: str) -> TomlPlace:
        """Where an encoder's option was set: with the output, or for all of the stream's."""
        return (*place, "video_options", name) if name in output.video_options else ("video_options", name)


def check_carrier(url: str) -> None:
    """Raise UsageError for what needs a program that is not there."""
    if needs_ffmpeg(url) and shutil.which("ffmpeg") is None:
        raise UsageError("SRT needs the ffmpeg command, which is not installed; install ffmpeg")


def _without(options: Mapping[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in options.items() if key != name}


@cache
def _encoders() -> Mapping[str, frozenset[str]]:
    """The names of all encoders, by kind."""
    found = dict[str, set[str]]()
    for name in av.codecs_available:
        with suppress(ValueError):  # it only decodes
            codec = Codec(name, "w")
            found.setdefault(codec.type, set()).add(codec.name)
    return {kind: frozenset(names) for kind, names in found.items()}


def _nearest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(n for n in names if "," not in n), n=3)
    return f"; near it: {', '.join(near)}" if near else ""
