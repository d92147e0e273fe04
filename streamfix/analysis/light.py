"""How bright a picture is, and how much of the range it uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..motion import Floats

_STEP = 4  # every so many pixels, across and down
_DARK_MIDDLE, _DARK_BRIGHT = 60 / 255, 140 / 255
_FLAT = 60 / 255


@dataclass(frozen=True, slots=True)
class Light:
    """low, middle, high: 1, 50 and 95 % quantiles of the luma in [0, 1]."""

    low: float
    middle: float
    high: float

    @property
    def dark(self) -> bool:
        """Whether most of the picture is nearly black, and little of it is bright."""
        return self.middle < _DARK_MIDDLE and self.high < _DARK_BRIGHT

    @property
    def contrast(self) -> float:
        """The range between nearly all and nearly none of the pixels, [0, 1] units."""
        return self.high - self.low

    @property
    def flat(self) -> bool:
        """Whether the picture uses little of the range, as in fog."""
        return self.contrast < _FLAT


def light(luma: Floats) -> Light:
    """Quantiles of a picture's luma, (H, W) in [0, 1]. 0.3 ms at 640x360."""
    low, middle, high = np.quantile(luma[::_STEP, ::_STEP], (0.01, 0.5, 0.95))
    return Light(float(low), float(middle), float(high))
