"""A sheet of sample pictures: a row a sample, a column a stage of its restoration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import OutputError
from .losses import luma_of

_GAP = 4
_TITLE = 18


def rgb8(packed: Tensor) -> NDArray[np.uint8]:
    """(B, 6, H, W) packed limited-range BT.601 to (B, 2H, 2W, 3) R'G'B' bytes."""
    luma = luma_of(packed.detach().float().cpu()).squeeze(1).numpy()
    chroma = packed[:, 4:].detach().float().cpu().numpy()
    pictures = []
    for y, uv in zip(luma, chroma, strict=True):
        u, v = (cv2.resize(plane, y.shape[::-1], interpolation=cv2.INTER_LINEAR) for plane in uv)
        codes = np.dstack([y, v, u]) * 255  # OpenCV's order is Y, Cr, Cb; its scale is full range
        full = (codes - [16, 128, 128]) * [255 / 219, 255 / 224, 255 / 224] + [0, 128, 128]
        ycrcb = np.clip(np.rint(full), 0, 255).astype(np.uint8)
        pictures.append(cv2.cvtColor(ycrcb, cv2.COLOR_YCrCb2RGB))
    return np.stack(pictures).astype(np.uint8, copy=False)


def write(path: Path, columns: Sequence[tuple[str, Tensor]], rows: int = 8) -> None:
    """Write a PNG of the first `rows` samples. columns: titles and packed pictures (B, 6, H, W).

    Raises OutputError where it cannot be written.
    """
    shown = [(title, rgb8(pictures[:rows])) for title, pictures in columns]
    count, h, w, _ = shown[0][1].shape
    canvas = np.full((_TITLE + count * (h + _GAP), len(shown) * (w + _GAP), 3), 24, np.uint8)
    for i, (title, pictures) in enumerate(shown):
        left = i * (w + _GAP)
        cv2.putText(canvas, title, (left + 2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (230, 230, 230), 1, cv2.LINE_AA)
        for j, picture in enumerate(pictures):
            top = _TITLE + j * (h + _GAP)
            canvas[top : top + h, left : left + w] = picture
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR)):
        raise OutputError(f"{path}: the sample sheet cannot be written; make room, or give another --out")
