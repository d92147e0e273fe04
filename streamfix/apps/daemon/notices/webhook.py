"""Sends notices to a web server, as JSON by POST."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from ....errors import UsageError
from .notice import Notice
from .outbox import NotSent

_TIMEOUT_S = 10.0
_LATER = frozenset({408, 425, 429})  # of the client's errors those that time may mend


class Webhook:
    """One server. url: http or https; user and password in it are sent as basic authentication."""

    keeps_state = False

    def __init__(self, url: str) -> None:
        parts = check_webhook(url)
        host = parts.hostname or ""
        where = f"[{host}]" if ":" in host else host
        where += f":{parts.port}" if parts.port else ""
        self.shown = f"{parts.scheme}://{where}"  # a path may be a secret, as those of chat services are
        self._url = urlunsplit((parts.scheme, where, parts.path or "/", parts.query, ""))
        self._headers = {"Content-Type": "application/json", "User-Agent": "streamfix"}
        if parts.username is not None:
            both = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        self._opener = urllib.request.build_opener(_NoRedirect)

    def send(self, notice: Notice) -> None:
        """Post it; any answer of 200 to 299 will do. Raises NotSent."""
        body = json.dumps(notice.as_json()).encode()
        request = urllib.request.Request(self._url, body, self._headers, method="POST")
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S):
                pass
        except urllib.error.HTTPError as error:
            with error:
                again = error.code >= 500 or error.code in _LATER
                where = "; give the address that it redirects to" if 300 <= error.code < 400 else ""
                raise NotSent(f"it answers {error.code} {error.reason}{where}", again=again) from None
        except urllib.error.URLError as error:
            raise NotSent(f"it cannot be reached: {getattr(error.reason, 'strerror', None) or error.reason}") from None
        except (OSError, http.client.HTTPException) as error:
            raise NotSent(f"it does not answer properly: {error}") from None

    def close(self) -> None:
        """Each notice has a connection of its own."""


def check_webhook(url: str) -> Any:
    """The URL in parts. Raises UsageError."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # raises ValueError where it is no number
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or " " in url:
        raise UsageError("it takes a URL, as in https://example.org/hook")
    return parts


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET, and the notice is lost without a word."""

    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        return None
