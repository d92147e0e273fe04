"""Packed pictures reduced to three quarters of their size: what scales 1.5 and 3 are made by, from 2 and 4."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np

from streamfix.fusion import Floats, keys
from streamfix.models import array_library

from . import bicubic
from .bicubic import Array

_BEFORE, _BEHIND = 2, 5  # rows around the first of four that count for the three that they become


def reduced(packed: Array) -> Array:
    """Pictures (B, 6, H, W), H and W multiples of 4, by cubic interpolation, antialiased: (B, 6, H * 3/4, W * 3/4).

    Chroma keeps its place to a tenth of a pixel.
    """
    batch, _, height, width = packed.shape
    result = bicubic.empty(packed, (batch, 6, height // 4 * 3, width // 4 * 3))
    luma = _reduced(bicubic.luma_of(packed))
    for at in range(4):
        result[:, at] = luma[:, 0, *bicubic.in_larger(at, 2)]
    result[:, 4:] = _reduced(packed[:, 4:])
    return result


def _reduced(planes: Any) -> Any:
    """Planes (B, C, H, W)."""
    size = tuple(side // 4 * 3 for side in planes.shape[2:])
    if not isinstance(planes, np.ndarray):
        functional = array_library(planes).nn.functional
        return functional.interpolate(planes, size, mode="bicubic", antialias=True, align_corners=False)
    found = [_across(_across(plane)) for plane in planes.reshape(-1, *planes.shape[2:])]
    return np.stack(found).reshape(*planes.shape[:2], *size)


def _across(plane: Floats) -> Floats:
    """Three rows out of each four, and the result with its axes exchanged: twice this reduces a plane both ways."""
    count = len(plane) // 4
    padded = cv2.copyMakeBorder(plane, _BEFORE, _BEHIND - 3, 0, 0, cv2.BORDER_CONSTANT, value=0)
    out = np.zeros((3 * count, plane.shape[1]), np.float32)
    for row, weights in enumerate(_weights()):
        made = out[row::3]
        for first, weight in enumerate(weights):
            if weight:
                cv2.scaleAdd(padded[first : first + 4 * count : 4], float(weight), made, dst=made)
    # at the edges fewer rows count, and those that do make up one
    total, edges = np.ones((3 * count, 1), np.float32), [0, 1, -2, -1]
    for row in (0, 1):
        total[row] -= _weights()[row][:_BEFORE].sum()
        total[row - 2] -= _weights()[row + 1][3 - _BEHIND :].sum()
    out[edges] = out[edges] / total[edges]
    return np.asarray(cv2.transpose(out), np.float32)


@cache
def _weights() -> Floats:
    """Weights of the rows for each of the three, (3, 8), which add up to 1."""
    centres = (np.arange(3) + 0.5) * 4 / 3 - 0.5
    weights = keys((np.arange(-_BEFORE, _BEHIND + 1) - centres[:, None]) * 3 / 4)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)
