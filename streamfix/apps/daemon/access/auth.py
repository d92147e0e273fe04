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
from dataclasses import dataclass
from typing import Literal
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


def check_exposure(host: str, token: str, look: str = "") -> None:
    """Raise UsageError where others could reach the API without a token, or with one that is easily guessed.

    look: the token that may look only.
    """
    if look and look == token:
        raise UsageError("daemon.read_token: it is the same as daemon.token, which may do everything; take another one")
    if is_loopback(host):
        return
    where = f'daemon.host = "{host}"'
    if not token:
        raise UsageError(
            f"{where}: anyone who reaches it could control the daemon; set daemon.token, or listen at 127.0.0.1"
        )
    for what, each in (("the token", token), ("the read_token", look)):
        if each and len(each) < _MIN_TOKEN:
            raise UsageError(
                f"{where}: {what} has {len(each)} characters, which can be guessed over a network; "
                f"take {_MIN_TOKEN} or more, such as the output of `openssl rand -hex 16`"
            )


#: What the bearer of a token may do: everything, or look only.
Right = Literal["change", "look"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The token that may do everything, and the one that may look only. Empty: there is none."""

    change: str = ""
    look: str = ""


class Access:
    """Checks tokens, sessions and hosts.

    tokens: the full one alone, or both; a function where they may change. Without a full one everybody may do all.
    hosts: names under which the API may be called, beside addresses and localhost; with a token any name will do, since
    no foreign page has the token.
    """

    def __init__(self, tokens: str | Tokens | Callable[[], Tokens] = "", hosts: Iterable[str] = ()) -> None:
        self._given = Tokens(tokens) if isinstance(tokens, str) else tokens
        self._hosts = {host.lower().strip("[]") for host in hosts} | {"localhost"}

    @property
    def _tokens(self) -> dict[Right, bytes]:
        """The tokens that there are."""
        now = self._given if isinstance(self._given, Tokens) else self._given()
        found: dict[Right, bytes] = {"change": now.change.encode(), "look": now.look.encode()}
        return {right: token for right, token in found.items() if token and found["change"]}

    @property
    def needs_token(self) -> bool:
        return bool(self._tokens)

    @property
    def session(self) -> str:
        """The cookie's value for who has the full token, see `session_of`."""
        return self.session_of("change")

    def session_of(self, right: Right) -> str:
        """The cookie's value: it proves that its bearer had the token without revealing it, and survives a restart."""
        return _session(self._tokens.get(right, b""))

    def right_of(self, token: str) -> Right | None:
        """What the bearer of that token may do, None if it is none of the tokens. Compared in constant time."""
        given = token.encode("utf-8", "replace")
        found = [right for right, known in self._tokens.items() if _same(given, known)]
        return found[0] if found else None

    def right(self, authorization: bytes, cookies: bytes) -> Right | None:
        """What a request with these headers may do, None if nothing. Both are raw; empty if absent."""
        tokens = self._tokens
        if not tokens:
            return "change"
        scheme, _, credentials = authorization.partition(b" ")
        bearer = credentials.strip() if scheme.lower() == b"bearer" else b""
        pairs = [cookie.strip().partition(b"=") for cookie in cookies.split(b";")]
        held = [value.strip(b'"') for name, _, value in pairs if name == COOKIE.encode()]
        for right, token in tokens.items():
            session = _session(token).encode()
            if _same(bearer, token) or any(_same(value, session) for value in held):
                return right
        return None

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


def _session(token: bytes) -> str:
    return hmac.new(token, b"streamfix session 1", hashlib.sha256).hexdigest()


def _same(a: bytes, b: bytes) -> bool:
    """Compare by hash, so that the time taken does not even reveal the length."""
    return hmac.compare_digest(hashlib.sha256(a).digest(), hashlib.sha256(b).digest())
