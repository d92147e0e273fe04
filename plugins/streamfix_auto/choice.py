"""How much of each filter one shot takes: decided by what its first frames show, changed slowly afterwards."""

from __future__ import annotations

from streamfix.analysis import Shares

_SETTLING = 50  # first frames of a shot, in which the first choice is refined
_FAST, _SLOW = 1 / 10, 1 / 50  # most by which a share changes from frame to frame, while it settles and afterwards
_MIND = 0.3  # by so much the pictures must call for something else before it is followed


class Choice:
    """The shares of one shot. wanted: what is aimed at. now: what is done, 0 to 1 each."""

    def __init__(self) -> None:
        self._frames = 0
        self.wanted = self.now = Shares(0.0, 0.0)

    def follow(self, called_for: Shares | None) -> Shares:
        """The next frame's shares. called_for: what the pictures call for, None if they were not measured again.

        The first is taken at once. After the settling, small changes of mind are none.
        """
        first, settled = not self._frames, self._frames >= _SETTLING
        self._frames += 1
        if called_for is not None:
            self.wanted = Shares(
                _minded(self.wanted.artifacts, called_for.artifacts, settled),
                _minded(self.wanted.noise, called_for.noise, settled),
            )
        if first:
            self.now = self.wanted
        else:
            most = _SLOW if settled else _FAST
            self.now = Shares(
                _nearer(self.now.artifacts, self.wanted.artifacts, most),
                _nearer(self.now.noise, self.wanted.noise, most),
            )
        return self.now


def _minded(before: float, now: float, settled: bool) -> float:
    return before if settled and abs(now - before) < _MIND else now


def _nearer(value: float, goal: float, most: float) -> float:
    return min(max(goal, value - most), value + most)
