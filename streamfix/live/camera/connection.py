"""One connection to a camera, read in a thread of its own, which can be abandoned if it hangs."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import av

from ...errors import StreamfixError, let_go
from ...media.input.reader import Reader
from ...media.interruption import Interruption
from ...media.source_info import detach
from ...media.streams import MappedStream
from ..room import Room, size_of

log = logging.getLogger("streamfix.live")

_DEPTH = 8  # items between the two threads; more wait in the network, unless there is room for a recording


class Connection:
    """Opens a reader and reads it, in a daemon thread that also closes it.

    open: makes the reader, which ends when the flag that is passed is set. room: how much may wait to be taken, None
    for a few items.

    reader: None until it is open, that is until its first frame was decoded; the thread may have closed it since.
    streams: its streams, usable after that. over: everything was taken and nothing more will come. error: why; None if
    the input simply ended. wall_start_s: the newest `Reader.wall_start_s`.
    """

    def __init__(
        self, open: Callable[[Interruption], Reader], name: str = "camera", *, room: Room | None = None
    ) -> None:
        self._open, self._room = open, room
        self._stopped = Interruption()
        self._items: deque[tuple[float, Any]] = deque()  # with the monotonic time since which it waits
        self._bytes = 0
        self._finished = False
        self._changed = threading.Condition()
        self.reader: Reader | None = None
        self.streams: Sequence[MappedStream] = ()
        self.error: BaseException | None = None
        self.wall_start_s: float | None = None
        self._thread = threading.Thread(target=self._read, name=name, daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """True once nothing more will come."""
        with self._changed:
            return self._finished and not self._items

    @property
    def alive(self) -> bool:
        """True until its thread has returned; it may hang in a read or a close."""
        return self._thread.is_alive()

    def take(self, timeout_s: float) -> Any:
        """The next frame or packet; None if none came within timeout_s, or none will come."""
        with self._changed:
            if not self._items and not self._finished:
                self._changed.wait(timeout_s)
            if not self._items:
                return None
            self._changed.notify_all()
            _, item = self._items.popleft()
            self._bytes -= size_of(item)
            return item

    @property
    def has_room(self) -> bool:
        """True while more may wait for a recording."""
        with self._changed:
            return self._has_room()

    def abandon(self) -> None:
        """Take nothing more. The thread ends, and closes the reader, when the call that it is in returns."""
        self._stopped.set()
        with self._changed:
            self._items.clear()
            self._bytes = 0
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread, timeout_s at most."""
        self._thread.join(timeout_s)

    def _read(self) -> None:
        reader: Reader | None = None
        error: BaseException | None = None
        self._stopped.interrupts_this_thread()
        try:
            reader = self._open(self._stopped)
            self.streams = detach(reader.streams)
            self.wall_start_s = reader.wall_start_s
            self.reader = reader
            for item in reader:
                self.wall_start_s = reader.wall_start_s
                if not self._put(item):
                    break
                del item
            error = reader.failure
        except BaseException as caught:  # noqa: BLE001 - the thread that takes raises it
            error = caught
        if isinstance(error, StreamfixError | av.FFmpegError | OSError):
            let_go(error)  # any other is a bug, and its place is logged
        with self._changed:
            self.error, self._finished = error, True
            self._changed.notify_all()
        if reader is not None:
            try:
                reader.close()
            except StreamfixError as failure:
                log.debug("%s: %s", self._thread.name, failure)  # it is `error`, and reported already

    def _put(self, item: Any) -> bool:
        """Wait for room; False if nothing more is wanted."""
        with self._changed:
            while len(self._items) >= _DEPTH and not self._has_room() and not self._stopped.is_set():
                self._changed.wait()
            if self._stopped.is_set():
                return False
            self._items.append((time.monotonic(), item))
            self._bytes += size_of(item)
            self._changed.notify_all()
            return True

    def _has_room(self) -> bool:
        if self._room is None:
            return False
        return not self._items or self._room.holds(self._bytes, time.monotonic() - self._items[0][0])
