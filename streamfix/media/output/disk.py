"""A recording's way to the disk: what is written waits in memory while the disk is slow, and replaces no older file."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count

from .fragments import Fragments
from .headers import has_pictures, set_creation_time

log = logging.getLogger("streamfix.media")

MEBIBYTE = 2**20
_HEADER = MEBIBYTE  # bytes after which a header that has not come yet will not come
_SOON_S = 0.02  # that a disk which is no bottleneck may take for a write


@dataclass(frozen=True, slots=True)
class Room:
    """How much may wait for a disk: bytes, and seconds that the oldest of them have waited."""

    bytes: int = 256 * MEBIBYTE
    seconds: float = 10.0

    def holds(self, bytes: int, seconds: float) -> bool:
        """True if so much may wait, the oldest of it for so long."""
        return bytes <= self.bytes and seconds < self.seconds

    def __str__(self) -> str:
        return f"{self.seconds:g} s or {self.bytes / MEBIBYTE:g} MiB"


class Disk:
    """Writes files in a thread of its own, in the order in which it is asked to.

    While it has room nobody waits for it: neither the thread that encodes, nor, in libav's trailers and headers, the
    whole of Python. When the room is used up, a write waits.

    shown: the output's name in messages. room: how much may wait. clock: monotonic seconds.

    error: why nothing is written any more, and all that comes is thrown away. It is for `check` and `drain` to raise:
    libav's callbacks cannot, as PyAV prints an exception that follows another one.
    written: bytes that the system has taken.
    has_pictures: more than headers is among them.
    """

    def __init__(self, shown: str, room: Room, clock: Callable[[], float] = time.monotonic) -> None:
        self._shown, self._room, self._clock = shown, room, clock
        self._waiting: deque[tuple[float, int, Callable[[], None]]] = deque()  # the first is being done
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._ended = self._over = self._behind = False
        self._thread: threading.Thread | None = None
        self.open_files: set[DiskFile] = set()  # of this thread alone
        self.error: OSError | None = None
        self.written = 0
        self.has_pictures = False

    def create(self, path: str, *, keeps: bool, taken_s: float | None = None) -> DiskFile:
        """Begin a new file. keeps: one of that name stays, and the new one gets the first free name like it.

        taken_s: Unix time that its header is to say.
        """
        return self._open(DiskFile(self, path, keeps=keeps, taken_s=taken_s))

    def existing(self, path: str) -> DiskFile:
        """Write to an empty file that is there already."""
        return self._open(DiskFile(self, path, keeps=None))

    def is_written(self) -> bool:
        """True if the system has taken all; a disk that keeps up is given a moment for that."""
        with self._changed:
            if not self._behind:
                self._changed.wait_for(self._is_idle, _SOON_S)
            self._behind = not self._is_idle()
            return not self._behind and self.error is None

    def drain(self) -> None:
        """Wait until all is written. Raises OSError."""
        with self._changed:
            self._changed.wait_for(self._is_idle)
        self.check()

    def wait_for(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds that its thread does, or until nothing is written any more."""
        with self._changed:
            self._changed.wait_for(lambda: holds() or self._is_idle())

    def check(self) -> None:
        """Raise the error that has ended the writing, if there is one.

        Each time another: an error that is kept and raised holds on to all that those who call it have, down to their
        pictures, until Python's collector of cycles comes round to it.
        """
        if self.error is not None:
            raise OSError(self.error.errno, self.error.strerror)

    def abort(self) -> None:
        """Give up what waits, and let whoever waits for the disk go on. From any thread."""
        with self._changed:
            if self._waiting and self.error is None:
                lost = f"the disk does not answer; {self._waiting_bytes / MEBIBYTE:.1f} MiB that waited for it are lost"
                self.error = OSError(errno.ETIMEDOUT, lost)
            self._changed.notify_all()

    def close(self) -> None:
        """End the thread once all is written; does not wait."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def put(self, size: int, work: Callable[[], None]) -> None:
        """Do that in the disk's thread, after what waits already; waits for room for `size` bytes."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(size))
            if self.error is not None or self._over:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="disk", daemon=True)
                self._thread.start()
            self._waiting.append((self._clock(), size, work))
            self._waiting_bytes += size
            self._changed.notify_all()

    def _open(self, file: DiskFile) -> DiskFile:
        self.put(0, file.open)
        return file

    def _has_room(self, size: int) -> bool:
        if self.error is not None or not self._waiting:
            return True
        return self._room.holds(self._waiting_bytes + size, self._clock() - self._waiting[0][0])

    def _is_idle(self) -> bool:
        return not self._waiting or self.error is not None

    def _fail(self, error: OSError) -> None:
        """Note the first error: nothing is written after it."""
        with self._changed:
            if self.error is None:
                self.error = error.with_traceback(None)

    def _work(self) -> None:
        while (work := self._next()) is not None:
            try:
                work()
            except OSError as error:
                self._fail(error)
            except Exception as error:
                log.exception("%s: writing ends because of a bug", self._shown)
                self._fail(OSError(errno.EIO, f"writing ended because of a bug: {error}"))
            self._done()
        for file in self.open_files:
            file.give_up()
        self.open_files.clear()

    def _next(self) -> Callable[[], None] | None:
        """Wait for what is to be done; None at the end, after which what still comes is thrown away."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended or self.error is not None)
            if self._waiting and self.error is None:
                return self._waiting[0][2]
            self._over = True
            self._waiting.clear()
            self._waiting_bytes = 0
            self._changed.notify_all()
            return None

    def _done(self) -> None:
        with self._changed:
            _, size, _ = self._waiting.popleft()
            self._waiting_bytes -= size
            self._changed.notify_all()


class DiskFile:
    """A file as libav writes it: each call returns at once, while there is room.

    path: its name, another than was asked for if that was taken. keeps: see `Disk.create`; None: it is there already.
    fragments: of an MP4, what libav has written of it; None of anything else.
    """

    def __init__(self, disk: Disk, path: str, *, keeps: bool | None, taken_s: float | None = None) -> None:
        self.path = self.name = path
        self._disk, self._keeps, self._taken_s = disk, keeps, taken_s
        self._at = self._size = 0
        self._descriptor = -1
        self._dated = taken_s is None
        self.fragments: Fragments | None = None
        self._closed = self._begun = self._is_named = False

    # -- for libav

    def write(self, data: bytes) -> int:
        """Append or replace at the present place."""
        if self.fragments is not None:
            self.fragments.write(self._at, data)
        self._disk.put(len(data), partial(self._write, self._at, data))
        self._at += len(data)
        self._size = max(self._size, self._at)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; returns it."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        """The present place."""
        return self._at

    def close(self) -> None:
        """Nothing more will come."""
        if not self._closed:
            self._closed = True
            self._disk.put(0, self._finish)

    def named(self) -> str:
        """Its name, once that is known: waits for the disk to make the file, not for what is written to it."""
        self._disk.wait_for(lambda: self._is_named)
        return self.path

    # -- in the disk's thread

    def open(self) -> None:
        """Make the file, or open it."""
        if self._keeps is None:
            self._descriptor = os.open(self.path, os.O_RDWR)
        elif self._keeps:
            self.path, self._descriptor = create_beside(self.path)
        else:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._is_named = True
        self._disk.open_files.add(self)

    def give_up(self) -> None:
        """Close it after an error; one without a picture is removed."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError):
            if self._keeps is not None and not has_pictures(self._descriptor):
                os.remove(self.path)
        with contextlib.suppress(OSError):
            os.close(self._descriptor)

    def _write(self, at: int, data: bytes) -> None:
        left = memoryview(data)
        while left:
            done = os.pwrite(self._descriptor, left, at)
            left, at = left[done:], at + done
            self._disk.written += done
        if not self._dated and self._taken_s is not None:
            self._dated = set_creation_time(self._descriptor, self._taken_s) or at > _HEADER
        if not self._begun:
            self._begun = has_pictures(self._descriptor) or at > _HEADER
            self._disk.has_pictures |= self._begun

    def _finish(self) -> None:
        if self._taken_s is not None:
            set_creation_time(self._descriptor, self._taken_s)  # the trailer may have written the header again
        self._disk.open_files.discard(self)
        os.close(self._descriptor)


def create_beside(path: str) -> tuple[str, int]:
    """Make the file, or the first like it whose name is free: yard.mp4, yard.1.mp4; its name and descriptor.

    A name that is not the one that was asked for is told. Raises OSError.
    """
    stem, ending = os.path.splitext(path)
    for number in count():
        name = f"{stem}.{number}{ending}" if number else path
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            if number:
                why = "the clock was set back, or two segments have one name"
                log.warning("%s exists already (%s); this segment goes to %s", path, why, name)
            return name, descriptor
    raise AssertionError("numbers do not end")
