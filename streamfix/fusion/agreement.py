"""How well a warped picture matches a frame, compared with what noise alone would explain. Works on half-size luma."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from .. import cores, motion
from .planes import Floats, box, shrink
from .tiles import Area, Tile, tiles

LEAST_CONFIDENCE = 0.2  # a lower mean confidence is a scene change
FINE_BLUR = 0.5  # half-size pixels: sigma of the blur applied to a noisy picture before fine flow
FINE_REFINEMENTS = 2  # variational refinement steps of fine flow
FINE_CHANGE = 0.4  # half-size pixels: standard deviation of fine flow's change from frame to frame
FLOOR = 0.35 / 255  # expected residual of noiseless video: rounding and motion error
_FLAT, _LOWER = 1 / 3, 0.3  # grain is measured on the flattest third, at the 30 % quantile of residual / expected
_WHITE = 0.73  # that quantile for white noise
_GRAIN = (1.12, 1.35, 4.0), (1.0, 1.35, 4.0)  # measured factor to grain factor: up to 1.12 may be chance
_DOUBT = -0.3  # where the picture moves, the expected residual is scaled by grain factor ** _DOUBT
_FOLLOWS = 0.2  # weight of a new frame's measurement
_CELL, _RUN = (
    8,
    16,
)  # half-size pixels on a side of the cells that are looked at for motion, and of those warped at once
_MOSTLY, _BLOCK = 0.5, 64  # a flow that is zero in more than half of the picture is refined in blocks of this side
_MANY = 1 << 18  # half-size pixels of a large picture
_NO_SIGNS = np.uint64(0x7FFFFFFF_7FFFFFFF)
# A cell is calm if its residual is at most _CALM times what noise explains in the mean, and _SURELY times everywhere.
# Of white noise, 2 cells in 1000 are above the first and 1 in 2000 above the second.
_CALM, _SURELY = 1.6, 4.0
_QUARTER = 0.8  # the calmest quarter of cells, relative to what noise explains; 0.88 for white noise
STATIC_BIAS = 0.3  # motion must beat standing still by this fraction of the expected residual


Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Trust:
    """How readily pictures are averaged.

    tolerance: residuals up to this many times the expected one count as noise.
    blur_cost: variance, relative to one frame's noise, added by a half-pixel shift in both axes, because interpolation
    blurs the noise.
    blurred_detail: standard deviation of the detail that interpolation also blurs, in [0, 1] units.
    """

    tolerance: float
    blur_cost: float
    blurred_detail: float


#: For pictures that are shown as they are: whatever is not averaged stays noisy.
READY = Trust(1.6, 0.2, 6 / 255)
#: For pictures that a network cleans up afterwards: it removes leftover noise better than a ghost or a blur.
WARY = Trust(1.3, 0.3, 15 / 255)


class Grain:
    """How coarse a stream's noise is: how much stronger it is, averaged over a few pixels, than white noise would be.

    A camera's demosaicking and noise reduction spread noise over neighbouring pixels. The residual expected of white
    noise is then about half the real one, and nothing would be averaged.

    factor: 1 for white noise.
    """

    def __init__(self) -> None:
        self.factor = 1.0
        self._known = False

    def doubt(self, residual: tuple[Floats, Floats], moving: Floats | None) -> tuple[Floats, Floats]:
        """The residual with its expectation lowered where motion was followed: coarse noise would hide motion errors.

        moving: (h, w), 1 where motion was followed, 0 where the picture stands still; None means 1 everywhere.
        """
        found, expected = residual
        less = np.float32(self.factor**_DOUBT - 1)
        if less:
            expected = expected * (1 + less if moving is None else 1 + less * moving)
        return found, expected

    def follow(self, residual: tuple[Floats, Floats], history: Floats) -> None:
        """Learn from the residual between a frame and its history, from a `Residual` that was given the current factor.

        Only flat areas of the history count, and of these the lower residuals: they show noise alone, whereas motion
        errors show up at edges and in texture.

        history: (h, w), already warped.
        """
        found, expected, picture = (part[::2, ::2] for part in (*residual, history))
        slope = np.abs(cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=1)) + np.abs(
            cv2.Sobel(picture, cv2.CV_32F, 0, 1, ksize=1)
        )
        ratio = (found / expected)[slope <= _quantile(slope, _FLAT)]
        seen = np.interp(self.factor / _WHITE * _quantile(ratio, _LOWER), *_GRAIN)
        self.factor += (_FOLLOWS if self._known else 1.0) * (float(seen) - self.factor)
        self._known = True

    def saved(self) -> dict[str, Any]:
        """What it has learnt, as `Filter.save_state` wants it."""
        return {"factor": self.factor, "known": self._known}

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from what another one gave."""
        self.factor, self._known = saved["factor"], saved["known"]


