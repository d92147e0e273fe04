"""A daemon as its web page sees it: the REST API answers from a dictionary that tests change."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

from tests.apps.daemon.fake_http import Handler, Server
from tests.apps.daemon.page_material import stream
from tests.fakes.serving import Serving


class FakeDaemon:
    """Serves the page and the API at 127.0.0.1, from `start` to `close`; both may follow each other on the same port.

    streams, histories, events, recordings: what is answered, changed freely. token: needed if not empty.
    refuse: the problem document that the next change is answered with.
    asked: "METHOD /path" of every request. viewing: open live views. sent: (method, path, body) of every change.
    """

    def __init__(self, token: str = "") -> None:
        self.streams: dict[str, dict[str, Any]] = {}
        self.histories: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.recordings: dict[str, list[dict[str, Any]]] = {}
        self.token = token
        self.may_change = True
        self.unsaved: dict[str, list[str]] = {}
        self.refuse: dict[str, Any] | None = None
        self.asked: list[str] = []
        self.viewing = 0
        self.connections: set[socket.socket] = set()
        self.sent: list[tuple[str, str, Any]] = []
        self.port = 0
        self.closing = threading.Event()
        self._serving: Serving | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> FakeDaemon:
        self.closing.clear()
        server = Server(("127.0.0.1", self.port), type("Handler", (Handler,), {"daemon": self}))
        self.port = server.server_address[1]
        self._serving = Serving(server)
        return self

    def close(self) -> None:
        """Live views and all connections end."""
        self.closing.set()
        if self._serving is not None:
            self._serving.close()
            for connection in tuple(self.connections):
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    connection.shutdown(socket.SHUT_RDWR)
            self._serving = None

    def change(self, method: str, name: str, verb: str, body: Any) -> None:
        """What a request that changes something does."""
        if method == "POST" and not name:
            self.streams[body["name"]] = stream(body["name"], "starting", since=time.time(), **_shown(body))
        elif verb == "zones":
            self.streams[name].update(body)
        elif method == "PATCH":
            self.streams[name].update(_shown(body))
        elif method == "DELETE":
            del self.streams[name]
        elif verb == "retry":
            self.streams[name].update(next_try=None)
        elif verb in ("start", "stop"):
            self.streams[name].update(state={"start": "running", "stop": "stopped"}[verb], since=time.time(), reason="")


def _shown(body: Mapping[str, Any]) -> dict[str, Any]:
    shown = {k: v for k, v in body.items() if k in ("input", "filters")}
    if "outputs" in body:
        shown["outputs"] = [{"url": o if isinstance(o, str) else o["url"], "trouble": ""} for o in body["outputs"]]
    return shown
