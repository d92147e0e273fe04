"""What no request passes without: the right host, origin, token, kind and size."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from streamfix.apps.daemon.access.auth import COOKIE, Access
from streamfix.apps.daemon.http import middleware
from streamfix.apps.daemon.http.middleware import MAX_BODY_BYTES, AccessMiddleware
from streamfix.apps.daemon.http.models import ProblemDocument

TOKEN = "0123456789abcdef"
JSON = {"content-type": "application/json"}
Headers = dict[str, str]


class Inner:
    """The app behind the middleware: remembers what came through."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.bodies.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


class Asked:
    """One request sent through the middleware, and what came of it."""

    def __init__(
        self,
        method: str,
        path: str,
        headers: Headers | None = None,
        body: Iterable[bytes] = (b"",),
        *,
        token: str = "",
        stalls: bool = False,
    ) -> None:
        self.inner = Inner()
        self.sent: list[Any] = []
        wanted = {"host": "localhost:8080", **(headers or {})}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in wanted.items() if v],
        }
        parts = list(body)
        left = iter(enumerate(parts, 1))

        async def receive() -> Any:
            for i, part in left:
                return {"type": "http.request", "body": part, "more_body": i < len(parts) or stalls}
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            self.sent.append(message)

        asyncio.run(AccessMiddleware(self.inner, Access(token, ["box"]))(scope, receive, send))

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> Headers:
        return {k.decode().lower(): v.decode() for k, v in self.sent[0]["headers"]}

    @property
    def detail(self) -> str:
        """What the problem document says; it has the form that is promised, and nothing came through."""
        assert self.inner.bodies == []
        assert self.headers["content-type"] == "application/problem+json"
        document = ProblemDocument.model_validate(json.loads(self.sent[1]["body"]))
        assert document.status == self.status
        return document.detail


@pytest.mark.parametrize("path", ["/", "/app.js", "/livez", "/api/streams", "/metrics"])
@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "box"])
def test_the_page_and_its_own_requests_come_through(path: str, host: str) -> None:
    asked = Asked("GET", path, {"host": host, "origin": f"http://{host}", "sec-fetch-site": "same-origin"})
    assert (asked.status, asked.inner.bodies) == (200, [b""])


@pytest.mark.parametrize("path", ["/", "/livez", "/api/streams"])
@pytest.mark.parametrize("host", ["", "rebound.example", "rebound.example:8080", "localhost:8080x"])
def test_a_rebound_name_gets_nothing_not_even_the_page(path: str, host: str) -> None:
    asked = Asked("GET", path, {"host": host})
    assert asked.status == 403
    assert "daemon.hosts" in asked.detail


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_other_sites_get_nothing_of_the_api(method: str, headers: Headers) -> None:
    asked = Asked(method, "/api/streams", {**headers, **JSON})
    assert asked.status == 403
    assert "other sites" in asked.detail


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; b=1"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("body", [b"", b'{"name": "x"}'])
def test_what_a_form_could_send_changes_nothing(method: str, kind: str, body: bytes) -> None:
    asked = Asked(method, "/api/streams/yard/stop", {"content-type": kind}, [body])
    assert asked.status == 415
    assert "application/json" in asked.detail


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/streams", "/api/nothing", "/api/openapi.json", "/metrics"])
def test_without_the_token_nothing_of_the_api_is_told(path: str) -> None:
    asked = Asked("GET", path, token=TOKEN)
    assert asked.status == 401
    assert asked.headers["www-authenticate"].startswith("Bearer")
    assert "/api/login" in asked.detail
    assert Asked("GET", path, {"authorization": f"Bearer {TOKEN}"}, token=TOKEN).status == 200
    session = f"a=b; {COOKIE}={Access(TOKEN).session}; c=d"
    assert Asked("GET", path, {"cookie": session}, token=TOKEN).status == 200


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/livez"), ("GET", "/readyz"), ("POST", "/api/login")]
)
def test_the_page_the_probes_and_the_login_need_no_token(method: str, path: str) -> None:
    assert Asked(method, path, JSON, token=TOKEN).status == 200


def test_a_body_comes_through_whole() -> None:
    parts = [b'{"a":', b"", b" 1}"]
    assert Asked("POST", "/api/streams", JSON, parts).inner.bodies == [b'{"a": 1}']
    whole = b"x" * MAX_BODY_BYTES
    assert Asked("PUT", "/api/streams/a", {**JSON, "content-length": str(len(whole))}, [whole]).inner.bodies == [whole]


@pytest.mark.parametrize(
    ("length", "parts"),
    [
        (str(MAX_BODY_BYTES + 1), [b""]),
        ("9" * 5000, [b""]),
        ("-1", [b""]),
        ("twelve", [b""]),
        ("²", [b""]),
        ("", [b"x" * 4096] * 17),
        ("12", [b"x" * (MAX_BODY_BYTES + 1)]),
    ],
    ids=["announced", "huge", "negative", "words", "superscript", "chunked", "a lie"],
)
def test_a_body_that_is_too_large_is_not_even_read(length: str, parts: list[bytes]) -> None:
    asked = Asked("POST", "/api/streams", {**JSON, "content-length": length}, parts)
    assert asked.status == 413
    assert str(MAX_BODY_BYTES) in asked.detail


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "BODY_TIMEOUT_S", 0.01)
    asked = Asked("POST", "/api/streams", JSON, [b'{"na'], stalls=True)
    assert asked.status == 408
    assert "send it at once" in asked.detail


@pytest.mark.parametrize("path", ["/", "/api/streams", "/livez"])
@pytest.mark.parametrize("host", ["localhost", "rebound.example"])
def test_every_answer_keeps_other_sites_and_scripts_out(path: str, host: str) -> None:
    headers = Asked("GET", path, {"host": host}).headers
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == ("no-store" if path.startswith("/api") else "no-cache")
    assert "access-control-allow-origin" not in headers
