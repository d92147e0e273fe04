"""The curve: straight from black on, as steep as the gain says, then bent so that white stays white.

    f(x) = g x / (1 + (g^p - 1) x^p)^(1/p)

It is strictly monotone, f(0) = 0, f(1) = 1, and its inverse is x = y / (g^p - (g^p - 1) y^p)^(1/p). Over the dark part
it is straight: noise, flicker and detail all grow alike there, so none of them stands out more than before. A logarithm
or a gamma curve is steepest at black, where there is nothing but noise. p = 1 is the curve of E. Reinhard et al.:
Photographic tone reproduction for digital images. ACM TOG 21 (2002).
"""

from __future__ import annotations

from typing import Any

import numpy as np

SHARPNESS = 3.0  # p: how late, and how sharply, it bends


def brightened(x: Any, gain: float) -> Any:
    """f(x) for x of 0 (black) to 1 (white), as an array; beyond both ends the curve goes straight on."""
    x = np.asarray(x, np.float32)
    inside = np.clip(x, 0, 1)
    bent = np.float32(gain**SHARPNESS - 1)
    y = gain * inside / (1 + bent * inside**SHARPNESS) ** np.float32(1 / SHARPNESS)
    return y + np.float32(gain) * np.minimum(x, 0) + np.float32(slope(1.0, gain)) * np.maximum(x - 1, 0)


def darkened(y: Any, gain: float) -> Any:
    """The inverse of `brightened`."""
    y = np.asarray(y, np.float64)
    inside = np.clip(y, 0, 1)
    whole = gain**SHARPNESS
    x = inside / (whole - (whole - 1) * inside**SHARPNESS) ** (1 / SHARPNESS)
    return x + np.minimum(y, 0) / gain + np.maximum(y - 1, 0) / slope(1.0, gain)


def slope(x: Any, gain: float) -> Any:
    """The curve's slope at x of 0 to 1."""
    x = np.asarray(x, np.float64)
    return gain / (1 + (gain**SHARPNESS - 1) * np.clip(x, 0, 1) ** SHARPNESS) ** (1 + 1 / SHARPNESS)
