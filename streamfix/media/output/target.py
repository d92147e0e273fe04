"""Where an output is written, so that an existing file is kept until the new one is complete."""

from __future__ import annotations

import glob
import logging
import os
import re
import stat
from collections.abc import Callable, Sequence

from ...errors import OutputError
from ..redact import redact
from ..transport.output_kind import is_fifo, open_fifo, output_kind
from .partial import PartialFile, publish

log = logging.getLogger("streamfix.media")

_PROTOCOL = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_PATTERN = re.compile(r"%0?\d*d|\$Number|%[YmdHMS]")
# Muxers that write several files, or none, under names that they make.
_MANY_FILES = {
    *("image2", "segment", "stream_segment", "ssegment", "hls", "dash", "tee", "null", "smoothstreaming"),
    *("hds", "webm_chunk", "fifo"),
}

#: Muxers that write to a device.
DEVICES = frozenset({"alsa", "oss", "pulse", "v4l2", "video4linux2", "fbdev", "decklink", "caca", "xv"})
# What these, and the one that writes nothing, name by their URL is never a file to be put in place.
NO_FILES = DEVICES | {"null"}


class Target:
    """The file, device, pipe or server that an output is written to.

    url: what libav opens. shown: its name without secrets, for messages. overwrite: as it was given.
    A file, new or not, is written beside its place, under a name with `.partial`, and put there once it is complete
    (`commit`): whoever finds a file under the output's own name has all of it. A device, a pipe, a URL, an image
    pattern and a playlist are written directly.

    Raises OutputError if it exists and `overwrite` is False, if it is an input, or if it cannot be written.
    """

    def __init__(self, url: str, format: str | None, inputs: Sequence[str], overwrite: bool) -> None:
        self.shown = url if file_of(url) is not None else redact(url)
        self._final: str | None = None  # a file's own place, None for what is written directly
        self._partial: PartialFile | None = None
        self._fifo: int | None = None
        self._replaces = False
        self.overwrite = overwrite
        self.url = "pipe:1" if url in ("-", "pipe:") else url
        self.is_file = False
        path = file_of(self.url)
        if path is None or format in NO_FILES or output_kind(self.url, format) == "network":
            return
        pattern = format in _MANY_FILES and _PATTERN.search(os.path.basename(path)) is not None
        self._refuse_input(path, inputs, pattern)
        if pattern:
            return
        if os.path.isdir(path):
            raise OutputError(f"{url}: it is a directory; name a file in it")
        parent = os.path.dirname(path) or "."
        if not os.path.isdir(parent):
            raise OutputError(f"{url}: there is no directory {parent}; make it first")
        self._replaces = os.path.exists(path)
        if os.path.lexists(path) and not self._replaces:
            raise OutputError(f"{url}: it is a link to {os.path.realpath(path)}, which does not exist")
        if self._replaces and not stat.S_ISREG(os.stat(path).st_mode):
            return
        if self._replaces and not overwrite:
            raise OutputError(f"{url}: the file exists already; -y replaces it")
        self.is_file = True
        if format not in _MANY_FILES:
            self._final = os.path.realpath(path)  # of a link, what it points to is replaced

    @property
    def path(self) -> str | None:
        """The file that is being written, None if it is not a regular file."""
        return file_of(self.url) if self.is_file else None

    @property
    def is_whole(self) -> bool:
        """True for one file that is written under another name until it is complete, once that is reserved."""
        return self._partial is not None

    def reserve(self) -> None:
        """Make the file that is written until all is there, and keep other jobs away from it.

        Raises OutputError if another job is writing the same output, or if there cannot be a file in its folder.
        """
        if self._final is None or self._partial is not None:
            return
        self._partial = PartialFile(self._final, self.shown, replaces=self._replaces)
        self.url = self._partial.path
        for path in self._partial.stale:
            log.warning(
                "%s: a job that did not finish left %s; keep it under another name, or delete it", self.shown, path
            )

    def wait_for_reader(self, given_up: Callable[[], bool]) -> None:
        """Of a named pipe: wait until somebody reads it. Raises OutputError once `given_up` says so."""
        path = file_of(self.url)
        if self._fifo is None and path is not None and is_fifo(path):
            self._fifo = open_fifo(path, self.shown, given_up)

    def commit(self) -> None:
        """Put the complete output in its place. Raises OutputError."""
        self._release_fifo()
        if self._final is None or self._partial is None:
            return
        try:
            if self._replaces:
                os.chmod(self.url, stat.S_IMODE(os.stat(self._final).st_mode))
                self._partial.sync()
            publish(self.url, self._final, replace=self.overwrite)
        except FileExistsError as error:
            raise OutputError(
                f"{self.shown}: something else has made a file of that name meanwhile; the result is complete in "
                f"{self.url}"
            ) from error
        except OSError as error:
            raise OutputError(f"{self.shown}: {error.strerror}; the result is complete in {self.url}") from error
        finally:
            self._partial.release()
            self._partial = None
        self.url = self._final

    def abandon(self, worth_keeping: bool) -> str | None:
        """Give up an incomplete output; returns a sentence that says where it lies, None if nothing is left.

        worth_keeping: False removes it. A file that was there before, a device or a pipe is never removed. Where there
        was none, what was written gets the output's own name: the job has told that it is not complete.
        """
        self._release_fifo()
        partial, self._partial = self._partial, None
        if partial is None or self._final is None:
            return None
        try:
            if not worth_keeping or not os.path.exists(partial.path):
                partial.remove()
                return None
            if not os.path.lexists(self._final):
                try:
                    publish(partial.path, self._final, replace=False)
                except OSError:
                    return f"what was written until then is in {partial.path}"
                self.url = self._final
                return f"what was written until then is in {self._final}"
            return f"{self.shown} was left as it was; what was written until then is in {partial.path}"
        finally:
            partial.release()

    @property
    def keeps_old(self) -> bool:
        """True if there is a complete file that only a complete one may replace."""
        return self._final is not None and self._replaces

    def _release_fifo(self) -> None:
        descriptor, self._fifo = self._fifo, None
        if descriptor is not None:
            os.close(descriptor)

    def _refuse_input(self, path: str, inputs: Sequence[str], pattern: bool) -> None:
        for name in inputs:
            other = file_of(name)
            if other is None:
                continue
            if os.path.abspath(other) == os.path.abspath(path) or _same_file(other, path):
                raise OutputError(f"{self.shown}: it is also the input {name}; write to another file")
            if pattern and any(_fits(path, f) for f in _files_of(other)):
                raise OutputError(f"{self.shown}: it would overwrite the input {name}; write to another directory")
            if not pattern and os.path.exists(path) and any(_same_file(f, path) for f in _files_of(other)):
                raise OutputError(f"{self.shown}: it is one of the pictures of the input {name}; write to another file")


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


def _files_of(path: str) -> list[str]:
    """The files that an input's path stands for: itself, or those that fit its pattern."""
    if os.path.exists(path) or not _PATTERN.search(path):
        return [path]
    return glob.glob(_PATTERN.sub("*", glob.escape(path)))


def _fits(pattern: str, path: str) -> bool:
    """True if an image pattern can produce that path."""
    parts = [re.escape(p) for p in _PATTERN.split(os.path.abspath(pattern))]
    return re.fullmatch(r"\d+".join(parts), os.path.abspath(path)) is not None
