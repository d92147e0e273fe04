"""Dirt on the lens: blocks that have lost their edges for long, show none of their own, and lie beside clear ones."""

from __future__ import annotations

import numpy as np

from .edges import COLUMNS, ROWS, Edges, Floats
from .sight import Luma, Mask

_SLOW_S = 30.0  # time constant of the picture without what passes by, and without noise
_EVERY_S = 5.0  # between two looks at it
_MOST_SHARE = 0.4  # with more blocks it is a cover, or all is out of focus
_LEAST = 3  # blocks; fewer may be where somebody stood when the reference was learnt
_LEAST_GAIN = 0.5  # of the contrast: in less light dirt is not judged
_END = 1.2  # a block is clear again from so many times the limit on


class Lens:
    """Watches each block for itself. ratio: a block below it has lost its edges. lasts_s: how long dirt lasts.

    blocks: that are dirty.
    """

    def __init__(self, ratio: float, lasts_s: float) -> None:
        self.hold(ratio, lasts_s)
        self.restart()

    def hold(self, ratio: float, lasts_s: float) -> None:
        """Take other limits."""
        self._ratio, self._lasts_s = ratio, lasts_s

    def restart(self) -> None:
        """Forget what was seen."""
        self.blocks = 0
        self._slow: Floats | None = None
        self._last_s = self._looked_s = float("-inf")
        self._since_s = np.full((ROWS, COLUMNS), np.inf)

    def look(self, luma: Luma, edges: Edges, judged: Mask, at_s: float) -> None:
        """Take the next picture in. at_s: seconds."""
        if self._slow is None:
            self._slow, self._looked_s = luma.astype(np.float32), at_s
        else:
            part = np.float32(1 - np.exp(-(at_s - self._last_s) / _SLOW_S))
            self._slow += part * (luma - self._slow)
        self._last_s = at_s
        if at_s - self._looked_s < _EVERY_S:
            return
        self._looked_s = at_s
        seen = edges.likeness(self._slow)
        if seen.gain < _LEAST_GAIN:  # weak edges drown between two codes then, as if something lay over them
            self._since_s[:] = np.inf
            self.blocks = 0
            return
        limit = np.where(np.isfinite(self._since_s), self._ratio * _END, self._ratio)
        low = judged & (seen.ratios < limit) & (edges.own_strength(self._slow) < limit * seen.gain)
        if low.sum() > _MOST_SHARE * judged.sum():
            low[:] = False
        self._since_s = np.where(low, np.minimum(self._since_s, at_s), np.inf)
        lasting = int((at_s - self._since_s >= self._lasts_s).sum())
        self.blocks = lasting if lasting >= _LEAST else 0
