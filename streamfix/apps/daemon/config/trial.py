"""Tries what a configuration says without starting it: filters with their models, encoders, containers, folders.

No camera and no server is asked, and nothing is written: what is found wrong would be wrong with any camera.
"""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.codec.codec import Codec

from ....chainspec import parse_chain
from ....errors import InputError, OutputError, StreamfixError, UsageError
from ....frame import VideoInfo
from ....jobs.trial import check_device, try_chain, try_filters
from ....media.input.options import check_demuxer, check_option
from ....media.libav_errors import message_of
from ....media.output.muxer import guess_format
from ....media.output.options import check_known, check_muxer_option, find_encoder
from ....media.output.trial import check_files, check_place, try_output
from ....media.redact import redact, redact_options
from ....media.specs import OutputSpec
from ....media.transport.protocols import needs_ffmpeg
from ....pipeline import Closable, close_all
from ....registry import described
from ..access.auth import check_exposure
from ..access.location import split, usual_demuxer
from ..access.secrets import Secrets, masked
from ..access.urls import Allowed
from ..notices.mqtt import check_mqtt
from ..notices.webhook import check_webhook
from .checking import check_stream
from .config import DaemonConfig, load
from .job import output_spec
from .problems import ConfigError, Problem, TomlPlace
from .spec import OutputConfig, StreamConfig

if TYPE_CHECKING:
    from ....jobs.pool import FilterPool

