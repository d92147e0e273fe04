"""Servers of the standard library in a thread, which end with the test, within a limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer

from tests.fakes.waiting import joined


class Serving:
    """Serves in a thread until it is closed. The requests' own threads must be daemons: nobody waits for them."""

    def __init__(self, server: BaseServer) -> None:
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, args=(0.02,), name=f"serving {server.server_address!r}", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """End it; fails if it does not end. `shutdown` itself waits without a limit."""
        ends = threading.Thread(target=self._server.shutdown, name=f"ending {self._thread.name}", daemon=True)
        ends.start()
        joined(ends, self._thread)
        self._server.server_close()


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """Serve inside."""
    running = Serving(server)
    try:
        yield
    finally:
        running.close()
