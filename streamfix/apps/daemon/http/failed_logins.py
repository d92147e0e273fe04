"""Tells the operator of wrong tokens: who sent them, and how many. What was sent is kept nowhere."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

from starlette.requests import HTTPConnection

MINUTE_S = 60.0
EACH = 5  # of an address in a minute that have a line of their own; further ones are counted
ADDRESSES = 20  # that are told apart in a minute

log = logging.getLogger("streamfix.daemon")


class FailedLogins:
    """Logs wrong tokens and sessions, a bounded number of lines a minute. Call it in the server's event loop.

    later: calls a function after so many seconds.
    """

    def __init__(self, later: Callable[[float, Callable[[], None]], object] | None = None) -> None:
        self._later = later or (lambda delay_s, call: asyncio.get_running_loop().call_later(delay_s, call))
        self._counts: Counter[str] = Counter()
        self._others = 0

    def note(self, request: HTTPConnection) -> None:
        """A request came with a token or a session that is wrong."""
        if not self._counts:
            self._later(MINUTE_S, self.tell)
        address = sender(request)
        if address not in self._counts and len(self._counts) >= ADDRESSES:
            self._others += 1
            return
        self._counts[address] += 1
        if self._counts[address] <= EACH:
            log.warning("a wrong token or session from %s", address)

    def tell(self) -> None:
        """Tell how many there were that had no line of their own: when the minute or the server ends."""
        counts, self._counts = self._counts, Counter()
        others, self._others = self._others, 0
        for address, count in counts.items():
            if count > EACH:
                log.warning("%d more wrong tokens or sessions from %s within a minute", count - EACH, address)
        if others:
            log.warning("%d wrong tokens or sessions from further addresses within a minute", others)


def sender(request: HTTPConnection) -> str:
    """Who sent a request. Behind a proxy at this machine, also whom the proxy names last (X-Forwarded-For)."""
    host = request.client.host if request.client is not None else "unknown"
    try:
        named = ip_address(request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip())
        return f"{host}, forwarded for {named}" if ip_address(host).is_loopback else host
    except ValueError:  # no such header, or whatever somebody wrote into it
        return host
