"""The HTTP server, in its own thread beside the streams' threads."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from ....errors import UsageError

_LET_FINISH_S = 3  # for requests to finish when the server ends
_JOIN_S = 10.0
_ASK_S = 10.0  # for a client's first request to arrive
_TAKE_S = 30.0  # for a client to take its answer
_MOST_CONNECTIONS = 256  # further clients get 503 at once


class HttpServer:
    """Serves an app. Use it once: `start`, then `close`.

    host, port: where it listens; port 0 takes a free one, which `port` then says.
    on_close: called when it ends, to end the live views, which would go on for ever.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, on_close: Callable[[], None] | None = None) -> None:
        self.host, self.port = host, port
        self._on_close = on_close
        self._socket: socket.socket | None = None
        self._up = threading.Event()
        config = uvicorn.Config(
            app,
            http=_Impatient,
            log_config=None,  # uvicorn logs through the daemon's own handlers
            access_log=False,
            ws="none",
            lifespan="on",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=_LET_FINISH_S,
            limit_concurrency=_MOST_CONNECTIONS,
            h11_max_incomplete_event_size=64 * 1024,
        )
        self._server = _Server(config, self._up)
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Listen, and return once requests are answered. Raises UsageError if the address cannot be used."""
        self._socket = _listen(self.host, self.port)
        self.port = self._socket.getsockname()[1]
        self._thread.start()
        self._up.wait()
        if not self._thread.is_alive():
            raise RuntimeError("the HTTP server ended while it started; the log has the reason")

    @property
    def alive(self) -> bool:
        """True while requests are answered."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the server: live views stop, other requests get a few seconds to finish."""
        if self._on_close is not None:
            self._on_close()
        self._server.should_exit = True
        if self._socket is not None:
            self._thread.join(_JOIN_S)

    def _run(self) -> None:
        assert self._socket is not None
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()
            self._up.set()


class _Impatient(H11Protocol):
    """Closes connections that send no request or take no answer, so that they keep no other client out."""

    _blocked: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(_ASK_S, self._close_if_unused)

    def _close_if_unused(self) -> None:
        asked: object = self.cycle
        if asked is None and not self.transport.is_closing():
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._blocked = self.loop.call_later(_TAKE_S, self.transport.abort)

    def resume_writing(self) -> None:
        self._unblock()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unblock()
        super().connection_lost(exc)

    def _unblock(self) -> None:
        if self._blocked is not None:
            self._blocked.cancel()
            self._blocked = None


class _Server(uvicorn.Server):
    """Sets an event once it answers requests."""

    def __init__(self, config: uvicorn.Config, up: threading.Event) -> None:
        super().__init__(config)
        self._up = up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up.set()


def _listen(host: str, port: int) -> socket.socket:
    bare = host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            bare, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        server = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(
            f'daemon.host = "{host}": {error.strerror or error}; give an address of this machine'
        ) from None
    try:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(address)
        server.listen(128)
    except (OSError, OverflowError) as error:
        server.close()
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"daemon.port = {port}: cannot listen at {host}: {reason}; choose another") from None
    return server
