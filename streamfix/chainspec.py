"""The `-vf` string: reading a filter chain as ffmpeg writes it.

ffmpeg reads a chain in two levels, and so do we, so that a line that works
there works here: first the graph is split at "," and each filter's arguments
lose one level of quoting; then the arguments are split at ":" and each value
loses another. At both levels '...' takes everything literally and a backslash
takes the next character literally (ffmpeg-filters, "Notes on filtergraph
escaping").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from .errors import UsageError


@dataclass(frozen=True, slots=True)
class FilterSpec:
    """One filter of a chain. arguments: what follows "=", one level of quoting removed."""

    name: str
    arguments: str = ""

    @property
    def options(self) -> dict[str, str]:
        """Options by name; values without a name have the keys "0", "1", ... by their place."""
        found: dict[str, str] = {}
        for i, part in enumerate(_split(self.arguments, ":") if self.arguments else ()):
            key, equals, value = part.partition("=")
            if not equals or not key.strip().replace("_", "").replace("-", "").isalnum():
                key, value = str(i), part
            key = key.strip()
            if key in found:
                raise UsageError(f"{self.name}={self.arguments}: option {key!r} is given twice")
            found[key] = _unquote(value)
        return found


def parse_chain(text: str) -> list[FilterSpec]:
    """Read `denoise=strength=0.4:radius=2,scale=1280:-2`. Raises UsageError naming the place."""
    chain = []
    for part in _split(text, ","):
        if _has_unquoted(part, ";["):
            raise UsageError(
                f"-vf {text!r}: only a plain chain is taken, no labels [..] and no ';' in {part.strip()!r}"
            )
        name, _, arguments = part.partition("=")
        name = name.partition("@")[0].strip()  # name@id: ids matter in graphs only
        if not name:
            raise UsageError(f"-vf {text!r}: a filter name is missing at {part or 'the end'!r}")
        chain.append(FilterSpec(name, _unquote(arguments)))
    return chain


def filter_text(name: str, options: Mapping[str, float | str]) -> str:
    """The filter as `parse_chain` reads it. options: by name; numbers are written with six digits at most."""
    values = {key: value if isinstance(value, str) else f"{value:.6g}" for key, value in options.items()}
    return chain_text([FilterSpec(name, ":".join(f"{key}={_quote(value, ':')}" for key, value in values.items()))])


def chain_text(chain: Iterable[FilterSpec]) -> str:
    """The chain as `parse_chain` reads it."""
    return ",".join(f"{s.name}={_quote(s.arguments, ',;[')}" if s.arguments else s.name for s in chain)


def _quote(text: str, special: str) -> str:
    """What `_unquote` makes `text` of. special: what has a meaning at that level besides quotes and backslashes."""
    kept = len(text.strip(" "))
    begin = len(text) - len(text.lstrip(" "))
    return "".join(f"\\{c}" if c in f"\\'{special}" or not begin <= i < begin + kept else c for i, c in enumerate(text))


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """Each character of `text`, quotes and backslashes removed, and whether it was quoted or escaped."""
    quoted, i = False, 0
    while i < len(text):
        c = text[i]
        if c == "'":
            quoted = not quoted
        elif c == "\\" and not quoted and i + 1 < len(text):
            i += 1
            yield text[i], True
        else:
            yield c, quoted
        i += 1
    if quoted:
        raise UsageError(f"{text!r}: a quote (') is opened and not closed")


def _split(text: str, separator: str) -> Iterator[str]:
    """Parts of `text` between unquoted separators, their quoting kept."""
    begin, i, quoted = 0, 0, False
    while i < len(text):
        if text[i] == "'":
            quoted = not quoted
        elif text[i] == "\\" and not quoted:
            i += 1
        elif text[i] == separator and not quoted:
            yield text[begin:i]
            begin = i + 1
        i += 1
    yield text[begin:]


def _has_unquoted(text: str, characters: str) -> bool:
    return any(c in characters and not literal for c, literal in _tokens(text))


def _unquote(text: str) -> str:
    """Remove one level of quoting, and unquoted white space at both ends."""
    tokens = list(_tokens(text))
    while tokens and tokens[0] == (" ", False):
        tokens.pop(0)
    while tokens and tokens[-1] == (" ", False):
        tokens.pop()
    return "".join(c for c, _ in tokens)
