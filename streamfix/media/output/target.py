"""Where an output is written, so that an existing file is kept until the new one is complete."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Sequence

from ...errors import OutputError
from ..redact import redact
from ..transport.output_kind import output_kind

_PROTOCOL = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_PATTERN = re.compile(r"%0?\d*d|\$Number|%[YmdHMS]")
# Muxers that write several files, or none, under names that they make.
_MANY_FILES = {"image2", "segment", "stream_segment", "ssegment", "hls", "dash", "tee", "null", "smoothstreaming"}


class Target:
    """The file, device, pipe or server that an output is written to.

    url: what libav opens. shown: its name without secrets, for messages.
    If a regular file exists, a sibling is written and takes its place once it is
    complete (`commit`). Everything else is written directly: a new file, a device,
    a pipe, a URL and an image pattern.

    Raises OutputError if it exists and `overwrite` is False, if it is an input, or if it cannot be written.
    """

    def __init__(self, url: str, format: str | None, inputs: Sequence[str], overwrite: bool) -> None:
        self.shown = url if file_of(url) is not None else redact(url)
        self._final: str | None = None
        self._created = False
        self.url = "pipe:1" if url in ("-", "pipe:") else url
        self.is_file = False
        path = file_of(self.url)
        if path is None or format in ("null", "alsa") or output_kind(self.url, format) == "network":
            return
        self._refuse_input(path, inputs)
        if _PATTERN.search(os.path.basename(path)):
            return
        if os.path.isdir(path):
            raise OutputError(f"{url}: it is a directory; name a file in it")
        parent = os.path.dirname(path) or "."
        if not os.path.isdir(parent):
            raise OutputError(f"{url}: there is no directory {parent}; make it first")
        if not os.path.lexists(path):
            self.is_file = self._created = True
            return
        if not os.path.exists(path):
            raise OutputError(f"{url}: it is a link to {os.path.realpath(path)}, which does not exist")
        if not stat.S_ISREG(os.stat(path).st_mode):
            return
        if not overwrite:
            raise OutputError(f"{url}: the file exists already; -y replaces it")
        self.is_file = True
        if format not in _MANY_FILES and os.access(os.path.dirname(os.path.realpath(path)), os.W_OK):
            self._final = os.path.realpath(path)  # of a link, what it points to is replaced
            stem, ending = os.path.splitext(self._final)
            self.url = f"{stem}.partial-{os.getpid()}{ending}"

    @property
    def path(self) -> str | None:
        """The file that is being written, None if it is not a regular file."""
        return file_of(self.url) if self.is_file else None

    def commit(self) -> None:
        """Put the complete output in its place. Raises OutputError."""
        if self._final is not None:
            try:
                os.chmod(self.url, stat.S_IMODE(os.stat(self._final).st_mode))
                os.replace(self.url, self._final)
            except OSError as error:
                raise OutputError(f"{self.shown}: {error.strerror}; the result is complete in {self.url}") from error
            self._final = None

    def abandon(self, worth_keeping: bool) -> str | None:
        """Give up an incomplete output; returns a sentence that says where it lies, None if nothing is left.

        worth_keeping: False removes it. A file that was there before, a device or a pipe is never removed.
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
            other = file_of(name)
            if other is None:
                continue
            if os.path.abspath(other) == os.path.abspath(path) or _same_file(other, path):
                raise OutputError(f"{self.shown}: it is also the input {name}; write to another file")
            if _PATTERN.search(path) and any(_fits(path, f) for f in glob.glob(_as_glob(other))):
                raise OutputError(f"{self.shown}: it would overwrite the input {name}; write to another directory")


def file_of(url: str) -> str | None:
    """The file that a URL names, None if it names none."""
    if url.startswith("file:"):
        return url.removeprefix("file:")
    return None if url == "-" or _PROTOCOL.match(url) else url


def _same_file(a: str, b: str) -> bool:
    """True for one regular file under two names, also through links. A device may be both input and output."""
    try:
        return os.path.samefile(a, b) and stat.S_ISREG(os.stat(a).st_mode)
    except OSError:
        return False


def _as_glob(pattern: str) -> str:
    return _PATTERN.sub("*", glob.escape(pattern)) if _PATTERN.search(pattern) else glob.escape(pattern)


def _fits(pattern: str, path: str) -> bool:
    """True if an image pattern can produce that path."""
    parts = [re.escape(p) for p in _PATTERN.split(os.path.abspath(pattern))]
    return re.fullmatch(r"\d+".join(parts), os.path.abspath(path)) is not None
