"""Checks every request before the API sees it: host, origin, token, and the type and size of its body."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..access.auth import COOKIE, Access, Right, is_own_origin
from .answers import Denied, explain
from .failed_logins import FailedLogins

MAX_BODY_BYTES = 64 * 1024
BODY_TIMEOUT_S = 10.0
_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN = frozenset({"/api/login"})
_SESSION = frozenset({"/api/login", "/api/logout"})  # what everybody may do

RIGHT = "streamfix.right"  # key of the scope: what the request may do

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class AccessMiddleware:
    """ASGI middleware in front of the whole app. It answers a request that is not allowed with a problem document.

    failed: is told of each wrong token and session.
    """

    def __init__(self, app: ASGIApp, access: Access, failed: FailedLogins | None = None) -> None:
        self.app, self.access, self.failed = app, access, failed or FailedLogins()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        closed = is_guarded(path)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                # Browsers revalidate the page's files by ETag each time, so an upgraded daemon brings its own page.
                headers["Cache-Control"] = "no-store" if closed else "no-cache"
            await send(message)

        try:
            headers = Headers(scope=scope)
            scope[RIGHT] = self._admit(scope["method"], path, headers)
            passed = await _read_whole(headers, receive) if scope["method"] in _CHANGES else receive
        except Denied as denied:
            if denied.status == 401 and _claims_access(headers):
                self.failed.note(HTTPConnection(scope))
            await explain(denied)(scope, receive, send_marked)
            return
        await self.app(scope, passed, send_marked)

    def _admit(self, method: str, path: str, headers: Headers) -> Right | None:
        """What the request may do, None where that is not asked. Raises Denied for one that is not allowed."""
        host = headers.get("host", "")
        if not self.access.serves(host):
            raise Denied(
                403,
                f"Host {host!r}: the API does not answer to this name; use its address, or add it to daemon.hosts",
            )
        if not is_guarded(path):
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        if (origin is not None and not is_own_origin(origin, host)) or site not in ("same-origin", "none"):
            raise Denied(
                403, f"Origin {origin!r}: pages of other sites may not use the API; open the daemon's own page"
            )
        right = self._right(headers)
        if path not in _OPEN and right is None:
            raise Denied(
                401,
                "the daemon's token is needed: send it as a Bearer token (Authorization), or log in at /api/login",
                {"WWW-Authenticate": 'Bearer realm="streamfix"'},
            )
        if method not in _READS and path not in _SESSION and right == "look":
            raise Denied(403, "this token may look and change nothing (daemon.read_token); log in with daemon.token")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method in _WITH_BODY and kind != "application/json":
            raise Denied(
                415, f"Content-Type {kind!r}: changes need `Content-Type: application/json`, with or without a body"
            )
        return right

    def _right(self, headers: Headers) -> Right | None:
        """What the token in the request allows. Over HTTP/2 a browser may send several Cookie headers."""
        cookies = "; ".join(headers.getlist("cookie"))
        return self.access.right(headers.get("authorization", "").encode("latin-1"), cookies.encode("latin-1"))


def _claims_access(headers: Headers) -> bool:
    """True if a request came with a token or a session, which then was a wrong one."""
    return "authorization" in headers or any(COOKIE in cookie for cookie in headers.getlist("cookie"))


def is_guarded(path: str) -> bool:
    """True for paths that need the token: all but the page's own files and the probes."""
    return path == "/metrics" or path == "/api" or path.startswith("/api/")


async def _read_whole(headers: Headers, receive: Receive) -> Receive:
    """Read the body now, bounded in size and time; returns a `receive` that replays it. Raises Denied."""
    length = headers.get("content-length", "0")
    too_large = Denied(413, f"the body is larger than {MAX_BODY_BYTES} bytes; a stream needs far less, so send less")
    if not (length.isascii() and length.isdigit()) or int(length[:12]) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    break  # the client is gone; the app will see that too
                body += message.get("body", b"")
                if len(body) > MAX_BODY_BYTES:
                    raise too_large
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        raise Denied(408, f"the body did not arrive within {BODY_TIMEOUT_S:g} s; send it at once") from None
    first: Iterator[Message] = iter([{"type": "http.request", "body": bytes(body), "more_body": False}])

    async def replay() -> Message:
        return next(first, None) or await receive()

    return replay
