"""Where the output goes, and how what was there before is kept safe."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Sequence

from ...errors import OutputError
from ..transport.output_kind import output_kind
from ..transport.redact import redact

_PROTOCOL = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_PATTERN = re.compile(r"%0?\d*d|\$Number|%[YmdHMS]")
# Muxers that write many files, or none, under a name of their own making.
_MANY_FILES = {"image2", "segment", "stream_segment", "ssegment", "hls", "dash", "tee", "null", "smoothstreaming"}


class Target:
    """One output's place.

    url: what libav opens. A regular file that exists is not touched: a sibling
    is written and takes its place once it is complete (`commit`). A new file,
    a device, a pipe, a URL and an image pattern are written directly.

    Raises OutputError where it exists and `overwrite` is not given, is an input, or cannot be.
    """

    def __init__(self, url: str, format: str | None, inputs: Sequence[str], overwrite: bool) -> None:
        self.shown = url if _path_of(url) is not None else redact(url)
        self._final: str | None = None
        self._created = False
        self.url = "pipe:1" if url in ("-", "pipe:") else url
        self.is_file = False
        path = _path_of(self.url)
        if path is None or format in ("null", "alsa") or output_kind(self.url, format) == "network":
            return
        self._refuse_input(path, inputs)
        if _PATTERN.search(os.path.basename(path)):
            return
        if os.path.isdir(path):
            raise OutputError(f"{url}: is a directory; name a file in it")
        parent = os.path.dirname(path) or "."
        if not os.path.isdir(parent):
            raise OutputError(f"{url}: there is no directory {parent}; make it first")
        if not os.path.lexists(path):
            self.is_file = self._created = True
            return
        if not os.path.exists(path):
            raise OutputError(f"{url}: is a link to {os.path.realpath(path)}, which does not exist")
        if not stat.S_ISREG(os.stat(path).st_mode):
            return
        if not overwrite:
            raise OutputError(f"{url}: exists already; -y replaces it")
        self.is_file = True
        if format not in _MANY_FILES and os.access(os.path.dirname(os.path.realpath(path)), os.W_OK):
            self._final = os.path.realpath(path)  # of a link, what it points to is replaced
            stem, ending = os.path.splitext(self._final)
            self.url = f"{stem}.partial-{os.getpid()}{ending}"

    @property
    def path(self) -> str | None:
        """The file that is being written, None if it is no regular file."""
        return _path_of(self.url) if self.is_file else None

    def commit(self) -> None:
        """The output is complete: let it take its place."""
        if self._final is not None:
            try:
                os.chmod(self.url, stat.S_IMODE(os.stat(self._final).st_mode))
                os.replace(self.url, self._final)
            except OSError as error:
                raise OutputError(f"{self.shown}: {error.strerror}; the result is complete in {self.url}") from error
            self._final = None

    def abandon(self, worth_keeping: bool) -> str | None:
        """The output is incomplete: say in one sentence where it lies, or remove it where nothing was written.

        Nothing else is removed: no file that was there before, no device, no pipe.
        """
        path = self.path
        if path is None or not os.path.exists(path) or not (self._created or self._final):
            return None
        if not worth_keeping:
            os.remove(path)
            return None
        if self._final is None:
            return f"what was written until then is in {path}"
        return f"{self.shown} was left as it was; what was written until then is in {path}"

    def _refuse_input(self, path: str, inputs: Sequence[str]) -> None:
        for name in inputs:
            other = _path_of(name)
            if other is None:
                continue
            if os.path.abspath(other) == os.path.abspath(path) or _same_file(other, path):
                raise OutputError(f"{self.shown}: is also the input {name}; write to another file")
            if _PATTERN.search(path) and any(_fits(path, f) for f in glob.glob(_as_glob(other))):
                raise OutputError(f"{self.shown}: would overwrite the input {name}; write to another directory")


def _path_of(url: str) -> str | None:
    """The file that a URL names, None if it names none."""
    if url.startswith("file:"):
        return url.removeprefix("file:")
    return None if url == "-" or _PROTOCOL.match(url) else url


def _same_file(a: str, b: str) -> bool:
    """True for one file under two names, links of both kinds included; devices may be both input and output."""
    try:
        return os.path.samefile(a, b) and stat.S_ISREG(os.stat(a).st_mode)
    except OSError:
        return False


def _as_glob(pattern: str) -> str:
    return _PATTERN.sub("*", glob.escape(pattern)) if _PATTERN.search(pattern) else glob.escape(pattern)


def _fits(pattern: str, path: str) -> bool:
    """True if an image pattern may produce that path."""
    parts = [re.escape(p) for p in _PATTERN.split(os.path.abspath(pattern))]
    return re.fullmatch(r"\d+".join(parts), os.path.abspath(path)) is not None
