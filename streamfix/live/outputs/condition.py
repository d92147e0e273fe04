"""How an output is doing: what stands in its health record, and when it is time to break off a write."""

from __future__ import annotations

from collections.abc import Callable

from .account import Account

_HOPE_S = 2.0  # so long a server that has not answered yet is called well
_SLOW_S = 10.0  # so long after the last picture that was left out an output is called well again


class Condition:
    """One output's trouble, told to the stream's health by its account, and only when it changes.

    clock: monotonic seconds. Methods are called from the thread that writes and from the one that gives.
    """

    def __init__(self, account: Account, name: str, clock: Callable[[], float]) -> None:
        self._account, self._name, self._clock = account, name, clock
        self._settled_s: float | None = None  # since when it works
        self._began_s: float | None = None  # the write that goes on now
        self._slow_s: float | None = None  # when a picture was last left out
        self._broken_off = False
        self._say("")

    def writes(self) -> None:
        """A write begins."""
        self._began_s = self._clock()

    def wrote(self, *, settled: bool) -> None:
        """It is over. settled: what was written is known to have arrived."""
        was_stuck, self._broken_off, self._began_s = self._broken_off, False, None
        if settled and (self._settled_s is None or was_stuck):
            self._settled_s = self._clock()
            self._say("")

    def failed(self, why: str) -> float | None:
        """The output is down; returns how many seconds it had worked, None if it had not."""
        worked_s = None if self._settled_s is None else self._clock() - self._settled_s
        self._settled_s = None
        self._say(why.removeprefix(f"{self._name}: "))
        return worked_s

    def lost_one(self) -> None:
        """It was too slow for a picture."""
        if self._slow_s is None and self._settled_s is not None:
            self._say("too slow, pictures are left out")
        self._slow_s = self._clock()

    def is_stuck(self, limit_s: float) -> bool:
        """True, once, for a write that takes longer; also sees when the output is no longer slow."""
        now_s, began_s = self._clock(), self._began_s
        if self._slow_s is not None and now_s - self._slow_s > _SLOW_S:
            self._slow_s = None
            if self._settled_s is not None:
                self._say("")
        if began_s is None or self._broken_off:
            return False
        if self._settled_s is None and now_s - began_s > _HOPE_S:
            self._say("no answer yet")
        if now_s - began_s <= limit_s:
            return False
        self._broken_off = True
        self._say(f"no answer for {limit_s:g} s")
        return True

    def _say(self, trouble: str) -> None:
        self._account.trouble(trouble)
