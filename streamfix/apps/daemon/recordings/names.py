"""The names that an output gives to its recordings, and the reverse: whether a file is one of them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ....media.transport.protocols import PATTERN_FORMATS, SEGMENT_FORMATS

# What `access.urls` allows in a pattern, and what stands in its place. C's strftime makes all of them.
_MADE = {
    "Y": r"\d{4}",
    "m": r"\d\d",
    "d": r"\d\d",
    "H": r"\d\d",
    "M": r"\d\d",
    "S": r"\d\d",
    "j": r"\d{3}",
    "y": r"\d\d",
    "F": r"\d{4}-\d\d-\d\d",
    "s": r"\d{1,11}",
}
_TOKEN = re.compile(r"%(?:(%)|([YmdHMSsjyF])|(0?\d*d))")
# A run that finds its file there takes the next free name (yard.1.mp4); what is not complete yet is yard.partial.mp4.
_BESIDE = r"(?:\.\d{1,6})?(?:\.partial(?:-\d{1,6})?)?"
_IN_A_FOLDER = frozenset("YmdHjyF")  # a folder for each minute or second would be made all the time
_PLAYLISTS = (".m3u8", ".mpd")

PERIOD_S = 3600.0  # the shortest for which a folder lasts


@dataclass(frozen=True, slots=True)
class RecordingNames:
    """The files of one output.

    root: the folder that has them all, as written. folders, file: expressions for the name of each folder below it,
    and of the file. pattern: the whole path as strftime takes it; None where only the file's name varies.
    """

    root: Path
    folders: tuple[re.Pattern[str], ...]
    file: re.Pattern[str]
    pattern: str | None = None

    def folder_at(self, at_s: float) -> Path | None:
        """The folder that a recording which begins then goes to; None where it is always the root.

        at_s: Unix seconds; the name has the local time.
        """
        if self.pattern is None:
            return None
        return Path(os.path.dirname(time.strftime(self.pattern, time.localtime(at_s))))

    def match(self, parts: tuple[str, ...]) -> bool:
        """True if the output could have made the file. parts: names of folders below the root, and of the file."""
        if len(parts) != len(self.folders) + 1:
            return False
        kinds = (*self.folders, self.file)
        found = [kind.fullmatch(part) for kind, part in zip(kinds, parts, strict=True)]
        return all(m is not None and _is_a_time(m.groupdict()) for m in found)

    def start_s(self, parts: tuple[str, ...]) -> float | None:
        """When a recording began, as far as its name says that, Unix seconds."""
        told: dict[str, str] = {}
        for kind, part in zip((*self.folders, self.file), parts, strict=True):
            if m := kind.fullmatch(part):
                told |= m.groupdict()
        return _time_of(told)


def names_of(path: str, format: str | None, options: Mapping[str, str]) -> RecordingNames | None:
    """The names of an output's recordings; None for what is no recording: a playlist, which keeps its own house.

    path: absolute, secrets put in. format: the muxer as configured, None goes by the name. options: the muxer's.
    """
    if format in PATTERN_FORMATS - SEGMENT_FORMATS or (format is None and path.endswith(_PLAYLISTS)):
        return None
    segments = format in SEGMENT_FORMATS
    by_clock = segments and options.get("strftime", "0") not in ("", "0")
    *folders, file = Path(path).parts[1:]
    fixed = next((i for i, name in enumerate(folders) if by_clock and _TOKEN.search(name)), len(folders))
    stem, ending = os.path.splitext(file)
    expressions = [_expression(name, segments, by_clock) for name in (*folders[fixed:], stem)]
    return RecordingNames(
        Path("/", *folders[:fixed]),
        tuple(re.compile(one) for one in expressions[:-1]),
        re.compile(expressions[-1] + _BESIDE + re.escape(ending)),
        path if fixed < len(folders) else None,
    )


def wrong_folder(path: str, format: str | None, options: Mapping[str, str]) -> str:
    """What is wrong with an output whose folder varies, empty if nothing is."""
    folder, _, file = path.rpartition("/")
    used = {m[2] or m[3] or m[1] for m in _TOKEN.finditer(folder)}
    if not used:
        return ""
    if format not in SEGMENT_FORMATS or options.get("strftime", "0") in ("", "0"):
        return 'a folder named by the clock needs format = "segment" and the options strftime = "1" and segment_time'
    if not used <= _IN_A_FOLDER:
        return "a folder's name may hold %Y %m %d %H %j %y %F; minutes and seconds belong in the file's name"
    if not any(m[2] for m in _TOKEN.finditer(file)):
        return "the file's name must vary too, as in %Y-%m-%d/yard_%H%M%S.mp4, or each segment replaces the last"
    return ""


def make_folder(names: RecordingNames | None, at_s: float) -> Path | None:
    """Make the folder of a recording that begins then, where its root exists; returns a new one. Raises OSError."""
    folder = None if names is None else names.folder_at(at_s)
    if names is None or folder is None or folder.is_dir() or not names.root.is_dir():
        return None
    os.makedirs(folder, exist_ok=True)
    return folder


def _expression(text: str, segments: bool, by_clock: bool) -> str:
    """The expression for a name; each part of the time is a group of its letter."""
    made, at = "", 0
    seen: set[str] = set()
    for token in _TOKEN.finditer(text) if segments else ():
        made += re.escape(text[at : token.start()])
        at = token.end()
        letter = token[2] or ""
        if token[1]:
            made += "%"
        elif by_clock and letter:
            made += f"(?P={letter})" if letter in seen else f"(?P<{letter}>{_MADE[letter]})"
            seen.add(letter)
        elif token[3] or letter == "d":
            made += r"\d{1,9}"
        else:
            made += re.escape(token[0])
    return made + re.escape(text[at:])


_RANGES = {"m": (1, 12), "d": (1, 31), "H": (0, 23), "M": (0, 59), "S": (0, 60), "j": (1, 366)}


def _is_a_time(told: Mapping[str, str]) -> bool:
    day = told.get("F", "")
    parts = {**told, **({"m": day[5:7], "d": day[8:]} if day else {})}
    return all(least <= int(parts[k]) <= most for k, (least, most) in _RANGES.items() if k in parts)


def _time_of(told: Mapping[str, str]) -> float | None:
    """The time that a name tells, None unless it tells a day at least."""
    if "s" in told:
        return float(told["s"])
    days = [k for k in (("F",), ("Y", "m", "d"), ("y", "m", "d"), ("Y", "j")) if set(k) <= set(told)]
    if not days:
        return None
    keys = (*days[0], *(k for k in ("H", "M", "S") if k in told))
    try:
        return time.mktime(time.strptime(" ".join(told[k] for k in keys), _format(keys)))
    except (ValueError, OverflowError):  # 30 February, or a year that the system has no time for
        return None


def _format(keys: tuple[str, ...]) -> str:
    return " ".join("%Y-%m-%d" if k == "F" else f"%{k}" for k in keys)
