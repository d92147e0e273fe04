"""What -disposition asks for: which streams are default, forced, original ..."""

from __future__ import annotations

from collections.abc import Sequence

from av.stream import Disposition, Stream

from ..errors import UsageError
from .specs import OutputSpec
from .streams import KINDS


def set_dispositions(spec: OutputSpec, placed: Sequence[tuple[str, Stream]]) -> None:
    """Set dispositions as asked: by "a:0", "v", "3"; flags joined by "+", "0" for none.

    placed: the output's streams in their order, each with its kind. Raises UsageError.
    """
    for place, text in spec.dispositions.items():
        letter, _, number = place.rpartition(":") if not place.isdigit() else ("", "", place)
        if not letter and not place.isdigit():
            letter, number = place, ""
        kind = next((k for k in KINDS if k[0] == letter), None) if letter else None
        if letter and kind is None:
            raise UsageError(f"{spec.url}: -disposition:{place}: no such kind of stream; v, a, s, d, t")
        streams = [s for k, s in placed if kind is None or k == kind]
        if number:
            streams = streams[int(number) : int(number) + 1]
        for stream in streams:
            stream.disposition = Disposition(_flags(spec, place, text, int(stream.disposition)))


def _flags(spec: OutputSpec, place: str, text: str, old: int) -> int:
    value = old if text[:1] in "+-" else 0
    for sign, name in _signed(text):
        if name == "0":
            value = 0
            continue
        if name not in Disposition.__members__:
            raise UsageError(
                f"{spec.url}: -disposition:{place} {text}: no {name!r}; there are: {', '.join(Disposition.__members__)}"
            )
        bit = int(Disposition[name])
        value = value & ~bit if sign == "-" else value | bit
    return value


def _signed(text: str) -> list[tuple[str, str]]:
    parts = text.replace("-", "+-").split("+")
    return [("-" if p.startswith("-") else "+", p.lstrip("-")) for p in parts if p]
