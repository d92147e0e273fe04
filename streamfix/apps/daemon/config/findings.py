"""Notes what is wrong with a configuration, each place once, in its own words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ....errors import StreamfixError
from ....media.redact import redact
from ....registry import described
from .problems import Problem, TomlPlace

# The command line's words in messages of rooms that do not know who asks.
_OUR_WORDS = (
    ("use another -c:v or .mkv", "take another video_codec, or a file in .mkv"),
    ("use another -c:a or .mkv", "take another audio_codec, or a file in .mkv"),
    ("use -c:a copy or -an", 'set audio_codec = "copy" or audio = false'),
)


class Findings:
    """problems: what is wrong so far. What is wrong at a place, around it or inside it is noted once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    @contextmanager
    def noted(self, place: TomlPlace, value: str, *, anything: bool = False) -> Iterator[None]:
        found = list[Problem]()
        with noted(found, place, value, anything=anything):
            yield
        self.add(found)

    def wrong(self, place: TomlPlace, value: str, text: str) -> None:
        self.add([Problem(place, redact(repr(value)), redact(text))])

    def add(self, found: Sequence[Problem]) -> None:
        """Note what was not found wrong already for another reason."""
        self.problems += [problem for problem in found if not self.is_wrong(problem.place)]

    def is_wrong(self, place: TomlPlace) -> bool:
        """True if something was found wrong there, around it or inside it."""
        return any(_within(place, p.place) or _within(p.place, place) for p in self.problems)


@contextmanager
def noted(problems: list[Problem], place: TomlPlace, value: str, *, anything: bool = False) -> Iterator[None]:
    """Note an error as a problem. anything: whatever a package raises as well."""
    try:
        yield
    except StreamfixError as error:
        problems.append(Problem(place, redact(repr(value)), redact(in_our_words(str(error)))))
    except Exception as error:
        if not anything:
            raise
        problems.append(Problem(place, redact(repr(value)), redact(f"it cannot be made: {described(error)}")))


def _within(place: TomlPlace, other: TomlPlace) -> bool:
    return place[: len(other)] == other


def in_our_words(text: str) -> str:
    """An error's text in this configuration's words."""
    for theirs, ours in _OUR_WORDS:
        text = text.replace(theirs, ours)
    return text
