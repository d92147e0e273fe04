"""Whether pictures hold two moments: fields that were woven into one frame."""

from __future__ import annotations

from collections import deque

import numpy as np

from ..motion import Floats

_MOVES = 6 / 255  # a pair of lines that changes by so much from frame to frame moves
_NOISE_MOVES = 4.0  # times the noise's standard deviation, likewise
_LEAST_MOVING = 0.002  # share of the picture that must move before a frame tells anything
# Neighbouring lines differ by so many times more than those of one field: 0.2 to 0.5 where frames are whole, 0.9 to 2
# where fields are woven (measured on clips).
_COMBED = 0.75
_KERNEL = 6.0  # what (1, -2, 1) makes of the variance of white noise
_MEMORY = 24  # frames that are remembered
_STEP = 2  # every so many columns
_TELLS = 3  # frames that must have told something


class Interlacing:
    """Accumulates how much neighbouring lines differ where the picture moves, beside lines of one field.

    In a progressive picture the next line is more alike than the one after it; where two fields of a moving thing are
    woven, it is less alike. Standing parts look the same either way, so nothing is told before something has moved.
    """

    def __init__(self) -> None:
        self._ratios: deque[float] = deque(maxlen=_MEMORY)

    def add(self, luma: Floats, before: Floats, sigma: float) -> None:
        """Take a frame in. luma, before: (H, W) in [0, 1], consecutive frames. sigma: of the noise, [0, 1] units.

        2 ms at 640x360.
        """
        if luma.shape[0] < 8 or luma.shape != before.shape:
            return
        luma, before = luma[:, ::_STEP].copy(), before[:, ::_STEP].copy()
        change = luma - before
        moved = np.abs(change[2:-2] + change[3:-1]) * np.float32(0.5)
        moves = moved > max(_MOVES, _NOISE_MOVES * sigma)
        if moves.mean() < _LEAST_MOVING:
            return
        middle = 2 * luma[2:-2]
        near = luma[1:-3] + luma[3:-1] - middle
        same_field = luma[:-4] + luma[4:] - middle
        noise = _KERNEL * sigma**2
        combing = float(np.mean(near[moves] ** 2)) - noise
        usual = float(np.mean(same_field[moves] ** 2)) - noise
        if max(combing, usual) > noise:  # else the ratio would tell how well the noise is known
            self._ratios.append(max(combing, 0.0) / max(usual, noise / 4, 1e-9))

    @property
    def combing(self) -> float | None:
        """How many times more (in power) neighbouring lines differ than lines of one field; None if nothing moved."""
        return float(np.median(self._ratios)) if len(self._ratios) >= _TELLS else None

    @property
    def found(self) -> bool | None:
        """Whether fields are woven; None if nothing moved."""
        combing = self.combing
        return None if combing is None else combing > _COMBED
