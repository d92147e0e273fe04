"""Refuses playlists that libav would follow without end: those that name themselves, or too many others."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

from ...errors import InputError
from ..playlist_names import CONCAT, HLS, names_in
from ..redact import redact
from ..transport.protocols import scheme_of

DEEPEST = 4  # playlists within playlists
MOST_PLAYLISTS = 200
MOST_BYTES = 16 << 20  # of one playlist


def check_playlists(url: str, format: str | None = None) -> None:
    """Raise InputError if a local file is a playlist (HLS or a concat list) that libav would not come to an end with.

    format: the demuxer that was asked for, None to go by the file's beginning. Playlists on servers are not looked at:
    a server could answer differently the next time.
    """
    _Walk().visit(_path_of(url), (), concat=format == "concat")


class _Walk:
    """Follows the playlists that a file names, depth first."""

    def __init__(self) -> None:
        self._done: set[str] = set()

    def visit(self, path: str, above: tuple[str, ...], *, concat: bool = False) -> None:
        if not os.path.isfile(path):
            return
        real = os.path.realpath(path)
        if real in above:
            way = " -> ".join(os.path.basename(p) for p in (*above[above.index(real) :], real))
            raise InputError(f"{redact(path)}: the playlist names itself ({way}); take that line out of it")
        if real in self._done:
            return
        try:
            with open(path, "rb") as file:
                head = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
                if not (concat or head.startswith((HLS, CONCAT))):
                    return
                file.seek(0)
                text = file.read(MOST_BYTES + 1)
        except OSError:
            return  # libav will say why
        if len(text) > MOST_BYTES:
            raise InputError(f"{redact(path)}: the playlist is larger than {MOST_BYTES >> 20} MiB; split it")
        self._done.add(real)
        if len(above) >= DEEPEST:
            raise InputError(
                f"{redact(path)}: playlists lie more than {DEEPEST} deep in each other; join them into one"
            )
        if len(self._done) > MOST_PLAYLISTS:
            raise InputError(
                f"{redact(path)}: it is one of more than {MOST_PLAYLISTS} playlists of an input; join some"
            )
        for name in names_in(os.fsdecode(text), concat=concat or head.startswith(CONCAT)):
            if (child := _path_of(name)) and not scheme_of(child):
                self.visit(os.path.join(os.path.dirname(path), child), (*above, real))


def _path_of(url: str) -> str:
    """The local path that a name means to libav; "" for what lies elsewhere."""
    if url.startswith("file:"):
        path = url.removeprefix("file:")
        return unquote(urlsplit(path).path) if path.startswith("//") else path
    return "" if scheme_of(url) else url
