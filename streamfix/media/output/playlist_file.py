"""An HLS playlist as libav writes it, with the names that its parts have got."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

# A part's line, and the address of the header that fragmented parts share.
_NAMES = re.compile(r'^(?!#)(?P<part>[^\r\n]+)|^#EXT-X-MAP:URI="(?P<map>[^"\r\n]+)"', re.MULTILINE)


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


def with_names(playlist: str, named: Mapping[str, Sequence[str]]) -> str:
    """The playlist, with the names of the files that were made. named: as for `PlaylistFile`."""
    made = {os.path.basename(asked): [os.path.basename(path) for path in paths] for asked, paths in named.items()}
    # Of a name that comes n times, the i-th stands for the i-th of the last n files; those before are an earlier run's.
    at = {name: len(paths) for name, paths in made.items()}
    for match in _NAMES.finditer(playlist):
        at[_name_in(match)] = at.get(_name_in(match), 0) - 1

    def new(match: re.Match[str]) -> str:
        whole, name = match[0], _name_in(match)
        index, at[name] = at[name], at[name] + 1
        if name not in made or index < 0:
            return whole
        begin = whole.rindex(name)
        return whole[:begin] + made[name][index] + whole[begin + len(name) :]

    return _NAMES.sub(new, playlist)


def _name_in(match: re.Match[str]) -> str:
    """The last part of the address that was found."""
    return (match["part"] or match["map"]).rpartition("/")[2]
