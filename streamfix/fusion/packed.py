"""The layout `yuv420` as the fuser's two pictures, and back: the NumPy twin of `streamfix.layout.pack420`."""

from __future__ import annotations

import cv2
import numpy as np

from .planes import Floats

_SUB_PIXELS = ((0, 0), (0, 1), (1, 0), (1, 1))  # the order in which the layout packs the luma


def unpack420(packed: Floats) -> tuple[Floats, Floats]:
    """Luma (H, W) and chroma (H/2, W/2, 2) of a packed picture (6, H/2, W/2); float32, copied."""
    _, h, w = packed.shape
    luma = np.empty((2 * h, 2 * w), np.float32)
    for sub, (top, left) in enumerate(_SUB_PIXELS):
        luma[top::2, left::2] = packed[sub]
    return luma, np.asarray(cv2.merge([packed[4], packed[5]]), np.float32)


def pack420(luma: Floats, chroma: Floats, out: Floats | None = None) -> Floats:
    """The opposite of `unpack420`. out: where to put it, (6, H/2, W/2); None makes it."""
    h, w = chroma.shape[:2]
    if out is None:
        out = np.empty((6, h, w), np.float32)
    for sub, (top, left) in enumerate(_SUB_PIXELS):
        out[sub] = luma[top::2, left::2]
    out[4], out[5] = chroma[..., 0], chroma[..., 1]
    return out
