"""A filter that only takes its time, in place of a model that is too slow."""

from __future__ import annotations

import time
from collections.abc import Sequence

from torch import Tensor

from streamfix import FILTERS, Filter


class Sleepy(Filter[None]):
    """Wait.

    seconds: for so long, each frame.
    """

    seconds_by_default = 0.08

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds or self.seconds_by_default

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        time.sleep(self.seconds)
        return x[:, -1:]


def announce(seconds: float) -> None:
    """Let chains name it, `sleepy`."""
    Sleepy.seconds_by_default = seconds
    FILTERS.register("sleepy")(Sleepy)
