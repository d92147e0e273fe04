"""Accounts at servers, shared by all streams of the process: a wrong password is tried by one of them, not by each.

A recorder with sixteen channels has one account. Sixteen streams with a wrong password would be sixteen failed logins
within a second, and makers lock an account after five to ten.
"""

from __future__ import annotations

import random as stdlib_random
import threading
import weakref
from collections.abc import Callable, Sequence

from ..backoff import Backoff

_DECIDED_S = 3.0  # a server has answered a login by then; else the others do not wait for its answer


class Account:
    """One user at one server, as far as its logins are known.

    waits_s: after refused logins, see `Backoff`. reason: why the last login was refused, empty if it was not.
    Times are monotonic seconds. From any thread.
    """

    def __init__(self, waits_s: Sequence[float], random: Callable[[], float] = stdlib_random.random) -> None:
        self.reason = ""
        self._backoff = Backoff(waits_s, random)
        self._until_s = float("-inf")  # no login before that
        self._tried_s = float("-inf")  # when the login began whose answer is awaited
        self._proven = False  # a login has worked since the last refusal
        self._up = 0  # connections with this account
        self._lock = threading.Lock()

    def wait_s(self, now_s: float) -> float:
        """Seconds until a login may be tried. 0: now; it then counts as begun."""
        with self._lock:
            if now_s < self._until_s:
                return self._until_s - now_s
            if not self._proven and now_s < self._tried_s + _DECIDED_S:
                return self._tried_s + _DECIDED_S - now_s
            self._tried_s = now_s
            return 0.0

    def accepted(self) -> None:
        """A login has worked; `left` follows once its connection is over."""
        with self._lock:
            self._up += 1
            self._proven, self.reason, self._until_s = True, "", float("-inf")
            self._backoff.was_good_for(float("inf"))

    def left(self) -> None:
        """A connection that had been accepted is over."""
        with self._lock:
            self._up -= 1

    def undecided(self) -> None:
        """An attempt has ended without an answer to its login."""
        with self._lock:
            self._tried_s = float("-inf")

    def refused(self, now_s: float, reason: str) -> float:
        """A login was refused; returns the seconds until the next one.

        With other connections up the account is right, and it is this camera that wants another: they are not held up.
        """
        with self._lock:
            self._tried_s = float("-inf")
            wait_s = self._backoff.next_s()
            if not self._up:
                self._proven, self.reason, self._until_s = False, reason, now_s + wait_s
            return wait_s


class Accounts:
    """All accounts in use, by server, user and password. Passwords are kept as hashes only."""

    def __init__(self) -> None:
        self._known: weakref.WeakValueDictionary[bytes, Account] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def of(self, url: str, waits_s: Sequence[float], random: Callable[[], float] = stdlib_random.random) -> Account:
        """The account of a URL, the same for every URL with that user at that server; one of its own without a user."""
        scheme, _, rest = url.partition("://")
        authority = rest.partition("/")[0]
        if "@" not in authority:
            return Account(waits_s, random)
        user, _, host = authority.rpartition("@")
        import hashlib  # loads OpenSSL: milliseconds that only a camera's start needs

        key = hashlib.sha256(f"{scheme.lower()}://{user}@{host.lower()}".encode()).digest()
        with self._lock:
            account = self._known.get(key)
            if account is None:
                account = self._known[key] = Account(waits_s, random)
            return account


#: Those of this process.
ACCOUNTS = Accounts()
