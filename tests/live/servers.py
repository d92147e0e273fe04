"""Servers for outputs: the ffmpeg command that takes one stream and writes it down."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.fakes.serving import serving
from tests.fakes.waiting import LONG_S, exited, until


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that was free a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_bound(port: int) -> bool:
    """True once a program listens there, TCP or UDP, by the kernel's tables: a connection would count as a client."""
    wanted = f":{port:04X} "
    for table, state in (("tcp", " 0A "), ("tcp6", " 0A "), ("udp", ""), ("udp6", "")):
        lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if any(wanted in line.split(None, 3)[1] + " " and state in line for line in lines):
            return True
    return False


def wait_bound(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server is there."""

    def there() -> bool:
        assert process.poll() is None, "the server has ended"
        return is_bound(port)

    until(there)


@contextmanager
def recorder(url: str, port: int, out: Path, *options: str, wait: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """ffmpeg, which waits for a stream at `url` and copies it into a file; the stream's end is its end.

    wait: until it listens; a client that tries again and again may have come and made it stop by then.
    """
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *options, "-i", url, "-c", "copy", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            if wait:
                wait_bound(port, process)
            yield process
            process.wait(LONG_S)
        finally:
            process.kill()
            exited(process)


class _Puts(BaseHTTPRequestHandler):
    """Keeps what is uploaded, in chunks, under its name."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_PUT(self) -> None:
        found = b""
        while length := int(self.rfile.readline(), 16):
            found += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        self.server.keep(self.path.lstrip("/"), found, self.client_address)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


class _Uploads(ThreadingHTTPServer):
    """Of two uploads of one name, the one whose connection came last is kept, whichever thread is done first."""

    daemon_threads = False  # the end waits for what is being uploaded

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Puts)
        self.files: dict[str, bytes] = {}
        self._connections: dict[Any, int] = {}
        self._newest: dict[str, int] = {}

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections[client_address] = len(self._connections)
        super().process_request(request, client_address)

    def keep(self, name: str, data: bytes, client_address: Any) -> None:
        number = self._connections[client_address]
        if number >= self._newest.get(name, 0):
            self._newest[name], self.files[name] = number, data


@contextmanager
def uploads() -> Iterator[tuple[str, dict[str, bytes]]]:
    """An HTTP server that takes files: its URL, and what it has received by name."""
    with _Uploads() as server, serving(server):
        yield f"http://127.0.0.1:{server.server_port}", server.files
