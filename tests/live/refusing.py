"""An RTSP server that refuses: every client gets the same answer, and nobody gets a picture."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.serving import serving

_SDP = (
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    b"a=rtpmap:96 H264/90000\r\na=control:track1\r\n"
)


@dataclass
class Refusing:
    """What the server answers, and what it was asked.

    describe, setup: the status of the answers to DESCRIBE and SETUP, as in "401 Unauthorized".
    logins: DESCRIBE requests that came with a password. clients: connections so far.
    """

    describe: str = "401 Unauthorized"
    setup: str = "200 OK"
    logins: int = 0
    clients: int = 0
    port: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, user: str = "") -> str:
        """Its URL. user: as in "user:password"."""
        return f"rtsp://{user}{'@' if user else ''}127.0.0.1:{self.port}/camera"

    def answer(self, verb: str, headers: dict[str, str]) -> bytes:
        """The answer to one request (RFC 2326)."""
        status = {"DESCRIBE": self.describe, "SETUP": self.setup}.get(verb, "200 OK")
        with self.lock:
            self.logins += verb == "DESCRIBE" and "authorization" in headers
        lines, body = [f"RTSP/1.0 {status}", f"CSeq: {headers.get('cseq', '0')}"], b""
        if verb == "OPTIONS":
            lines.append("Public: DESCRIBE, SETUP, PLAY")
        if status.startswith("401"):
            lines.append('WWW-Authenticate: Digest realm="camera", nonce="0123456789abcdef"')
        if verb == "DESCRIBE" and status.startswith("200"):
            body = _SDP
            lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + body


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def refusing(describe: str = "401 Unauthorized", setup: str = "200 OK") -> Iterator[Refusing]:
    """Run the server."""
    told = Refusing(describe, setup)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with told.lock:
                told.clients += 1
            with suppress(OSError):
                while line := self.rfile.readline():
                    headers: dict[str, str] = {}
                    while header := self.rfile.readline().strip().decode():
                        name, _, value = header.partition(":")
                        headers[name.strip().lower()] = value.strip()
                    self.wfile.write(told.answer(line.split()[0].decode(), headers))

    with _Server(("127.0.0.1", 0), Handler) as server:
        told.port = server.server_address[1]
        with serving(server):
            yield told


def closed_port() -> Any:
    """A socket whose port is taken and where nobody listens: connections to it are refused as long as it is open."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held
