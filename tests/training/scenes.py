"""Pictures for the tests of training: no photographs are needed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def still(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """R'G'B' with detail of several sizes, none under some five pixels."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for size in (5, 16, 60):
        grain = rng.random((height // size + 2, width // size + 2, 3), np.float32)
        total += cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(total * (255 / 3), 0, 255), np.uint8)


def floats(*values: float | list[float]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def clip(frames: int, height: int, width: int, seed: int = 0, shift: int = 1) -> NDArray[np.float32]:
    """R'G'B' (T, H, W, 3) in [0, 1] that moves to the left by `shift` pixels a frame."""
    wide = still(height, width + shift * frames, seed)
    moved = np.stack([wide[:, shift * t : shift * t + width] for t in range(frames)])
    return np.asarray(moved / 255, np.float32)


def flat(frames: int, height: int, width: int, *colour: float) -> NDArray[np.float32]:
    """One colour (T, H, W, 3), or a grey of one number."""
    return np.broadcast_to(np.asarray(colour, np.float32), (frames, height, width, 3)).copy()
