"""Sets the dispositions (default, forced ...) and tags (language, title ...) of the output's streams as asked."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from av.stream import Disposition, Stream

from ...errors import UsageError
from .. import pyav
from ..specs import OutputSpec

log = logging.getLogger("streamfix.media")

_LETTERS = {"v": "video", "a": "audio", "s": "subtitle", "d": "data", "t": "attachment"}


def set_dispositions(spec: OutputSpec, placed: Sequence[tuple[str, Stream]]) -> None:
    """Apply -disposition: stream specifiers such as "a:0", "v" or "3", flags joined by "+", "0" for none.

    placed: the output's streams in order, each with its kind. Raises UsageError.
    """
    for specifier, text in spec.dispositions.items():
        for stream in _at(f"{spec.shown}: -disposition:{specifier}", specifier, placed):
            pyav.set_disposition(stream, _flags(spec, specifier, text, stream.disposition.value))


def set_tags(spec: OutputSpec, placed: Sequence[tuple[str, Stream]]) -> None:
    """Apply -metadata:s with the same specifiers; an empty value removes a tag. Raises UsageError."""
    for specifier, tags in spec.stream_metadata.items():
        for stream in _at(f"{spec.shown}: -metadata:s:{specifier}".rstrip(":"), specifier, placed):
            for key, value in tags.items():
                stream.metadata[key] = value
                if not value:
                    del stream.metadata[key]


def _at(asked: str, specifier: str, placed: Sequence[tuple[str, Stream]]) -> list[Stream]:
    """The streams that a specifier selects, "" for all. Warns if there is none."""
    letter, _, number = specifier.rpartition(":") if specifier[-1:].isdigit() else (specifier, "", "")
    if letter not in ("", *_LETTERS) or (number and not number.isdigit()):
        raise UsageError(f"{asked}: no such kind of stream; kinds are v, a, s, d, t")
    streams = [s for kind, s in placed if not letter or kind == _LETTERS[letter]]
    if number:
        streams = streams[int(number) : int(number) + 1]
    if not streams:
        log.warning("%s: the output has no such stream", asked)
    return streams


def _flags(spec: OutputSpec, specifier: str, text: str, old: int) -> int:
    value = old if text[:1] in "+-" else 0
    for sign, name in _signed(text):
        if name == "0":
            value = 0
            continue
        if name not in Disposition.__members__:
            raise UsageError(
                f"{spec.shown}: -disposition:{specifier} {text}: there is no {name!r}; "
                f"there are: {', '.join(Disposition.__members__)}"
            )
        bit = Disposition[name].value
        value = value & ~bit if sign == "-" else value | bit
    return value


def _signed(text: str) -> list[tuple[str, str]]:
    parts = text.replace("-", "+-").split("+")
    return [("-" if p.startswith("-") else "+", p.lstrip("-")) for p in parts if p]
