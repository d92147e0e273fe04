"""Marks discontinuities: scene cuts and gaps in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..boundary import Boundary
from ..frame import Frame
from ..pipeline import Stage
from ..threads import quiet
from ..yuv420 import ArrayPicture

THUMBNAIL = (18, 32)
Thumbnail: TypeAlias = NDArray[np.float32]


class CutDetector(Stage):
    """Sets `cut` on the first frame of each shot, and changes nothing else.

    A scene cut is a mean absolute change of the luma thumbnail that is large
    in itself and far above what this shot's own motion and noise made of it so
    far. Most of a change of the mean is taken out first, and so is a pan of up
    to two thumbnail cells: lightning, a switched lamp and a fast pan are no
    cuts. A gap in time of more than `max_gap_s`, and time
    that runs backwards, are cuts too.

    threshold: smallest change that may be a cut, as a part of full scale.
    ratio: smallest multiple of the shot's usual change.
    """

    name = "cut"

    def __init__(self, threshold: float = 0.07, ratio: float = 4.0, max_gap_s: float = 2.0) -> None:
        self.threshold, self.ratio, self.max_gap_s = threshold, ratio, max_gap_s
        self.cuts = 0
        self._previous: Thumbnail | None = None
        self._previous_s = 0.0
        self._usual = 0.0

    def push(self, item: Any) -> Iterator[Any]:
        if isinstance(item, Boundary):
            item.states.append({"last": self._previous, "last_s": self._previous_s, "usual": self._usual})
        elif isinstance(item, Frame) and not item.damaged:
            now = thumbnail(item)
            if item.cut or self._is_cut(now, item.time_s):
                item = replace(item, cut=True)
                self.cuts += 1
                self._usual = 0.0
            self._previous, self._previous_s = now, item.time_s
        yield item

    def reset(self) -> None:
        self._previous, self._usual = None, 0.0

    def load(self, saved: Mapping[str, Any]) -> None:
        self._previous, self._previous_s, self._usual = saved["last"], saved["last_s"], saved["usual"]

    @quiet
    def _is_cut(self, now: Thumbnail, time_s: float) -> bool:
        if self._previous is None:
            return False
        if not 0 <= time_s - self._previous_s <= self.max_gap_s:
            return True
        change = change_of(now, self._previous)
        found = change > self.threshold and change > self.ratio * self._usual and not self._is_pan(now, self._previous)
        self._usual = max(0.9 * self._usual, change)
        return found

    def _is_pan(self, now: Thumbnail, previous: Thumbnail) -> bool:
        height, width = THUMBNAIL
        centre = now[2 : height - 2, 2 : width - 2]
        return any(
            change_of(centre, previous[y : y + height - 4, x : x + width - 4]) < self.threshold
            for y in range(5)
            for x in range(5)
        )


def change_of(now: Thumbnail, previous: Thumbnail) -> float:
    """Mean absolute change of two thumbnails, most of a common change of brightness taken out."""
    delta = now - previous
    return float(np.abs(delta - 0.7 * delta.mean()).mean())


@quiet
def thumbnail(frame: Frame) -> Thumbnail:
    """The luma as (18, 32) means in [0, 1], from every few lines and columns: it only has to be comparable."""
    picture = frame.picture
    if isinstance(picture, ArrayPicture):
        luma, top = picture.array[0], 1.0
    elif hasattr(picture, "tensor"):
        from ..layout import to_layout

        luma, top = to_layout(frame, "luma", picture.tensor.device)[0], 1.0
    else:
        planes = picture.planes(frame.color)
        # green stands for the luma of R'G'B': the first plane in either case
        luma, top = planes.data[0], float(planes.format.max_code)
    height, width = luma.shape
    step = max(1, min(height // (4 * THUMBNAIL[0]), width // (4 * THUMBNAIL[1])))
    few = luma[::step, ::step]
    few = np.asarray(few if isinstance(few, np.ndarray) else few.cpu(), np.float32)
    return np.asarray(cv2.resize(few, THUMBNAIL[::-1], interpolation=cv2.INTER_AREA), np.float32) / np.float32(top)
