"""Frames that only repeat the one before: a camera slower than its stream, or film in video."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from ..motion import Floats

_BLOCK = 16
_STEP = 2  # every so many lines
_BUSIEST = 0.95  # quantile of the blocks' changes: what moves, not what stands
_REPEAT = 0.15  # a repeat changes by less than this share of what frames change by usually
_TELLS = 0.4 / 255  # a picture that changes by less stands still: nothing can be told
_MEMORY = 256  # frames that are remembered
_PERIODS = range(2, 13)
_REGULAR = 0.9  # share of the repeats that stand where a period says they do


class Repeats:
    """Accumulates how much each frame changes, and tells how many only repeat the one before."""

    def __init__(self) -> None:
        self._changes: deque[float] = deque(maxlen=_MEMORY)

    def add(self, luma: Floats, before: Floats) -> None:
        """Take a frame in. luma, before: (H, W) in [0, 1], consecutive frames. 0.5 ms at 640x360."""
        h, w = luma.shape
        change = cv2.absdiff(luma[::_STEP], before[::_STEP])
        blocks = cv2.resize(change, (max(w // _BLOCK, 1), max(h // _BLOCK, 1)), interpolation=cv2.INTER_AREA)
        self._changes.append(float(np.quantile(blocks, _BUSIEST)))

    @property
    def share(self) -> float | None:
        """Share of the frames that repeat the one before; None where the picture stands still."""
        repeats = self._repeats()
        return None if repeats is None else float(repeats.mean())

    @property
    def cadence(self) -> int | None:
        """Every how many frames one is repeated, where that is regular, else None."""
        repeats = self._repeats()
        if repeats is None or repeats.sum() < 3:
            return None
        at = np.flatnonzero(repeats)
        for period in _PERIODS:
            due = at[0] % period
            hits = int((at % period == due).sum())
            if hits >= _REGULAR * len(at) and hits >= _REGULAR * len(range(due, len(repeats), period)):
                return period
        return None

    def _repeats(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None:
        if len(self._changes) < 8:
            return None
        changes = np.asarray(self._changes)
        usual = float(np.quantile(changes, 0.75))
        return None if usual < _TELLS else changes < _REPEAT * usual