def _quantile(values: Floats, share: float) -> float:
    """The value below which this share of the values lies, found without a full sort."""
    at = int(share * (values.size - 1))
    return float(np.partition(values, at, axis=None)[at])


class Residual:
    """How far pictures are from a frame, and how far noise alone would put them.

    sigma: standard deviation of the frame's noise at full size.
    """

    def __init__(self, guide: Floats, sigma: float) -> None:
        self._low = box(guide, 3)
        # The mean of |N| is 0.8 sd. Averaging 2x2 pixels halves the frame's noise; 3x3 of those leave a third of that.
        self._expected = np.float32(0.8 * sigma / 2 / 3)

    def __call__(self, picture: Floats, variance: Floats) -> tuple[Floats, Floats]:
        """Mean absolute difference around each pixel, and its expected value.

        variance: noise of both pictures together, beyond the 1 of a single frame; capped at 1.
        """
        difference = box(picture, 3)
        difference -= self._low
        np.abs(difference, out=difference)
        expected = np.minimum(variance, 1)
        expected += 1
        np.sqrt(expected, out=expected)
        expected *= self._expected
        return box(difference, 3), np.maximum(expected, np.float32(FLOOR), out=expected)


def confidence(residual: tuple[Floats, Floats], trust: Trust) -> Floats:
    """1 where the picture differs by no more than noise explains, falling to 0. Overwrites `residual`."""
    found, expected = residual
    found /= expected
    found -= trust.tolerance
    np.maximum(found, 0, out=found)
    found *= found
    return np.exp(np.negative(found, out=found), out=found)


def moves(moved: tuple[Floats, Floats], still: Floats) -> Floats:
    """1 where motion explains the frame, 0 where standing still does as well. Blurred, so that flow is blended.

    moved: from a `Residual`, for the warped picture. still: the difference for the unwarped picture.
    """
    found, expected = moved
    return box((found + STATIC_BIAS * expected < still).astype(np.float32), 5)


def blur(flow: Floats, sigma: float, trust: Trust) -> Floats:
    """Cost of moving by fractions of a pixel, as variance relative to the noise: interpolation blurs detail."""
    full = flow * 2
    full -= np.rint(full)
    np.abs(full, out=full)
    cost = np.add(full[..., 0], full[..., 1])  # 0 on the pixel grid, 1 in the middle of four pixels
    cost *= np.float32(trust.blur_cost + min((trust.blurred_detail / max(sigma, FLOOR)) ** 2, 3))
    return cost


