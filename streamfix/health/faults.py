"""The faults of a camera's sight: their limits, and how long each has to last before it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["defocused", "covered", "moved", "blank", "dirty", "frozen?", "frozen"]
#: What each fault is, in words for people.
FAULTS: dict[Kind, str] = {
    "defocused": "the picture is out of focus",
    "covered": "the view is covered",
    "moved": "the camera was moved",
    "blank": "the picture is black, white or of one grey",
    "dirty": "a part of the lens is dirty",
    "frozen?": "the picture does not change any more: it may be frozen, or nothing happens",
    "frozen": "the picture is frozen: the camera's clock stands still",
}
_LONGEST_END_S = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on something is a fault. Ratios: of the reference's edges; shares: of the blocks that are judged.

    moved_share: of the picture's width. blank_codes: standard deviation, 8-bit codes. least_blocks: with fewer that
    have edges nothing is said of focus, covers, moves and dirt. learn_s: what a reference is the median of.
    """

    defocused_ratio: float = 0.55
    defocused_s: float = 60.0
    covered_ratio: float = 0.3
    covered_share: float = 0.4
    covered_s: float = 10.0
    moved_share: float = 0.015
    moved_s: float = 10.0
    blank_codes: float = 2.0
    blank_s: float = 2.0
    dirty_ratio: float = 0.5
    dirty_s: float = 600.0
    frozen_s: float = 10.0
    least_blocks: int = 25
    learn_s: float = 600.0

    def hold_s(self, kind: Kind) -> float:
        """How long a fault lasts before it is told."""
        found: float = getattr(self, f"{kind.removesuffix('?')}_s")
        return found


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that lasts. since_s: when it began, by the clock of who showed the pictures. text: for people."""

    kind: Kind
    since_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """A fault has begun, or is over. at_s: when that was told."""

    fault: Fault
    begins: bool
    at_s: float

    @property
    def text(self) -> str:
        """In a sentence."""
        return self.fault.text if self.begins else f"over: {self.fault.text}"


class Alarm:
    """One fault's: it begins once its condition has lasted, and ends once that has been gone for a while."""

    def __init__(self, kind: Kind, hold_s: float) -> None:
        self.kind: Kind = kind
        self.hold(hold_s)
        self._since_s: float | None = None  # of the condition, or of its absence where there is a fault
        self.fault: Fault | None = None

    def hold(self, hold_s: float) -> None:
        """Tell it after that time."""
        self._end_s = min(hold_s, _LONGEST_END_S)
        self._hold_s = 0.0 if self.kind == "dirty" else hold_s  # which is counted for each block, see `lens`

    @property
    def pending(self) -> bool:
        """True while the condition is there and was not told yet."""
        return self.fault is None and self._since_s is not None

    def doubt(self) -> None:
        """It cannot be told now: what was about to begin, or to end, begins anew."""
        self._since_s = None

    def look(self, condition: bool, at_s: float, text: str = "") -> Change | None:
        """Tell whether the condition is there now. text: more than the fault's own words."""
        wanted = condition if self.fault is None else not condition
        if not wanted:
            self._since_s = None
            return None
        if self._since_s is None:
            self._since_s = at_s
        if at_s - self._since_s < (self._hold_s if self.fault is None else self._end_s):
            return None
        if self.fault is None:
            words = FAULTS[self.kind]
            self.fault, self._since_s = Fault(self.kind, self._since_s, f"{words} ({text})" if text else words), None
            return Change(self.fault, True, at_s)
        over, self.fault, self._since_s = self.fault, None, None
        return Change(over, False, at_s)

    def drop(self, at_s: float) -> Change | None:
        """End at once, without waiting."""
        over, self.fault, self._since_s = self.fault, None, None
        return None if over is None else Change(over, False, at_s)
