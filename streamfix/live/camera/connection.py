"""One connection to a camera, read in a thread of its own that may be left alone when it does not return."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ...errors import StreamfixError
from ...media.input.reader import Reader
from ...media.interruption import Interruption
from ...media.source_info import detach
from ...media.streams import MappedStream

log = logging.getLogger("streamfix.live")

_DEPTH = 8  # items between the two threads: what comes faster waits in the network


class Connection:
    """Opens a reader and reads it, in a daemon thread that also closes it.

    open: makes the reader; is given the flag that ends it.

    reader: None until it is open, that is until its first frame was decoded. It may be closed already when this is
    seen; streams: its streams, which are not. over: all it had was taken, and there
    will be no more. error: why; None where the input just ended. wall_start_s: as `Reader.wall_start_s`, kept up to
    date.
    """

    def __init__(self, open: Callable[[Interruption], Reader], name: str = "camera") -> None:
        self._open = open
        self._stopped = Interruption()
        self._items: deque[Any] = deque()
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
        """True while its thread has not returned: there is a call that it waits for, or a close."""
        return self._thread.is_alive()

    def take(self, timeout_s: float) -> Any:
        """The next frame or packet; None where none came in time, or none will come."""
        with self._changed:
            if not self._items and not self._finished:
                self._changed.wait(timeout_s)
            if not self._items:
                return None
            self._changed.notify_all()
            return self._items.popleft()

    def abandon(self) -> None:
        """Want nothing more. The thread ends, and closes the reader, when the call that it is in returns."""
        self._stopped.set()
        with self._changed:
            self._items.clear()
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread, no longer than that."""
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
        except BaseException as caught:  # noqa: BLE001 - carried to the thread that takes
            error = caught
        with self._changed:
            self.error, self._finished = error, True
            self._changed.notify_all()
        if reader is not None:
            try:
                reader.close()
            except StreamfixError as failure:
                log.debug("%s: %s", self._thread.name, failure)  # it is `error`, and told already

    def _put(self, item: Any) -> bool:
        """Wait for room; False if nothing more is wanted."""
        with self._changed:
            while len(self._items) >= _DEPTH and not self._stopped.is_set():
                self._changed.wait()
            if self._stopped.is_set():
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True
