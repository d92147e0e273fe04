"""Whether a picture stands still: bit by bit, or, where the camera's clock is known, by that."""

from __future__ import annotations

import numpy as np

from .faults import Kind
from .sight import Luma, Mask, Sight

_NOISE = 0.5  # mean difference of small pictures, codes: what encoding anew adds, and no sensor stays below
_CLOCK_TILE = 8  # pixels
_CLOCK_CODES = 8.0  # mean difference of a tile from which on a digit is another


class Freezing:
    """Compares each picture with the last one that was another.

    Without the clock's box bit-identical pictures are `frozen?`: an encoder makes them of a scene in which nothing
    moves, too. With it the picture is `frozen` while the clock, which shows seconds, stands, and nothing else moves.
    """

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forget the last picture."""
        self._digest: int | None = None
        self._clock: Luma | None = None
        self._luma: Luma | None = None

    def look(self, sight: Sight, hidden: Mask | None = None) -> dict[Kind, bool | None]:
        """Whether the picture is as before; None where that cannot be told, or is told by the other word."""
        same = sight.digest == self._digest
        self._digest = sight.digest
        if sight.clock is None:
            return {"frozen?": same, "frozen": None}
        stands = self._stands(sight, hidden)
        if not stands:
            self._clock, self._luma = sight.clock, sight.luma
        return {"frozen?": None, "frozen": stands}

    def _stands(self, sight: Sight, hidden: Mask | None) -> bool:
        if self._clock is None or self._luma is None or sight.clock is None or self._clock.shape != sight.clock.shape:
            return False
        difference = np.abs(sight.luma.astype(np.int16) - self._luma)
        if float(difference.mean() if hidden is None else difference[~hidden].mean()) > _NOISE:
            return False
        return not _differ(sight.clock, self._clock)


def _differ(one: Luma, other: Luma) -> bool:
    """Whether any tile differs by more than noise."""
    difference = np.abs(one.astype(np.int16) - other).astype(np.float32)
    for row in range(0, difference.shape[0], _CLOCK_TILE):
        for column in range(0, difference.shape[1], _CLOCK_TILE):
            if difference[row : row + _CLOCK_TILE, column : column + _CLOCK_TILE].mean() > _CLOCK_CODES:
                return True
    return False
