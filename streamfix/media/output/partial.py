"""The file that is written until an output is complete: its name, its lock, and what killed jobs have left."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import os
import re
import time
import weakref
from collections.abc import Iterator
from itertools import count

from ...errors import OutputError

_FOLDER_S = 1.0  # that a folder's lock is waited for; a job holds it for a few system calls
_NAME_MAX = 255


class PartialFile:
    """A new, empty file beside an output: out.partial.mkv, or out.partial-2.mkv if there is one that was left.

    It is locked as long as it is written, so that there is never more than one job for an output, in this process and
    in others. (Where the file system knows no locks, both have a file of their own, and the later one is kept.) If it
    is never written, it goes away with this object.

    path: its name. stale: what jobs that did not finish left for the same output; empty ones are removed.
    final: the output's own place. shown: its name in messages. replaces: there is a file in that place.
    Raises OutputError if another job writes that output, or if there can be no file.
    """

    def __init__(self, final: str, shown: str, *, replaces: bool) -> None:
        self.stale: list[str] = []
        folder, name = os.path.split(final)
        try:
            with _locked(folder):
                self._refuse_other_job(final, shown)
                self.path, self._descriptor = _create(folder, name)
        except OutputError:
            raise
        except OSError as error:
            old = "; the old file stays until the new one is complete, which has to lie beside it" if replaces else ""
            raise OutputError(
                f"{shown}: there can be no new file in {folder}: {error.strerror}{old}; "
                "write to another folder, or make this one writable"
            ) from error
        self._end = weakref.finalize(self, _remove_empty, self._descriptor, self.path, os.getpid())

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        with contextlib.suppress(OSError):  # some file systems cannot
            os.fsync(self._descriptor)

    def remove(self) -> None:
        """Remove the file."""
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.path)

    def release(self) -> None:
        """Let other jobs write the output. A second time does nothing."""
        if self._end.detach() is not None:
            os.close(self._descriptor)

    def _refuse_other_job(self, final: str, shown: str) -> None:
        for path in _siblings(final):
            try:
                descriptor = os.open(path, os.O_RDWR)
            except OSError:
                self.stale.append(path)  # somebody else's
                continue
            try:
                if not _lock(descriptor):
                    raise OutputError(
                        f"{shown}: another job is writing it just now, into {path}; "
                        "wait until it has ended, or write to another file"
                    )
                if os.fstat(descriptor).st_size:
                    self.stale.append(path)
                else:
                    os.remove(path)
            finally:
                os.close(descriptor)


def publish(path: str, final: str, *, replace: bool) -> None:
    """Give a file its own name. Raises FileExistsError if there is one and `replace` is False, or another OSError."""
    if replace:
        os.replace(path, final)
        return
    try:
        os.link(path, final)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(final):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), final) from None
        os.replace(path, final)
        return
    os.remove(path)


def _create(folder: str, name: str) -> tuple[str, int]:
    """The first free name, and the file's locked descriptor."""
    for number in count(1):
        path = os.path.join(folder, partial_name(name, number, _longest_name(folder)))
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        _lock(descriptor)
        return path, descriptor
    raise AssertionError("numbers do not end")


def partial_name(name: str, number: int, longest: int = _NAME_MAX) -> str:
    """out.mkv as out.partial.mkv, out.partial-2.mkv ...; a name that gets too long is cut and has a sign of its own.

    longest: bytes that a name may have.
    """
    stem, ending = os.path.splitext(name)
    mark = ".partial" if number == 1 else f".partial-{number}"
    if len(os.fsencode(stem + mark + ending)) <= longest:
        return stem + mark + ending
    import hashlib  # loads OpenSSL: milliseconds that nearly no start needs

    tail = f"~{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}{mark}"
    if len(os.fsencode(tail + ending)) <= longest // 2:
        tail += ending
    while stem and len(os.fsencode(stem + tail)) > longest:
        stem = stem[:-1]
    return stem + tail


def _siblings(final: str) -> list[str]:
    """The partial files of an output that lie beside it."""
    folder, name = os.path.split(final)
    first = partial_name(name, 1, _longest_name(folder))
    after = first.rpartition(".partial")[2]
    # A number costs a long name two or three more characters.
    begins = {partial_name(name, n, _longest_name(folder)).rpartition(".partial")[0] for n in (1, 2, 10)}
    found = []
    for begin in sorted(begins):
        numbered = re.compile(rf"{re.escape(begin)}\.partial(-\d+)?{re.escape(after)}", re.DOTALL)
        paths = glob.glob(os.path.join(glob.escape(folder), glob.escape(begin) + ".partial*"))
        found += [path for path in paths if numbered.fullmatch(os.path.basename(path))]
    return sorted(set(found))


def _longest_name(folder: str) -> int:
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (OSError, ValueError):
        return _NAME_MAX


def _lock(descriptor: int) -> bool:
    """Lock a file; False if it is locked. A file system without locks has none that is locked."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Keep other jobs from looking for partial files in the folder, as far as it can be locked."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # a folder that may be written and not read
        yield
        return
    try:
        end_s = time.monotonic() + _FOLDER_S
        while not _lock(descriptor) and time.monotonic() < end_s:
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _remove_empty(descriptor: int, path: str, process: int) -> None:
    """Remove a file that was never written: its job did not begin. A fork of the process removes nothing."""
    with contextlib.suppress(OSError):
        if process == os.getpid() and not os.fstat(descriptor).st_size:
            os.remove(path)
    os.close(descriptor)
