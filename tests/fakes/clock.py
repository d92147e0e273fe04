"""A clock for tests."""

from __future__ import annotations


class Clock:
    """Seconds that pass only when a test adds to `now_s`; stands in for time.monotonic and the like."""

    def __init__(self, now_s: float = 100.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s
