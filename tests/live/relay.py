"""A UDP relay that loses packets: what a bad network does, on any kernel."""

from __future__ import annotations

import random
import socket
import threading

from tests.fakes.waiting import joined


class LossyRelay:
    """Takes datagrams at `port` and passes them on to `target`, except for some.

    loss: part that is lost, of each packet by itself. seed: which ones.
    """

    def __init__(self, target: int, loss: float, seed: int = 1) -> None:
        self._in = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._in.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self._in.bind(("127.0.0.1", 0))
        self._in.settimeout(0.1)
        self._out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port: int = self._in.getsockname()[1]
        self.loss, self._target, self._random = loss, target, random.Random(seed)
        self.passed = self.lost = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        joined(self._thread)
        self._in.close()
        self._out.close()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                data = self._in.recv(65536)
            except TimeoutError:
                continue
            if self._random.random() < self.loss:
                self.lost += 1
            else:
                self._out.sendto(data, ("127.0.0.1", self._target))
                self.passed += 1
