"""Makes texts that come from files harmless to the terminals and logs that show them."""

from __future__ import annotations

import re

# Control characters (C0, DEL, C1), which terminals obey; marks that turn the direction of writing, which hide what a
# name ends with; line separators; halves of surrogate pairs, which no encoding writes.
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS = re.compile("[\t\n]")


def printable(text: str, *, lines: bool = False) -> str:
    """The text with what a terminal would obey written out, such as `\\x1b`. lines: tabs and line ends may stay."""
    text = _UNSHOWN.sub(_written_out, text)
    return text if lines else _BREAKS.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape", "surrogatepass").decode("ascii")
