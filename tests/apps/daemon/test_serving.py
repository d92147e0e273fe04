"""The API over real sockets: live views, their end, and what a server has to bear."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from streamfix.apps.daemon.config.config import DaemonConfig, StreamConfig
from streamfix.apps.daemon.config.spec import OutputConfig
from streamfix.apps.daemon.http import serving
from streamfix.apps.daemon.http.api import create_app
from streamfix.apps.daemon.http.preview import BOUNDARY
from streamfix.apps.daemon.http.serving import HttpServer
from streamfix.conformance.fakes import clip
from streamfix.errors import UsageError
from tests.apps.daemon.fake_supervisor import FakeSupervisor
from tests.fakes.waiting import LONG_S, until

YARD = StreamConfig("yard", "rtsp://192.0.2.5/yard", (OutputConfig("udp://192.0.2.7:9000"),))
FRAMES = clip(4)
POST = b"POST /api/streams HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture
def supervisor() -> FakeSupervisor:
    made = FakeSupervisor()
    made.add(YARD)
    made.pictures["yard"] = FRAMES[0], FRAMES[1]
    return made


@pytest.fixture
def server(supervisor: FakeSupervisor) -> Iterator[HttpServer]:
    app = create_app(supervisor, DaemonConfig())
    server = HttpServer(app, "127.0.0.1", 0, on_close=app.state.previews.close)
    server.start()
    yield server
    server.close()
    assert not server.alive


def asked(server: HttpServer, path: str) -> http.client.HTTPResponse:
    """The answer to a GET, its body still to be read."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LONG_S)
    connection.request("GET", path)
    return connection.getresponse()


def next_part(answer: http.client.HTTPResponse) -> tuple[int, bytes]:
    """(X-Pts, JPEG) of the next part, its form checked."""
    assert answer.readline() == f"--{BOUNDARY}\r\n".encode()
    head = b"".join(iter(answer.readline, b"\r\n")).decode()
    length, pts = (re.search(rf"{name}: (\d+)\r\n", head) for name in ("Content-Length", "X-Pts"))
    assert length and pts and "Content-Type: image/jpeg\r\n" in head
    jpeg = answer.read(int(length[1]))
    assert answer.readline() == b"\r\n"
    return int(pts[1]), jpeg


def test_a_live_view_shows_each_new_frame_and_ends_with_its_stream(
    server: HttpServer, supervisor: FakeSupervisor
) -> None:
    answer = asked(server, "/api/streams/yard/live.mjpg?side=both&fps=15")
    assert answer.getheader("Content-Type") == f"multipart/x-mixed-replace; boundary={BOUNDARY}"
    for i in range(3):
        supervisor.pictures["yard"] = FRAMES[i], FRAMES[i + 1]
        pts, jpeg = next_part(answer)
        while pts != FRAMES[i].pts:  # one more of the frame before was on its way
            pts, jpeg = next_part(answer)
        assert jpeg.startswith(b"\xff\xd8") and jpeg.endswith(b"\xff\xd9")
    supervisor.remove("yard")
    assert answer.read().strip() in (b"", f"--{BOUNDARY}--".encode())


def test_views_are_counted_and_a_viewer_that_leaves_makes_room(server: HttpServer, supervisor: FakeSupervisor) -> None:
    views = [asked(server, "/api/streams/yard/live.mjpg?fps=15") for _ in range(16)]
    for view in views:
        next_part(view)
    assert asked(server, "/api/streams/yard/live.mjpg").status == 429
    assert asked(server, "/livez").status == 200, "whatever is looked at, the probes answer"
    views[0].close()
    until(lambda: asked(server, "/api/streams/yard/live.mjpg?fps=15").status == 200, "room for another view")


def test_the_server_ends_although_views_are_open(supervisor: FakeSupervisor) -> None:
    before = set(threading.enumerate())  # what other tests left to the collector is no matter of this one
    app = create_app(supervisor, DaemonConfig())
    server = HttpServer(app, "127.0.0.1", 0, on_close=app.state.previews.close)
    server.start()
    views = [asked(server, "/api/streams/yard/live.mjpg?fps=0.1") for _ in range(3)]
    for view in views:
        next_part(view)
    assert {"http", "preview_0"} <= {thread.name for thread in set(threading.enumerate()) - before}
    server.close()
    assert not server.alive
    assert [view.read() for view in views] == [f"--{BOUNDARY}--\r\n".encode()] * 3
    until(lambda: set(threading.enumerate()) <= before, "the end of the server's threads")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), LONG_S)


def test_who_only_connects_takes_no_place_for_long(monkeypatch: pytest.MonkeyPatch, server: HttpServer) -> None:
    monkeypatch.setattr(serving, "_ASK_S", 0.2)
    with socket.create_connection(("127.0.0.1", server.port), LONG_S) as idle:
        assert idle.recv(1) == b"", "it is closed"
    monkeypatch.undo()
    assert asked(server, "/livez").status == 200


@pytest.mark.slow
def test_who_looks_and_takes_nothing_keeps_no_view(monkeypatch: pytest.MonkeyPatch, supervisor: FakeSupervisor) -> None:
    monkeypatch.setattr(serving, "_TAKE_S", 0.3)
    app = create_app(supervisor, DaemonConfig())
    previews = app.state.previews
    server = HttpServer(app, "127.0.0.1", 0, on_close=previews.close)
    server.start()
    frame, numbers = clip(1, 1280, 720)[0], itertools.count()
    with contextlib.closing(server), socket.create_connection(("127.0.0.1", server.port), LONG_S) as view:
        view.sendall(b"GET /api/streams/yard/live.mjpg?fps=15&width=4096 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: previews.views == 1)

        def is_over() -> bool:
            newest = replace(frame, pts=next(numbers))
            supervisor.pictures["yard"] = newest, newest
            return not previews.views

        until(is_over, "the end of a view that nobody reads")


def test_an_address_that_cannot_be_had_is_said_with_its_place(server: HttpServer, supervisor: FakeSupervisor) -> None:
    app = create_app(supervisor, DaemonConfig())
    with pytest.raises(
        UsageError, match=rf"daemon\.port = {server.port}: cannot listen at 127\.0\.0\.1: Address already"
    ):
        HttpServer(app, "127.0.0.1", server.port).start()
    with pytest.raises(UsageError, match=r'daemon\.host = "nowhere\.invalid"|daemon\.port'):
        HttpServer(app, "nowhere.invalid", 0).start()
    with pytest.raises(UsageError, match=r"daemon\.port"):
        HttpServer(app, "192.0.2.1", 0).start()
    HttpServer(app, "127.0.0.1", 0).close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET http://evil.example/api/streams HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /api/streams/%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    ],
    ids=lambda value: repr(value[:30]),
)
def test_whatever_comes_over_the_socket_is_answered_or_dropped(server: HttpServer, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), LONG_S) as connection:
        connection.settimeout(LONG_S)
        answer = b""
        with contextlib.suppress(ConnectionError):  # it may be dropped at any point
            connection.sendall(request_bytes)
            with contextlib.suppress(OSError):  # it was already
                connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65536):
                answer += more
    status = re.match(rb"HTTP/1\.1 (\d{3})", answer)
    assert status is None or 400 <= int(status[1]) < 500, answer[:200]
    assert asked(server, "/livez").status == 200
