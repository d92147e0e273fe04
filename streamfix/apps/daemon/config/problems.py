"""What is wrong with a configuration, all of it at once, each with its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ....errors import UsageError

Place = tuple[str | int, ...]  # ("streams", 2, "max_latency"): keys of tables and indices of arrays


def place_text(place: Place) -> str:
    """streams[2].max_latency, as it would be written in Python; empty for the whole document."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. value: what stands there, as text, secrets hidden; empty where something is missing.

    text: what is wrong with it and what to give instead.
    """

    place: Place
    value: str
    text: str

    def __str__(self) -> str:
        given = f" = {self.value}" if self.value else ""
        where = place_text(self.place)
        return f"{where}{given}: {self.text}" if where or given else self.text


class ConfigError(UsageError):
    """A configuration that cannot be used. problems: everything that is wrong with it; the message has a line for each.

    source: the file's name, empty for what came over HTTP. line_of: the line of a place, for files.
    """

    def __init__(
        self, problems: Sequence[Problem], source: str = "", line_of: Callable[[Place], int] | None = None
    ) -> None:
        self.problems = tuple(problems)
        starts = [f"{source}:{line_of(p.place)}: " if line_of else f"{source}: " if source else "" for p in problems]
        super().__init__("\n".join(f"{start}{problem}" for start, problem in zip(starts, problems, strict=True)))
