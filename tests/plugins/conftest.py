"""Material that recipes are tried on: photographs and a moving clip, all made here."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from streamfix.training import ClipPlanes, Material


def photograph(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.random((200 // s + 2, 260 // s + 2, 3)), (260, 200)) for s in (2, 8, 40)]
    return np.asarray(255 * np.mean(layers, axis=0), np.uint8)


@pytest.fixture(scope="module")
def material() -> Material:
    rng = np.random.default_rng(9)
    picture = cv2.resize(rng.integers(40, 200, (20, 30), np.uint8), (120, 80))
    y = np.stack([np.roll(picture, 2 * t, 1) for t in range(12)])
    clip = ClipPlanes(y.astype(np.uint8), np.full((12, 40, 60), 120, np.uint8), np.full((12, 40, 60), 130, np.uint8))
    return Material({f"p{i}": photograph(i) for i in range(3)}, {"c": clip})
