"""Marks discontinuities: scene cuts and gaps in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..frame import Frame
from ..layout import to_layout
from ..pipeline import Stage

_THUMBNAIL = (36, 64)


class CutDetector(Stage):
    """Sets `cut` on the first frame of each shot; changes nothing else.

    A cut is seen where the thumbnail's mean absolute change is large in itself
    and far above the change that the frames before it had, so that fast motion
    and noise do not count. A gap in time of more than `max_gap_s`, or time
    that runs backwards, counts as a cut too.

    threshold: change of a 64x36 luma thumbnail, in parts of full scale. A
    change of exposure is no cut by itself: the thumbnails' means are removed
    in part.
    """

    name = "cut"

    def __init__(self, threshold: float = 0.08, ratio: float = 3.0, max_gap_s: float = 2.0) -> None:
        self.threshold, self.ratio, self.max_gap_s = threshold, ratio, max_gap_s
        self.cuts = 0
        self._previous: Tensor | None = None
        self._usual = 0.0
        self._time_s = 0.0

    def push(self, item: Any) -> Iterator[Any]:
        if isinstance(item, Frame) and not item.damaged:
            if item.cut:
                self._previous = None
            elif self._is_cut(item):
                item = replace(item, cut=True)
                self._previous = None
            if item.cut:
                self.cuts += 1
            self._remember(item)
        yield item

    def _thumbnail(self, frame: Frame) -> Tensor:
        luma = to_layout(frame, "luma")
        stride = max(1, min(luma.shape[-2] // _THUMBNAIL[0], luma.shape[-1] // _THUMBNAIL[1]) // 2)
        return F.adaptive_avg_pool2d(luma[None, :, ::stride, ::stride], _THUMBNAIL)[0, 0]

    def _is_cut(self, frame: Frame) -> bool:
        gap_s = frame.time_s - self._time_s
        if self._previous is not None and not 0 <= gap_s <= self.max_gap_s:
            return True
        thumbnail = self._thumbnail(frame)
        if self._previous is None or self._previous.shape != thumbnail.shape:
            self._current = thumbnail
            return False
        self._current = thumbnail
        delta = thumbnail - self._previous
        change = float((delta - 0.7 * delta.mean()).abs().mean())
        found = change > self.threshold and change > self.ratio * self._usual
        # what a shot's own motion makes of the thumbnail; a cut itself does not count
        self._usual = 0.0 if found else max(0.8 * self._usual + 0.2 * change, 0.25 * change)
        return found

    def _remember(self, frame: Frame) -> None:
        if frame.cut and self._previous is None:
            self._current = self._thumbnail(frame)
            self._usual = 0.0
        self._previous = self._current
        self._time_s = frame.time_s