# The command line's words in messages of rooms that do not know who asks.
_OUR_WORDS = (
    ("use another -c:v or .mkv", "take another video_codec, or a file in .mkv"),
    ("use another -c:a or .mkv", "take another audio_codec, or a file in .mkv"),
    ("use -c:a copy or -an", 'set audio_codec = "copy" or audio = false'),
)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a trial stands on.

    pool: lends the filters, None makes each anew. info: of the stream's input, if it is known.
    """

    secrets: Secrets
    allowed: Allowed
    device: str = "auto"
    pool: Callable[[], FilterPool | None] = lambda: None
    info: VideoInfo | None = None


def try_stream(stream: StreamConfig, ground: Ground) -> Closable:
    """Raise ConfigError with all that keeps a stream from running; else return the filters that were made for it.

    Whoever starts the stream closes them once it has its own: until then they are not loaded twice.
    """
    trial = _Trial(stream, ground)
    try:
        trial.form()
        if trial.problems and (stream.foreign or any(output.foreign for output in stream.outputs)):
            raise ConfigError(trial.problems)  # what came over HTTP and may not be is not tried
        trial.input()
        trial.filters()
        for i, output in enumerate(stream.outputs):
            trial.output(("outputs", i), output)
        if trial.problems:
            raise ConfigError(list(dict.fromkeys(trial.problems)))
    except BaseException:
        trial.made.close()
        raise
    return trial.made


def daemon_problems(config: DaemonConfig, secrets: Secrets) -> list[Problem]:
    """What keeps [daemon] from being used: a token that cannot be read or is weak, a device that is not there ..."""
    found = list[Problem]()
    known: dict[str, str] = {}
    for key in ("token", "read_token", "webhook", "mqtt"):
        if written := getattr(config, key):
            with _noted(found, ("daemon", key), "***" if "${" not in written else written):
                known[key] = secrets.resolve(written)
    if "token" in known:
        before = len(found)
        with _noted(found, ("daemon", "token"), "***"):
            check_exposure(config.host, known["token"])
        if len(found) == before:
            with _noted(found, ("daemon", "read_token"), "***"):
                check_exposure(config.host, known["token"], known.get("read_token", ""))
    for key, check in (("webhook", check_webhook), ("mqtt", check_mqtt)):
        if key in known:
            with _noted(found, ("daemon", key), "***"):
                check(known[key])
    if config.device not in ("auto", "cpu"):  # asking for another loads PyTorch
        with _noted(found, ("daemon", "device"), config.device):
            check_device(config.device)
    return found


def check_file(path: Path) -> DaemonConfig:
    """Read a configuration file and try all of it that runs by itself: streams that are not enabled have a form only.

    Raises InputError if it cannot be read; ConfigError with a line for each thing that is wrong.
    """
    secrets, pools = Secrets(), {}
    no_device = False

    def pool(device: str) -> FilterPool:
        from ....jobs.pool import FilterPool

        if device not in pools:
            pools[device] = FilterPool(device)
        return pools[device]

    def trial(config: DaemonConfig, stream: StreamConfig | None) -> Sequence[Problem]:
        nonlocal no_device
        if stream is None:
            found = daemon_problems(config, secrets)
            no_device = any(problem.place[-1] == "device" for problem in found)
            return found
        if not stream.enabled:
            return ()
        device = "cpu" if no_device else config.device
        try:
            try_stream(stream, Ground(secrets, config.allowed, device, lambda: pool(device))).close()
        except ConfigError as error:
            return error.problems
        return ()

    return load(path, trial)


class Made:
    """What a trial has made, to be closed together. From any thread, more than once."""

    def __init__(self) -> None:
        self._parts: list[Closable] = []

    def add(self, part: Closable | None) -> None:
        if part is not None:
            self._parts.append(part)

    def close(self) -> None:
        parts, self._parts = self._parts, []
        close_all(parts)


class _Trial:
    """One stream's trial. problems: what is wrong so far."""

    def __init__(self, stream: StreamConfig, ground: Ground) -> None:
        self.problems: list[Problem] = []
        self.made = Made()
        self._stream, self._ground = stream, ground

    def form(self) -> None:
        """What is checked when a configuration is read, once more, now that secrets are read too."""
        try:
            check_stream(self._stream, self._ground.allowed, self._ground.secrets)
        except ConfigError as error:
            self.problems += error.problems

    def input(self) -> None:
        stream = self._stream
        url = None if self._is_wrong(("input",)) else self._known(stream.input)
        if not url:
            return
        format = stream.input_format or usual_demuxer(url)
        if stream.input_format and not self._is_wrong(("input_format",)):
            with self._noted(("input_format",), stream.input_format):
                check_demuxer(stream.input_format)
        shown = redact_options(stream.input_options)
        for name, value in stream.input_options.items():
            text = None if self._is_wrong(("input_options", name)) else self._known(value)
            if text is not None:
                with self._noted(("input_options", name), shown[name]):
                    check_option(name, text, url, format)
        with self._noted(("input",), stream.input):
            _check_source(url)

    def filters(self) -> None:
        stream, ground = self._stream, self._ground
        parts: list[tuple[TomlPlace, str]] = [(("filters",), stream.filters)]
        parts += [(("ladder", i), text) for i, text in enumerate(stream.ladder or ())]
        well = [(place, text) for place, text in parts if text and not self._is_wrong(place)]
        pool = ground.pool() if well else None  # it loads PyTorch
        before = len(self.problems)
        for place, text in well:
            with self._noted(place, text, anything=True):
                self.made.add(try_chain(parse_chain(text), ground.device, pool, ground.info))
        if len(well) == len([text for _, text in parts if text]) and len(self.problems) == before:
            with self._noted(("filters",), stream.filters, anything=True):  # and the lighter steps that they offer
                chain = parse_chain(stream.filters) if stream.filters else []
                self.made.add(try_filters(chain, stream.policy, ground.device, pool))

    def output(self, place: TomlPlace, output: OutputConfig) -> None:
        spec = None if self._is_wrong((*place, "url")) else self._spec(output)
        if spec is None:
            return
        before = len(self.problems)
        format = self._muxer(place, output, spec)
        codec = self._encoders(place, output, spec)
        if format is not None:
            with self._noted((*place, "url"), output.url):
                check_place(spec.url, format)
                _check_carrier(spec.url)
            self._options(place, output, spec, format, codec)
        if len(self.problems) == before:
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
                self._wrong((*place, "format"), output.format, f"there is no muxer of that name{hint}")
            else:
                text = 'the name does not say which format; set format, as in format = "matroska"'
                self._wrong((*place, "url"), output.url, text)
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
            self._wrong(where, spec.video_codec, text)
            return None
        return self._encoder(where, spec.video_codec, "video")

    def _encoder(self, place: TomlPlace, name: str, kind: str) -> str | None:
        try:
            return find_encoder(name, kind, "").name
        except StreamfixError:
            usual = "libx264 or libx265" if kind == "video" else 'aac or "copy"'
            text = f"there is no {kind} encoder of that name{_nearest(name, _encoders()[kind])}; usual ones are {usual}"
            self._wrong(place, name, text)
            return None

    def _options(
        self, place: TomlPlace, output: OutputConfig, spec: OutputSpec, format: str, codec: str | None
    ) -> None:
        shown = redact_options(spec.format_options)
        for name, value in spec.format_options.items():
            with self._noted((*place, "options", name), shown[name]):
                check_muxer_option(name, value, spec.url, format)
                check_files({name: value})
        for name, value in spec.video_options.items() if codec else ():
            with self._noted(self._place_of(place, output, name), value):
                check_known({name: value}, codec or "")

    def _whole(self, place: TomlPlace, output: OutputConfig, spec: OutputSpec) -> None:
        """Open encoders and container; what fails without one of the options is that option's fault."""
        failure = self._failure(spec)
        if failure is None:
            return
        text = _plain(str(failure).removeprefix(f"{spec.shown}: "))
        for name, value in spec.video_options.items():
            if self._failure(replace(spec, video_options=_without(spec.video_options, name))) is None:
                codec = spec.video_codec or "libx264"
                self._wrong(self._place_of(place, output, name), value, f"{text}; see 'ffmpeg -h encoder={codec}'")
                return
        for name, value in spec.format_options.items():
            if self._failure(replace(spec, format_options=_without(spec.format_options, name))) is None:
                self._wrong((*place, "options", name), value, f"{text}; change it, or leave it out")
                return
        self._wrong(place, output.url, f"{text}; take another video_codec" if "does not open" in text else text)

    def _failure(self, spec: OutputSpec) -> StreamfixError | None:
        try:
            try_output(spec, sound=self._stream.audio, info=self._ground.info)
        except StreamfixError as error:
            return error
        except (av.FFmpegError, OSError, ValueError) as error:  # whatever libav says, it would say to the writer too
            return OutputError(message_of(error))
        return None

    def _place_of(self, place: TomlPlace, output: OutputConfig, name: str) -> TomlPlace:
        """Where an encoder's option was set: with the output, or for all of the stream's."""
        return (*place, "video_options", name) if name in output.video_options else ("video_options", name)

    def _known(self, text: str) -> str | None:
        """The text with its secrets put in, or a word for each; None if it is one secret that cannot be read."""
        try:
            return self._ground.secrets.resolve(text)
        except StreamfixError:
            pass
        try:
            return masked(text)
        except StreamfixError:
            return None

    @contextmanager
    def _noted(self, place: TomlPlace, value: str, *, anything: bool = False) -> Iterator[None]:
        found = list[Problem]()
        with _noted(found, place, value, anything=anything):
            yield
        self._add(found)

    def _wrong(self, place: TomlPlace, value: str, text: str) -> None:
        self._add([Problem(place, redact(repr(value)), redact(text))])

    def _add(self, found: Sequence[Problem]) -> None:
        """Note what was not found wrong already for another reason."""
        self.problems += [problem for problem in found if not self._is_wrong(problem.place)]

    def _is_wrong(self, place: TomlPlace) -> bool:
        """True if something was found wrong there, around it or inside it."""
        return any(_within(place, p.place) or _within(p.place, place) for p in self.problems)


