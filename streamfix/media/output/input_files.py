"""The local files that an input reads, so that no output replaces one of them."""

from __future__ import annotations

import os
import re

from ..playlist_names import CONCAT, HLS, names_in
from ..specs import InputSpec

_MOST_BYTES = 1 << 20  # of a list
_DEEPEST = 4  # lists in lists
_SUBFILE = re.compile(r"subfile,[^:]*:(.*)", re.DOTALL)
_WRAPPERS = re.compile(r"(?:file|cache|async|crypto|data\+file|crypto\+file):", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)


def input_files(spec: InputSpec) -> list[str]:
    """The input's own name and those of the files that it names: of a list for libav's concat, of a playlist.

    Names of servers are among them as they are.
    """
    return _files(spec.url, spec.format, _DEEPEST)


def _files(url: str, format: str | None, depth: int) -> list[str]:
    while found := _WRAPPERS.match(url):
        url = url[found.end() :]
    if part := _SUBFILE.fullmatch(url):
        url = part[1]
    if url.lower().startswith("concat:"):
        return [name for part in url[len("concat:") :].split("|") for name in _files(part, None, depth - 1)]
    members = _members(url, format) if depth else []
    folder = os.path.dirname(url)
    inside = [name if _SCHEME.match(name) else os.path.join(folder, name) for name in members]
    return [url, *(name for one in inside for name in _files(one, None, depth - 1))]


def _members(path: str, format: str | None) -> list[str]:
    """What a local list names, nothing if it is no list."""
    if not os.path.isfile(path):
        return []
    try:
        with open(path, "rb") as file:
            begin = file.read(16)
            concat = format == "concat" or begin.startswith(CONCAT)
            if not concat and not begin.lstrip(b"\xef\xbb\xbf").startswith(HLS):
                return []
            text = os.fsdecode(begin + file.read(_MOST_BYTES))
    except OSError:
        return []
    return names_in(text, concat=concat)
