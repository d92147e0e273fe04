"""Lists of files as libav writes them, with the names that these have got."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count

log = logging.getLogger("streamfix.media")

# A part's line, and the address of the header that fragmented parts share.
_NAMES = re.compile(r'^(?!#)(?P<part>[^\r\n]+)|^#EXT-X-MAP:URI="(?P<map>[^"\r\n]+)"', re.MULTILINE)
# A segment's line in the segment muxer's other kinds of lists: flat, csv (ext) and ffconcat.
_LINES = re.compile(r"""^(?!ffconcat version)(?:file )?["']?(?P<part>[^,"'\r\n]+)(?P<map>)""", re.MULTILINE)


class PlaylistFile:
    """Takes a playlist from libav and writes it when it is closed.

    named: for each path that libav asked for, the paths that were made for it, in order. libav knows the first of them
    only: a name that stands in the playlist several times stands for the last so many.
    """

    def __init__(self, path: str, named: Mapping[str, Sequence[str]]) -> None:
        self._path, self._named = path, named
        self._text = bytearray()

    def write(self, data: bytes) -> int:
        """Append."""
        self._text += data
        return len(data)

    def close(self) -> None:
        """Write it. Raises OSError."""
        with open(self._path, "wb") as file:
            file.write(
                with_names(self._text.decode(errors="surrogateescape"), self._named).encode(errors="surrogateescape")
            )


class SegmentList:
    """Takes the segment muxer's list from libav and writes each line as it comes.

    descriptor: of the file. named: gives the same as for `PlaylistFile`, at the time it is called. playlist: it is an
    M3U8.
    """

    def __init__(self, descriptor: int, named: Callable[[], Mapping[str, Sequence[str]]], *, playlist: bool) -> None:
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._named, self._names = named, _NAMES if playlist else _LINES
        self._text, self._lines = "", 0

    def write(self, data: bytes) -> int:
        """Append; what is not a whole line yet waits."""
        self._text += data.decode(errors="surrogateescape")
        self._write(self._text[: self._text.rfind("\n") + 1])
        return len(data)

    def close(self) -> None:
        """Write what is left. Raises OSError."""
        self._write(self._text)
        self._file.close()

    def _write(self, text: str) -> None:
        lines = with_names(text, self._named(), self._names).splitlines(keepends=True)
        self._file.write("".join(lines[self._lines :]).encode(errors="surrogateescape"))
        self._lines = len(lines)


def free_list(path: str) -> str:
    """The name of a list that replaces none: the given one, or the first like it that is free (all.1.csv).

    Makes an empty file of that name. One that is not the one that was asked for is told. Raises OSError.
    """
    stem, ending = os.path.splitext(path)
    for number in count():
        name = f"{stem}.{number}{ending}" if number else path
        try:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        except FileExistsError:
            continue
        if number:
            log.warning("%s lists the segments of an earlier run; the list of this one is %s", path, name)
        return name
    raise AssertionError("numbers do not end")


def with_names(playlist: str, named: Mapping[str, Sequence[str]], names: re.Pattern[str] = _NAMES) -> str:
    """The playlist, with the names of the files that were made. named: as for `PlaylistFile`. names: finds them."""
    made = {os.path.basename(asked): [os.path.basename(path) for path in paths] for asked, paths in named.items()}
    # Of a name that comes n times, the i-th stands for the i-th of the last n files; those before are an earlier run's.
    at = {name: len(paths) for name, paths in made.items()}
    for match in names.finditer(playlist):
        at[_name_in(match)] = at.get(_name_in(match), 0) - 1

    def new(match: re.Match[str]) -> str:
        whole, name = match[0], _name_in(match)
        index, at[name] = at[name], at[name] + 1
        if name not in made or index < 0:
            return whole
        begin = whole.rindex(name)
        return whole[:begin] + made[name][index] + whole[begin + len(name) :]

    return names.sub(new, playlist)


def _name_in(match: re.Match[str]) -> str:
    """The last part of the address that was found."""
    return (match["part"] or match["map"]).rpartition("/")[2]