@contextmanager
def _noted(problems: list[Problem], place: TomlPlace, value: str, *, anything: bool = False) -> Iterator[None]:
    """Note an error as a problem. anything: whatever a package raises as well."""
    try:
        yield
    except StreamfixError as error:
        problems.append(Problem(place, redact(repr(value)), redact(_plain(str(error)))))
    except Exception as error:
        if not anything:
            raise
        problems.append(Problem(place, redact(repr(value)), redact(f"it cannot be made: {described(error)}")))


def _within(place: TomlPlace, other: TomlPlace) -> bool:
    return place[: len(other)] == other


def _check_source(url: str) -> None:
    """Raise UsageError for a file that is not there, and for what needs a program that is not there."""
    _check_carrier(url)
    if split(url).scheme != "file":
        return
    if os.path.isdir(url):
        raise InputError("it is a folder; name a file in it")
    if not os.path.exists(url):
        raise InputError("there is no such file; check the name")
    if not os.access(url, os.R_OK, effective_ids=True):
        raise InputError("this user may not read it; change its permissions")


def _check_carrier(url: str) -> None:
    if needs_ffmpeg(url) and shutil.which("ffmpeg") is None:
        raise UsageError("SRT needs the ffmpeg command, which is not installed; install ffmpeg")


def _plain(text: str) -> str:
    """An error's text in this configuration's words."""
    for theirs, ours in _OUR_WORDS:
        text = text.replace(theirs, ours)
    return text


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
