"""From the command line's words to options, inputs and outputs: ffmpeg's grammar.

An option applies to the next input or output; a word that is no option is an
output. Mistakes are reported before anything is opened.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import BadOption, UsageError
from ...media.libav_options import all_names
from ...media.transport import srt
from .options import OPTIONS, REFUSED


@dataclass(frozen=True, slots=True)
class Given:
    """One option as it was given. text: its argument as written; value: as read. spec: "v" of -c:v, "" if none."""

    name: str
    spec: str
    text: str
    value: Any


@dataclass(slots=True)
class FileLine:
    """An input or output and its options in their order. libav: options only the libraries know."""

    url: str
    options: list[Given] = field(default_factory=list)
    libav: list[Given] = field(default_factory=list)

    def all(self, name: str) -> list[Given]:
        """Every use of an option."""
        return [given for given in self.options if given.name == name]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of the last use, as in ffmpeg."""
        found = self.all(name)
        return found[-1].value if found else default


@dataclass(slots=True)
class CommandLine:
    """A command line, read. warnings: sentences for the user that are no errors."""

    options: dict[str, Any] = field(default_factory=dict)
    inputs: list[FileLine] = field(default_factory=list)
    outputs: list[FileLine] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def parse(words: Sequence[str]) -> CommandLine:
    """Read the words after the program's name. Raises UsageError or BadOption, whose one line names the remedy."""
    line = CommandLine()
    pending: list[Given] = []
    unknown: list[Given] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--" and rest:
            word = rest.pop(0)
        elif len(word) > 1 and word.startswith("-"):
            given = read_option(word[1:], rest)
            option = OPTIONS.get(given.name)
            if option is None:
                unknown.append(given)
            elif option.name == "i":
                line.inputs.append(_file(given.text, "input", pending, unknown))
                pending, unknown = [], []
            elif option.scope == "global":
                line.options[option.name] = given.value
            else:
                pending.append(given)
            continue
        line.outputs.append(_file(word, "output", pending, unknown))
        pending, unknown = [], []
    if pending or unknown:
        names = ", ".join(f"-{given.name}" for given in (*pending, *unknown))
        if not line.outputs:
            raise UsageError(f"{names}: no output follows; options stand before the file they are for")
        line.warnings.append(f"{names} after the last output is ignored; options stand before the file they are for")
    return line


def read_option(word: str, rest: list[str]) -> Given:
    """Read one option, taking its argument from `rest`. word: without the dash."""
    name, _, spec = word.partition(":")
    option = OPTIONS.get(name)
    if option is None and name.startswith("no") and (positive := OPTIONS.get(name[2:])) and positive.takes is None:
        return Given(positive.name, spec, "0", False)
    if name in REFUSED or (name == "filter" and spec.startswith("a")):
        raise UsageError(f"-{word}: {REFUSED['af' if name == 'filter' else name]}")
    if option is None:
        known = all_names()
        if known is not None and name not in known | srt.OPTIONS:
            raise BadOption(f"Unrecognized option {word!r}.{_suggest(name, known)}")
        return Given(name, spec, *[_argument(word, rest)] * 2)
    if spec and not option.stream:
        raise BadOption(f"-{word}: -{name} takes no stream specifier; write -{name}")
    if option.takes is None:
        return Given(option.name, spec, "1", True)
    if option.name == "h":
        text = rest.pop(0) if rest else ""
        return Given("h", spec, text, text)
    text = _argument(word, rest)
    try:
        value = option.parse(text)
    except ValueError as error:
        raise BadOption(f"-{word} {text}: {error}") from None
    return Given(option.name, spec, text, value)


def _argument(word: str, rest: list[str]) -> str:
    if not rest:
        raise BadOption(f"Missing argument for option {word!r}.")
    return rest.pop(0)


def _file(url: str, role: str, options: list[Given], unknown: list[Given]) -> FileLine:
    for given in options:
        scope = OPTIONS[given.name].scope
        if scope not in (role, "file"):
            other = "after" if scope == "output" else "before"
            raise UsageError(
                f"-{given.name} cannot be applied to {role} {url!r}: it is an option of {scope}s; "
                f"put it {other} the -i it " + ("follows" if scope == "output" else "is for")
            )
    return FileLine(url, options, unknown)


def _suggest(name: str, libav: frozenset[str]) -> str:
    """Our own options come first: libav's are many and some are near to anything."""
    own = [*OPTIONS, *(f"no{n}" for n, o in OPTIONS.items() if o.takes is None), *REFUSED]
    for names in (own, sorted(libav)):
        if close := difflib.get_close_matches(name, names, n=1, cutoff=0.7):
            return f" Did you mean {close[0]!r}?"
    return " See streamfix -h."
