"""A sheet of sample pictures: a row a sample, a column a stage of its restoration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import OutputError
from .losses import luma_of, planes_of

_GAP = 4
_TITLE = 18


def rgb8(pictures: Tensor) -> NDArray[np.uint8]:
    """Pictures (B, C, H, W) in [0, 1] as R'G'B' bytes: (B, 2H, 2W, 3) of packed 4:2:0, else (B, H, W, 3).

    C = 6 is packed 4:2:0 and C = 1 luma, both in the limited range of BT.601; C = 3 is R'G'B'. Raises UsageError for
    another C.
    """
    values = pictures.detach().float().cpu()
    planes = planes_of(values)
    if "rgb" in planes:
        return np.asarray(np.clip(np.rint(values.numpy().transpose(0, 2, 3, 1) * 255), 0, 255), np.uint8)
    luma = luma_of(values).squeeze(1).numpy()
    grey = np.full((len(luma), 2, 1, 1), 128 / 255, np.float32)
    chroma = values[:, planes["uv"]].numpy() if "uv" in planes else grey
    return np.stack([_from_ycbcr(y, uv) for y, uv in zip(luma, chroma, strict=True)])


def _from_ycbcr(y: NDArray[np.float32], uv: NDArray[np.float32]) -> NDArray[np.uint8]:
    """One picture: y (H, W), uv (2, h, w) of any size, limited range of BT.601."""
    u, v = (cv2.resize(plane, y.shape[::-1], interpolation=cv2.INTER_LINEAR) for plane in uv)
    codes = np.dstack([y, v, u]) * 255  # OpenCV's order is Y, Cr, Cb; its scale is full range
    full = (codes - [16, 128, 128]) * [255 / 219, 255 / 224, 255 / 224] + [0, 128, 128]
    ycrcb = np.clip(np.rint(full), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(ycrcb, cv2.COLOR_YCrCb2RGB), np.uint8)


def write(path: Path, columns: Sequence[tuple[str, Tensor]], rows: int = 8) -> None:
    """Write a PNG of the first `rows` samples. columns: titles and pictures, as `rgb8` takes them.

    Columns may differ in size, as where a network enlarges: pictures smaller than the largest are enlarged by a whole
    number, pixel by pixel, as far as they fit, so that each pixel can still be told. Raises OutputError where the sheet
    cannot be written.
    """
    shown = [(title, rgb8(pictures[:rows])) for title, pictures in columns]
    count = len(shown[0][1])
    h, w = (max(pictures.shape[axis] for _, pictures in shown) for axis in (1, 2))
    canvas = np.full((_TITLE + count * (h + _GAP), len(shown) * (w + _GAP), 3), 24, np.uint8)
    for i, (title, pictures) in enumerate(shown):
        left = i * (w + _GAP)
        cv2.putText(canvas, title, (left + 2, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (230, 230, 230), 1, cv2.LINE_AA)
        times = min(h // pictures.shape[1], w // pictures.shape[2])
        for j, picture in enumerate(pictures.repeat(times, 1).repeat(times, 2)):
            top = _TITLE + j * (h + _GAP)
            canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR)):
        raise OutputError(f"{path}: the sample sheet cannot be written; make room, or give another --out")
