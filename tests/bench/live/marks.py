"""A number written into the picture, so that a frame is known again behind any relay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BITS = 12
_CHECK = 4  # bits of a check sum
_BLOCKS = 40  # to a row


def write(luma: NDArray[np.uint8], number: int) -> None:
    """Draw `number`, below 4096, as black and white blocks along the top of luma (H, W)."""
    side = luma.shape[1] // _BLOCKS
    for i, bit in enumerate(_bits(number)):
        luma[:side, i * side : (i + 1) * side] = 235 if bit else 16


def read(luma: NDArray[np.uint8]) -> int | None:
    """The number drawn there, None if there is none that can be read."""
    side = luma.shape[1] // _BLOCKS
    quarter = max(side // 4, 1)
    middle = slice(quarter, side - quarter)
    means = [float(luma[middle, i * side :][:, middle].mean()) for i in range(BITS + _CHECK)]
    number = sum(1 << i for i in range(BITS) if means[i] > 126)
    return number if [m > 126 for m in means] == _bits(number) else None


def _bits(number: int) -> list[bool]:
    check = (number * 7 + 5) % 13
    return [bool(number >> i & 1) for i in range(BITS)] + [bool(check >> i & 1) for i in range(_CHECK)]
