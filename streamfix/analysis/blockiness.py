"""How far a codec's block edges stand out, measured from the picture alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..motion import Floats

_MOST = 6 / 255  # a step above this is taken for an edge of the scene, and counts as no more than this
_LINES = 150  # lines looked at in each direction, and as many more at most
_MEMORY = 12  # frames over which the steps are averaged
_LEAST_PERIODS = 6  # fewer block edges across the picture tell nothing
_OTHER_PERIODS = 14  # the same for a grid of another pitch, of which there are several to be taken in by
_BIAS = 1.5  # standard deviations by which the largest of eight random means lies above their median
_DOUBT, _SURE = 2.0, 4.0  # standard deviations: below the first the step is chance, from the second on it is the grid
# What a grid of another pitch must show to be believed, and by how much it must exceed that of 8 pixels, which sees
# every second of its lines if it is one of 16.
_OTHER_SURE, _OTHER_LEAST, _OTHER_MORE = 6.0, 0.05 / 255, 1.5
# Pitches of grids that were enlarged with their picture, in pixels. Above _SHARP the edges are soft, and are looked for
# in the picture at half its size: 640 and 720 columns made of 352, then twice, 2 1/4, three and four times.
_SHARP = (32 / 3, 12.0)
_WIDE = (8 * 640 / 352, 16.0, 8 * 720 / 352, 18.0, 24.0, 32.0)


@dataclass(frozen=True, slots=True)
class Blockiness:
    """step: mean height of a block edge above what stands elsewhere in the picture, [0, 1] units; 0 without a grid.

    pitch: distance of the grid's lines in pixels, 8 unless the picture was enlarged after it was coded.
    """

    step: float
    pitch: float = 8.0


class BlockGrid:
    """Finds a stream's block grid, wherever it begins, and how high its edges are.

    Each pixel boundary's step counts by as much as it exceeds its four neighbours along the same line, so that slopes
    and texture count nothing. Means over whole columns (rows) of the last frames are then compared at each phase of the
    grid. H.264 and H.265 smooth their edges: there 0.1 codes are much, where MPEG-2 and JPEG show 0.3 and more. A grid
    of 8 pixels covers one of 16.
    """

    def __init__(self) -> None:
        self._profiles: list[Floats] = []
        self._frames = 0

    def add(self, luma: Floats) -> None:
        """Take a frame in. luma: (H, W) in [0, 1]. 1 ms at 640x360."""
        h, w = luma.shape
        half = np.asarray(cv2.resize(luma, (max(w // 2, 1), max(h // 2, 1)), interpolation=cv2.INTER_AREA), np.float32)
        now = [_excess(of) for of in (luma, half, luma.T, half.T)]
        if [len(profile) for profile in now] != [len(profile) for profile in self._profiles]:
            self._profiles, self._frames = now, 1
            return
        self._frames = min(self._frames + 1, _MEMORY)
        for profile, new in zip(self._profiles, now, strict=True):
            profile += (new - profile) / np.float32(self._frames)

    @property
    def found(self) -> Blockiness:
        """The mean of both directions, and the pitch of the clearer one."""
        if not self._profiles:
            return Blockiness(0.0)
        across, down = _grid(self._profiles[:2]), _grid(self._profiles[2:])
        step = (across.step + down.step) / 2
        return Blockiness(step, max(across, down, key=lambda found: found.step).pitch)


def blockiness(luma: Floats) -> Blockiness:
    """What `BlockGrid` finds in one picture, (H, W) in [0, 1]."""
    grid = BlockGrid()
    grid.add(luma)
    return grid.found


def _grid(profiles: Sequence[Floats]) -> Blockiness:
    """One direction's grid. profiles: of the picture, and of the picture at half its size."""
    step, sureness = _fold(profiles[0], 8.0)
    best = Blockiness(step * min(max((sureness - _DOUBT) / (_SURE - _DOUBT), 0.0), 1.0))
    for pitches, profile, scale in ((_SHARP, profiles[0], 1), (_WIDE, profiles[1], 2)):
        for pitch in pitches:
            step, sureness = _fold(profile, pitch / scale, _OTHER_PERIODS)
            if sureness >= _OTHER_SURE and step >= max(_OTHER_LEAST, _OTHER_MORE * best.step):
                best = Blockiness(step, pitch)
    return best


def _excess(luma: Floats) -> Floats:
    """(W - 1,): by how much the step at each column boundary exceeds the two steps on either side, mean over rows."""
    lines = np.ascontiguousarray(luma[:: max(1, len(luma) // _LINES)])
    steps = np.abs(lines[:, 1:] - lines[:, :-1])
    if steps.shape[1] < 5:
        return np.zeros(steps.shape[1], np.float32)
    outer = np.maximum(steps[:, :-4], steps[:, 4:])
    inner = np.maximum(steps[:, 1:-3], steps[:, 3:-1])
    own = steps[:, 2:-2] - np.maximum(outer, inner)
    return np.pad(np.clip(own, 0, np.float32(_MOST)).mean(0), 2)


def _fold(profile: Floats, pitch: float, least: int = _LEAST_PERIODS) -> tuple[float, float]:
    """The step at the best phase of a grid, and by how many standard deviations it is not chance."""
    count = int((len(profile) - 4) / pitch) - 1
    if count < least:
        return 0.0, 0.0
    at = 2 + np.arange(int(pitch))[:, None] + np.floor(np.arange(count) * pitch).astype(np.int64)
    means = profile[at].mean(1)
    best = int(np.argmax(means))
    others = np.delete(means, best)
    middle, spread = float(np.median(others)), float(others.std()) + 1e-7
    high = float(means[best]) - middle
    return max(high - _BIAS * spread, 0.0), high / spread
