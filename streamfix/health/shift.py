"""How far a picture lies beside its reference: where its gradients fit the reference's edges best.

Source: Argyriou and Vlachos, "Estimation of sub-pixel motion using gradient cross-correlation", 2003. Phase correlation
of the pictures themselves was tried and loses its peak where much of a scene moves.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .edges import Floats, gradients
from .sight import HEIGHT, WIDTH

_REACH = 0.25  # share of width and height that shifts are looked for in
_STEEP = 12.0  # codes a pixel: a gradient counts as this at most, so that one lamp does not decide


class Shifts:
    """Finds shifts against one reference. across, down: its edges' directions, 0 where there is none, (180, 320)."""

    def __init__(self, across: Floats, down: Floats) -> None:
        self._across, self._down = _spectrum(across), _spectrum(down)
        rows, columns = int(HEIGHT * _REACH), int(WIDTH * _REACH)
        self._reach = np.full((HEIGHT, WIDTH), -np.inf, np.float32)
        for row in (slice(0, rows + 1), slice(HEIGHT - rows, None)):
            for column in (slice(0, columns + 1), slice(WIDTH - columns, None)):
                self._reach[row, column] = 0

    def find(self, picture: NDArray[Any]) -> tuple[float, float]:
        """Pixels to the right and down by which the picture lies beside the reference; the best of those in reach."""
        across, down = (np.clip(each, -_STEEP, _STEEP) for each in gradients(picture))
        wide = cv2.mulSpectrums(_spectrum(across), self._across, 0, conjB=True)
        high = cv2.mulSpectrums(_spectrum(down), self._down, 0, conjB=True)
        fit = cv2.idft(cv2.add(wide, high), flags=cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE)
        best = int(np.argmax(fit + self._reach))
        row, column = divmod(best, WIDTH)
        x = column + _peak(*(float(fit[row, (column + i) % WIDTH]) for i in (-1, 0, 1)))
        y = row + _peak(*(float(fit[(row + i) % HEIGHT, column]) for i in (-1, 0, 1)))
        return x - WIDTH if x > WIDTH / 2 else x, y - HEIGHT if y > HEIGHT / 2 else y


def _spectrum(values: Floats) -> NDArray[np.float32]:
    return np.asarray(cv2.dft(values), np.float32)


def _peak(before: float, here: float, after: float) -> float:
    """Where the parabola through three values has its peak, -0.5 to 0.5."""
    curve = before - 2 * here + after
    return float(np.clip((before - after) / (2 * curve), -0.5, 0.5)) if curve < 0 else 0.0


def shifted_back(picture: NDArray[Any], shift: tuple[float, float]) -> Floats:
    """The picture moved to where its reference lies; what was not seen repeats the border."""
    matrix = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]]], np.float32)
    moved = cv2.warpAffine(
        picture.astype(np.float32), matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32)
