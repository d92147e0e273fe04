"""The kernel of cubic interpolation that MATLAB and the literature's tables have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_A = -0.5


def keys(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of a sample at that distance, in samples; of any shape.

    Torch's bicubic interpolation, unless antialiased, and OpenCV's have a = -0.75 in place of -0.5.
    Source: Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29(6), 1981.
    """
    x = np.abs(distance)
    near = ((_A + 2) * x - (_A + 3)) * x * x + 1
    far = _A * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