def another_scene(trusted: Floats, guide: Floats, moved: Floats, sigma: float) -> bool:
    """True if the warped picture shows another scene, or the same in another light. trusted: its confidence."""
    h, w = guide.shape
    brightening = np.median(shrink(guide - moved, max(h // 16, 1), max(w // 16, 1)))
    return bool(trusted.mean() < LEAST_CONFIDENCE or abs(brightening) > max(2 / 255, sigma / 4))


def before_flow(guide: Floats) -> Floats:
    """Prepare a noisy picture's half-size luma for flow estimation."""
    return np.asarray(cv2.GaussianBlur(guide, (0, 0), FINE_BLUR), np.float32)


def busy_cells(still: tuple[Floats, Floats]) -> Floats:
    """(h, w): 0 in cells in which and around which noise alone explains the frame if nothing moves, else 1.

    still: from a `Residual`, for the picture before, unwarped.
    """
    found, expected = still
    h, w = found.shape
    rows, columns = max(h // _CELL, 1), max(w // _CELL, 1)
    ratio = shrink(found, rows, columns) / shrink(expected, rows, columns)
    # Behind a codec there is less noise than is told: the calmest quarter shows how much.
    noise = min(float(np.quantile(ratio, 0.25)) / _QUARTER, 1.0)
    surely = cv2.compare(found, expected * np.float32(_SURELY * noise), cv2.CMP_GT)
    alarm = np.asarray(cv2.resize(surely, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    busy = cv2.dilate(((ratio > _CALM * noise) | (alarm > 0)).astype(np.float32), np.ones((3, 3), np.uint8))
    return np.asarray(cv2.resize(busy, (w, h), interpolation=cv2.INTER_NEAREST), np.float32)


def refined(flow: Floats, now: Floats, before: Floats, sigma: float, warp: motion.Warper) -> Floats:
    """`motion.refine` in tiles, and only around what moves; where nothing does in a tile, flow may stay zero."""
    result, moves = flow.copy(), _moves(flow)
    height, width = moves.shape
    most = float(np.mean(moves)) > _MOSTLY  # small tiles leave out more, and spend more on their margins

    def improve(tile: Tile) -> None:
        core = _around_all(moves, tile.core)
        if core is not None:
            at = Tile(core, height, width).around(motion.REFINE_REACH)
            better = motion.refine(flow[at.half], now[at.full], before, sigma, warp, at.full)
            result[core.half] = better[core.inside(at).half]

    cores.each(improve, tiles(height, width) if most else tiles(height, width, _BLOCK, _BLOCK**2))
    return result


def _moves(flow: Floats) -> Bools:
    """Where a flow is not zero."""
    # Both components at once, without their signs: a negative component times 0 is -0.0.
    return np.asarray((np.ascontiguousarray(flow).view(np.uint64)[..., 0] & _NO_SIGNS) != 0)


def _around_all(moves: Bools, area: Area) -> Area | None:
    """The smallest part of an area outside of which nothing in it moves; None if nothing does."""
    here = moves[area.half]
    rows, columns = (np.flatnonzero(here.any(axis)) for axis in (1, 0))
    if not rows.size:
        return None
    return Area(area.top + rows[0], area.top + rows[-1] + 1, area.left + columns[0], area.left + columns[-1] + 1)


def moving_parts(flow: Floats) -> list[Area]:
    """Parts that together hold all of a flow that is not zero: runs of cells, those below each other as one."""
    h, w = flow.shape[:2]
    moves = _moves(flow)
    run = _RUN if h * w < _MANY else 2 * _RUN  # in a large picture, warping many small parts would cost more
    lines = np.logical_or.reduceat(moves, np.arange(0, h, run), axis=0)
    cells = np.logical_or.reduceat(lines, np.arange(0, w, run), axis=1)
    edges = np.zeros((len(cells) + 1, cells.shape[1] + 2), np.int8)  # below the last row nothing moves
    edges[:-1, 1:-1] = cells
    parts: list[Area] = []
    begun: dict[tuple[int, int], int] = {}  # runs of the row above, and where the part of each begins
    for row, line in enumerate(np.diff(edges)):
        top, runs = row * run, np.minimum(np.flatnonzero(line) * run, w).reshape(-1, 2)
        here = {(left, right): begun.pop((left, right), top) for left, right in runs.tolist()}
        parts += [Area(first, min(top, h), left, right) for (left, right), first in begun.items()]
        begun = here
    return parts
