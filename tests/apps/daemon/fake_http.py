"""The HTTP side of `fake_daemon.FakeDaemon`."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import streamfix
from streamfix.apps.daemon.config.config import DaemonConfig
from streamfix.apps.daemon.http.bodies import without_own
from streamfix.apps.daemon.http.document import stream_schemas
from tests.apps.daemon.page_material import STEP_S, pictures

if TYPE_CHECKING:
    from tests.apps.daemon.fake_daemon import FakeDaemon

WEB = Path(streamfix.__file__).parent / "apps" / "daemon" / "web"
FILM = Path(streamfix.__file__).parents[1] / "samples" / "bunny.mp4"
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
# Stricter than the API's own: the page has to live with the least.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
POLICY += "connect-src 'self'; base-uri 'none'; form-action 'none'; "
POLICY += "frame-ancestors 'none'; require-trusted-types-for 'script'"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    daemon: FakeDaemon

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        self.daemon.connections.add(self.connection)
        try:
            super().handle()
        except OSError:
            pass  # a browser leaves when it likes
        finally:
            self.daemon.connections.discard(self.connection)

    def finish(self) -> None:
        with contextlib.suppress(OSError):  # the same
            super().finish()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        url = urlsplit(self.path)
        self.daemon.asked.append(f"{self.command} {self.path}")
        length = int(self.headers.get("Content-Length") or 0)
        body: Any = json.loads(self.rfile.read(length)) if length else None
        if not url.path.startswith("/api/"):
            self._file(url.path)
        elif url.path == "/api/login":
            right = body["token"] == self.daemon.token
            cookie = {"Set-Cookie": f"session={self.daemon.token}; HttpOnly; SameSite=Strict; Path=/"} if right else {}
            self._json(200 if right else 401, {"detail": "" if right else "wrong token"}, cookie)
        elif self.daemon.token and f"session={self.daemon.token}" not in self.headers.get("Cookie", ""):
            self._json(401, {"detail": "a token is needed"})
        elif self.command == "GET":
            self._read(url.path.split("/")[2:], {k: v[0] for k, v in parse_qs(url.query).items()})
        else:
            self._change(url.path.split("/")[2:], body)

    def _read(self, path: list[str], query: Mapping[str, str]) -> None:
        daemon = self.daemon
        if path == ["system"]:
            load = {"used": 1.12, "capacity": 1.8}
            states = {"version": "1", "ready": True, "draining": False, "may_change": daemon.may_change}
            self._json(200, {**states, "load": load, "unsaved": daemon.unsaved})
        elif path == ["openapi.json"]:
            self._json(200, {"components": {"schemas": stream_schemas()}})
        elif path == ["defaults"]:
            defaults = DaemonConfig(defaults={"filters": "denoise", "max_latency": "300ms", "on_lost": "hold"})
            self._json(200, without_own(defaults))
        elif path == ["live.mjpg"]:
            shown = ("running", "degraded")
            self._live(float(query["fps"]), lambda: [n for n, s in daemon.streams.items() if s["state"] in shown])
        elif path == ["streams"]:
            self._json(200, list(daemon.streams.values()))
        elif path[0] != "streams" or path[1] not in daemon.streams:
            self._json(404, {"detail": f"no stream {path[1:2]}"})
        elif path[2:] == ["history"]:
            empty = {
                "step_s": STEP_S,
                **{n: [] for n in ("t", "fps", "latency_p50", "latency_p99", "dropped", "noise")},
            }
            self._json(200, daemon.histories.get(path[1], empty))
        elif path[2:] == ["events"]:
            self._json(200, daemon.events.get(path[1], []))
        elif path[2:] == ["snapshot.jpg"]:
            self._send(200, pictures()[0], "image/jpeg")
        elif path[2:] == ["recordings"]:
            self._json(200, self._recordings(path[1], query))
        elif path[2:3] == ["recordings"]:
            self._send(200, FILM.read_bytes() if path[-1].endswith(".mp4") else b"no film", "video/mp4")
        elif path[2:] == ["live.mjpg"]:
            self._live(float(query["fps"]))
        else:
            config = {**daemon.streams[path[1]], "max_latency": "0.2s", "on_lost": "hold", "on_damaged": "pass"}
            config["outputs"] = [{"url": o["url"], "format": "rtsp", "options": {}} for o in config["outputs"]]
            self._json(200, {**daemon.streams[path[1]], "config": config})

    def _recordings(self, name: str, query: Mapping[str, str]) -> dict[str, Any]:
        files = self.daemon.recordings.get(name, [])
        whole = {"records": bool(files), "count": len(files), "bytes": sum(one["bytes"] for one in files)}
        until = float(query.get("until", "inf"))
        found = [one for one in files if (one["begun"] or one["changed"]) <= until]
        at = next((i for i, one in enumerate(found) if one["name"] == query.get("before")), -1) + 1
        end = at + int(query["limit"])
        kept = {"max_age": "14d", "max_size": "500GB"}
        return {**whole, "left": max(0, len(found) - end), "retention": kept, "files": found[at:end]}

    def _change(self, path: list[str], body: Any) -> None:
        daemon = self.daemon
        daemon.sent.append((self.command, "/".join(path), body))
        if daemon.refuse is not None:
            problem, daemon.refuse = daemon.refuse, None
            self._json(problem["status"], problem)
            return
        if self.headers.get("Content-Type") != "application/json":
            self._json(415, {"detail": "changes need Content-Type: application/json"})
            return
        if path == ["save"]:
            daemon.unsaved = {}
            self._json(200, {"file": "/etc/streamfix/streams.toml", "backup": "/etc/streamfix/streams.toml.bak"})
            return
        name, verb = [*path[1:], "", ""][:2]
        daemon.change(self.command, name, verb, body)
        self._json(200, {})

    def _live(self, fps: float, names: Callable[[], Sequence[str]] = lambda: ("",)) -> None:
        """names: of the streams whose pictures are sent in one view."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.daemon.viewing += 1
        try:
            for jpeg in cycle(pictures()):
                for name in names():
                    whose = f"X-Stream: {name}\r\n" if name else ""
                    head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n{whose}\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                if self.daemon.closing.wait(1 / fps):
                    return
        finally:
            self.daemon.viewing -= 1

    def _file(self, path: str) -> None:
        file = WEB / (path.strip("/") or "index.html")
        if file.parent == WEB and file.is_file():
            self._send(200, file.read_bytes(), KINDS[file.suffix])
        else:
            self._send(404, b"", "text/plain")

    def _json(self, status: int, content: Any, headers: Mapping[str, str] | None = None) -> None:
        self._send(status, json.dumps(content).encode(), "application/json", headers)

    def _send(self, status: int, content: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(HTTPStatus(status))
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Cache-Control", "no-store")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
