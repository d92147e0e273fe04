"""A contact sheet: for each scene the same crop of truth, input, the best peers and the filters under test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from .clip import Bytes, Clip

CROP = (160, 120)  # width, height
_ENLARGE = 2
_CAPTION = 18  # lines under each crop
_FONT = cv2.FONT_HERSHEY_SIMPLEX


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """crop: R'G'B' (h, w, 3) uint8, no larger than CROP. caption: what stands under it."""

    crop: Bytes
    caption: str


def busiest(truth: Clip) -> tuple[int, int]:
    """(left, top) of the crop that has most detail and motion, found on the truth alone so that it favours nobody."""
    width, height = (min(a, b) for a, b in zip(CROP, truth.size, strict=True))
    t = (len(truth) * 5) // 8
    now, before = truth.y[t].astype(np.float32), truth.y[t - 1].astype(np.float32)
    detail = np.abs(cv2.Laplacian(cv2.GaussianBlur(now, (0, 0), 1.0), cv2.CV_32F))
    total = cv2.integral(detail + 0.5 * np.abs(now - before))
    sums = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    top, left = np.unravel_index(int(np.argmax(sums)), sums.shape)
    return int(left), int(top)


def crop(picture: Bytes, at: tuple[int, int]) -> Bytes:
    """The crop of a whole picture (H, W, 3) whose upper left corner is `at` = (left, top)."""
    left, top = at
    return np.ascontiguousarray(picture[top : top + CROP[1], left : left + CROP[0]])


def sheet(rows: Mapping[str, Sequence[Cell]]) -> bytes:
    """A PNG: one row for each scene, its name at the left. Raises ValueError when there is nothing to show."""
    if not rows:
        raise ValueError("no scenes for a contact sheet")
    width, height = CROP[0] * _ENLARGE, CROP[1] * _ENLARGE + _CAPTION
    columns = max(map(len, rows.values()))
    canvas = np.full((len(rows) * (height + 4), columns * (width + 4), 3), 255, np.uint8)
    for i, (scene, cells) in enumerate(rows.items()):
        for j, cell in enumerate(cells):
            big = cv2.resize(cell.crop, None, fx=_ENLARGE, fy=_ENLARGE, interpolation=cv2.INTER_NEAREST)
            top, left = i * (height + 4), j * (width + 4)
            canvas[top : top + big.shape[0], left : left + big.shape[1]] = big
            text = f"{scene}: {cell.caption}" if j == 0 else cell.caption
            at = (left + 2, top + height - 5)
            cv2.putText(canvas, text, at, _FONT, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    done, png = cv2.imencode(".png", np.ascontiguousarray(canvas[..., ::-1]))
    assert done
    return png.tobytes()
