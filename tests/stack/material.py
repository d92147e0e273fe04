"""A scene with known detail, recorded by a sensor whose pixels average over their squares."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.analysis.material import scene

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SCALE = 4
SIZE = 72, 40  # recorded pixels, width and height
_BORDER = 16  # fine pixels around, from which the scene moves in


def fine_scene(seed: int = 0, plate: bool = True) -> Floats:
    """(H, W) codes, SCALE times as fine as what is recorded, with a border on each side."""
    width, height = SIZE[0] * SCALE + 2 * _BORDER, SIZE[1] * SCALE + 2 * _BORDER
    picture = np.asarray(np.rint(scene(seed, height, width) * 255), np.uint8)
    if plate:
        cv2.rectangle(picture, (60, 50), (width - 60, height - 50), 220, -1)
        cv2.putText(picture, "KM 48", (75, 115), cv2.FONT_HERSHEY_SIMPLEX, 1.6, 25, 6, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 1.2), np.float32)


def truth(fine: Floats) -> Floats:
    """What a recording that is not shifted shows, on the finer grid."""
    return fine[_BORDER:-_BORDER, _BORDER:-_BORDER]


def recorded(fine: Floats, shift: tuple[float, float], noise: float = 0.0, seed: int = 0) -> Bytes:
    """The scene shifted by (x, y) fine pixels, recorded: (H, W) uint8. noise: codes."""
    moved = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)
    there = cv2.warpAffine(fine, moved, fine.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    small = cv2.resize(np.ascontiguousarray(truth(np.asarray(there, np.float32))), SIZE, interpolation=cv2.INTER_AREA)
    small = small + np.random.default_rng(seed).normal(0, noise, small.shape)
    return np.asarray(np.clip(np.rint(small), 0, 255), np.uint8)


def shifts(count: int, seed: int = 1) -> list[tuple[float, float]]:
    """The first is (0, 0), the others up to three recorded pixels, in fine pixels."""
    rng = np.random.default_rng(seed)
    return [(0.0, 0.0), *((float(x), float(y)) for x, y in rng.uniform(-10, 10, (count - 1, 2)))]


def moving(count: int, noise: float, seed: int = 0) -> list[Bytes]:
    fine = fine_scene(seed)
    return [recorded(fine, shift, noise, 100 + i) for i, shift in enumerate(shifts(count))]


def psnr(values: NDArray[np.generic], true: Floats, edge: int = 20) -> float:
    """dB, without `edge` fine pixels on each side."""
    inside = (slice(edge, -edge), slice(edge, -edge))
    error = np.asarray(values, np.float32)[inside] - true[inside]
    return float(10 * np.log10(255**2 / np.mean(np.square(error))))


def as_color(pictures: Sequence[Bytes]) -> list[Bytes]:
    """Grey as (H, W, 3)."""
    return [np.repeat(picture[..., None], 3, 2) for picture in pictures]
