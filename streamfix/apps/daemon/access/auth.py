"""Who may use the API: the token, needed where other machines reach the daemon, and the allowed hosts and origins.

Any web page can make a browser send requests to 127.0.0.1. Three checks keep it out (RFC 6454, Fetch Metadata): Host
names that DNS rebinding could use are refused, so are requests that the browser marks as made by another site, and no
request that an HTML form could send changes anything.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from ....errors import UsageError

COOKIE = "streamfix_session"
_MIN_TOKEN = 16  # characters; a shorter one can be guessed over a network


def is_loopback(host: str) -> bool:
    """True if only this machine can reach a server that listens at `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_exposure(host: str, token: str) -> None:
    """Raise UsageError where others could reach the API without a token, or with one that is easily guessed."""
    if is_loopback(host):
        return
    where = f'daemon.host = "{host}"'
    if not token:
        raise UsageError(
            f"{where}: anyone who reaches it could control the daemon; set daemon.token, or listen at 127.0.0.1"
        )
    if len(token) < _MIN_TOKEN:
        raise UsageError(
            f"{where}: the token has {len(token)} characters, which can be guessed over a network; "
            f"take {_MIN_TOKEN} or more, such as the output of `openssl rand -hex 16`"
        )


class Access:
    """Checks tokens, sessions and hosts.

    token: empty where none is needed; a function where it may change. hosts: names under which the API may be called,
    beside addresses and localhost; with a token any name will do, since no foreign page has the token.
    """

    def __init__(self, token: str | Callable[[], str] = "", hosts: Iterable[str] = ()) -> None:
        self._given = token
        self._hosts = {host.lower().strip("[]") for host in hosts} | {"localhost"}

    @property
    def _token(self) -> bytes:
        return (self._given if isinstance(self._given, str) else self._given()).encode()

    @property
    def needs_token(self) -> bool:
        return bool(self._token)

    @property
    def session(self) -> str:
        """The cookie's value: it proves that its bearer had the token without revealing it, and survives a restart."""
        return hmac.new(self._token, b"streamfix session 1", hashlib.sha256).hexdigest()

    def knows(self, token: str) -> bool:
        """True for the token, compared in constant time."""
        return self.needs_token and _same(token.encode("utf-8", "replace"), self._token)

    def permits(self, authorization: bytes, cookies: bytes) -> bool:
        """True if a request with these headers is allowed. Both are raw; empty if absent."""
        if not self.needs_token:
            return True
        scheme, _, credentials = authorization.partition(b" ")
        if scheme.lower() == b"bearer" and _same(credentials.strip(), self._token):
            return True
        session = self.session.encode()
        pairs = (cookie.strip().partition(b"=") for cookie in cookies.split(b";"))
        return any(name == COOKIE.encode() and _same(value.strip(b'"'), session) for name, _, value in pairs)

    def serves(self, host: str) -> bool:
        """True if the API answers to this Host header. DNS can rebind a name, but not an address."""
        name = host_name(host)
        if name is None:
            return False
        return self.needs_token or name in self._hosts or _is_address(name)


def host_name(host: str) -> str | None:
    """The name or address in a Host header, in lower case, without port and brackets; None if it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018  # raises ValueError where it is no number
    except ValueError:
        return None
    if not host or parts.netloc != host or parts.username is not None or not host.isascii():
        return None
    return parts.hostname.lower() if parts.hostname else None  # urlsplit leaves the zone of an address as it is


def is_own_origin(origin: str, host: str) -> bool:
    """True if an Origin header names the host of the request. Its scheme may differ: TLS may end at a proxy."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same(a: bytes, b: bytes) -> bool:
    """Compare by hash, so that the time taken does not even reveal the length."""
    return hmac.compare_digest(hashlib.sha256(a).digest(), hashlib.sha256(b).digest())
