"""Checks everything about a stream that can be checked before it starts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from ....chainspec import parse_chain
from ....errors import UsageError
from ....filters import FILTERS
from ....jobs import check_chain
from ....media.redact import HIDDEN, redact, redact_options
from ..access import allowlist
from ..access.location import usual_format
from ..access.secrets import Secrets, masked, references
from ..access.urls import Allowed
from ..recordings.names import wrong_folder
from .problems import ConfigError, Problem, TomlPlace
from .spec import OutputConfig, StreamConfig

T = TypeVar("T")
_OPTIONS = (
    ("input_options", allowlist.INPUT_OPTIONS, "input option"),
    ("video_options", allowlist.ENCODER_OPTIONS, "encoder option"),
)


def check_stream(stream: StreamConfig, allowed: Allowed, secrets: Secrets | None = None) -> dict[str, str]:
    """Raise ConfigError with all that is wrong; else return the demuxer options that guard the stream's input.

    What came over HTTP (`StreamConfig.foreign`) may do less than what the operator has set.
    secrets: None checks the form alone, with a word in place of each secret; an address that is one secret as a whole
    is then checked when the stream starts.
    """
    check = _Check(allowed, secrets)
    guards = check.stream(stream)
    if check.problems:
        raise ConfigError(check.problems)
    return guards


class _Check:
    def __init__(self, allowed: Allowed, secrets: Secrets | None) -> None:
        self.problems: list[Problem] = []
        self._allowed, self._secrets = allowed, secrets

    def stream(self, stream: StreamConfig) -> dict[str, str]:
        foreign = stream.foreign
        guards: dict[str, str] = {}
        url = self._text(("input",), stream.input, "input" in foreign)
        if url is not None:
            look = self._allowed.check_input
            guards = self._try(("input",), stream.input, look, url, from_api="input" in foreign) or {}
            self._demuxer(stream, url)
        if "input" in foreign:
            self._not_given_away(stream)
        for field, known, what in _OPTIONS:
            options: Mapping[str, str] = getattr(stream, field)
            self._options((field,), options, {k for k in options if f"{field}.{k}" in foreign}, known, what)
        if stream.transport and stream.input_options.get("rtsp_transport", stream.transport) != stream.transport:
            text = f"input_options.rtsp_transport is {stream.input_options['rtsp_transport']}; keep one of the two"
            self._wrong(("transport",), stream.transport, text)
        for i, output in enumerate(stream.outputs):
            self._output(("outputs", i), output, stream)
        self._chain(("filters",), stream.filters, "filters" in foreign)
        for i, chain in enumerate(stream.ladder or ()):
            self._chain(("ladder", i), chain, "ladder" in foreign)
        return guards

    def _demuxer(self, stream: StreamConfig, url: str) -> None:
        if stream.input_format:
            origin = {"from_api": "input_format" in stream.foreign, "url_from_api": "input" in stream.foreign}
            look = self._allowed.check_demuxer
            self._try(("input_format",), stream.input_format, look, stream.input_format, url, **origin)

    def _not_given_away(self, stream: StreamConfig) -> None:
        """The operator's secrets are for the operator's inputs; they are sent to no other address."""
        for name, value in stream.input_options.items():
            secret = "${" in value or redact_options({name: value}) != {name: value}
            if secret and f"input_options.{name}" not in stream.foreign:
                text = "it holds a secret that may go to the operator's own input only; leave it out, or set it again"
                self._wrong(("input_options", name), HIDDEN, text)

    def _output(self, place: TomlPlace, output: OutputConfig, stream: StreamConfig) -> None:
        url = self._text((*place, "url"), output.url, output.foreign)
        if url is not None:
            look = self._allowed.check_output
            self._try((*place, "url"), output.url, look, url, from_api=output.foreign)
            if wrong := wrong_folder(url, output.format or usual_format(url), output.options) if url[0] == "/" else "":
                self._wrong((*place, "url"), output.url, wrong)
            if output.url == stream.input:
                self._wrong((*place, "url"), output.url, "it is the input itself; write to another place")
        if output.format:
            look_at = self._allowed.check_muxer
            self._try((*place, "format"), output.format, look_at, output.format, from_api=output.foreign)
        for field, options, known, what in (
            ("options", output.options, allowlist.OUTPUT_OPTIONS, "output option"),
            ("video_options", output.video_options, allowlist.ENCODER_OPTIONS, "encoder option"),
        ):
            self._options((*place, field), options, set(options) if output.foreign else set(), known, what)

    def _options(
        self, place: TomlPlace, options: Mapping[str, str], foreign: Collection[str], known: Collection[str], what: str
    ) -> None:
        """foreign: names of options that came over HTTP. known: names of options that may come so."""
        shown = redact_options(options)
        for name, value in options.items():
            text = self._text((*place, name), value, name in foreign)
            if name in foreign and text is not None:
                self._try((*place, name), shown[name], allowlist.check_option, name, text, known, what)

    def _text(self, place: TomlPlace, text: str, from_api: bool) -> str | None:
        """The text with its secrets put in, or a word for each; None if there is nothing to check, or a problem."""
        if not text:
            return None  # what is missing was reported when it was read
        found = self._try(place, text, references, text)
        if found is None:
            return None
        named = [str(r)[2:-1] for r in found]
        if refused := [name for name in named if from_api and name not in self._allowed.secrets]:
            self._wrong(
                place,
                text,
                f"${{{refused[0]}}}: streams given over HTTP may not refer to this secret; set the stream in the "
                f'daemon\'s own file, or set allow_secrets = ["{refused[0]}"] there',
            )
            return None
        return masked(text) if self._secrets is None else self._try(place, text, self._secrets.resolve, text)

    def _chain(self, place: TomlPlace, text: str, from_api: bool) -> None:
        def look() -> None:
            chain = parse_chain(text)
            for spec in chain if from_api else ():
                for path in allowlist.check_filter(spec):
                    self._file(path)
            check_chain(chain)
            for spec in chain:
                if spec.name in FILTERS:
                    FILTERS.values(spec.name, spec.options)

        if text:
            self._try(place, text, look)

    def _file(self, path: str) -> None:
        try:
            self._allowed.check_file(path)
        except UsageError as error:
            raise UsageError(f"{path!r}: {error}") from None

    def _try(
        self, place: TomlPlace, shown: str, check: Callable[..., T], *arguments: object, **named: object
    ) -> T | None:
        """Returns what `check` returns; its UsageError becomes a problem at `place`."""
        try:
            return check(*arguments, **named)
        except UsageError as error:
            self._wrong(place, shown, str(error))
            return None

    def _wrong(self, place: TomlPlace, value: str, text: str) -> None:
        self.problems.append(Problem(place, redact(repr(value)), redact(text)))
