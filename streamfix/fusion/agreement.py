"""How well a warped picture matches a frame, compared with what noise alone would explain. Works on half-size luma."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
_BLOCK, _CALL = 64, 2000  # side of the small tiles that flow may be refined in; what a call costs, in pixels
_MANY = 1 << 18  # half-size pixels of a large picture
# A cell is calm if its residual is at most _CALM times what noise explains in the mean, and _SURELY times everywhere.
# Of white noise, 2 cells in 1000 are above the first and 1 in 2000 above the second.
_CALM, _SURELY = 1.6, 4.0
_QUARTER = 0.8  # the calmest quarter of cells, relative to what noise explains; 0.88 for white noise
FEW = 0.1  # share of busy cells up to which flow is looked for around them alone, and the camera counts as fixed
_AROUND = 24  # half-size pixels around busy cells in which their flow is looked for
_LEAST = 64  # least side of such a part; in one of 45, OpenCV's DIS would set itself up anew, for all later calls too
STATIC_BIAS = 0.3  # motion must beat standing still by this fraction of the expected residual


Bytes: TypeAlias = NDArray[np.uint8]


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
    noise = min(_quantile(ratio, 0.25) / _QUARTER, 1.0)
    surely = cv2.compare(found, expected * np.float32(_SURELY * noise), cv2.CMP_GT)
    alarm = np.asarray(cv2.resize(surely, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)
    busy = cv2.dilate(((ratio > _CALM * noise) | (alarm > 0)).astype(np.float32), np.ones((3, 3), np.uint8))
    return np.asarray(cv2.resize(busy, (w, h), interpolation=cv2.INTER_NEAREST), np.float32)


def flow_around(busy: Floats, estimate: motion.FlowEstimator, now: Floats, before: Floats) -> Floats:
    """Flow from `now` to `before`, both (h, w), looked for where cells are busy; zero where none are near."""
    h, w = busy.shape
    flow = np.zeros((h, w, 2), np.float32)
    core = _around_all(_moves(np.asarray(cv2.merge([busy, busy]), np.float32)), Area(0, h, 0, w))
    if core is not None:
        at = _at_least(Tile(core, h, w).around(_AROUND), _LEAST, h, w).half
        flow[at] = estimate(np.ascontiguousarray(now[at]), np.ascontiguousarray(before[at]))
    return flow


def _at_least(area: Area, side: int, height: int, width: int) -> Area:
    """The area, widened to `side` in a picture of that size, as far as that reaches."""
    tall, wide = max(area.bottom - area.top, side), max(area.right - area.left, side)
    top, left = max(min(area.top, height - tall), 0), max(min(area.left, width - wide), 0)
    return Area(top, min(top + tall, height), left, min(left + wide, width))


def refined(flow: Floats, now: Floats, before: Floats, sigma: float, warp: motion.Warper) -> Floats:
    """`motion.refine` in tiles, and only around what moves; where nothing does in a tile, flow may stay zero."""
    height, width = flow.shape[:2]
    result, moves = flow.copy(), _moves(flow)
    # Small tiles leave out more, and spend more on their margins and on calls.
    large, small = tiles(height, width), tiles(height, width, _BLOCK, _BLOCK**2)
    choices = _cores(moves, large), _cores(moves, small)

    def improve(core: Area) -> None:
        at = Tile(core, height, width).around(motion.REFINE_REACH)
        better = motion.refine(flow[at.half], now[at.full], before, sigma, warp, at.full)
        result[core.half] = better[core.inside(at).half]

    cores.each(improve, choices[0] if _cost(choices[0]) <= _cost(choices[1]) else choices[1])
    return result


def _cores(moves: Bytes, all_tiles: Sequence[Tile]) -> list[Area]:
    """What moves in each tile."""
    return [core for core in (_around_all(moves, tile.core) for tile in all_tiles) if core is not None]


def _cost(areas: Sequence[Area]) -> int:
    """What it takes to refine them, in half-size pixels."""
    margins = 2 * motion.REFINE_REACH
    return sum((a.bottom - a.top + margins) * (a.right - a.left + margins) + _CALL for a in areas)


def _moves(flow: Floats) -> Bytes:
    """Where the components of a flow are not zero, (h, 2 w): above 0. A negative component times 0 is -0.0."""
    h, w = flow.shape[:2]
    components = np.ascontiguousarray(flow).reshape(h, 2 * w)
    return np.asarray(cv2.compare(components, 0.0, cv2.CMP_NE), np.uint8)  # type: ignore[call-overload]  # or a number


def _around_all(moves: Bytes, area: Area) -> Area | None:
    """The smallest part of an area outside of which nothing in it moves; None if nothing does. moves: see `_moves`."""
    left, top, width, height = cv2.boundingRect(moves[area.top : area.bottom, 2 * area.left : 2 * area.right])
    if not height:
        return None
    top, left, right = area.top + top, area.left + left // 2, area.left + (left + width + 1) // 2
    return Area(top, top + height, left, right)


def moving_parts(flow: Floats) -> list[Area]:
    """Parts that together hold all of a flow that is not zero: runs of cells, those below each other as one."""
    h, w = flow.shape[:2]
    moves = _moves(flow)
    run = _RUN if h * w < _MANY else 2 * _RUN  # in a large picture, warping many small parts would cost more
    # each pixel then tells of those below and to the right of it
    reach = cv2.dilate(moves, np.ones((run, 2 * run), np.uint8), anchor=(0, 0))
    parts: list[Area] = []
    begun: dict[tuple[int, int], int] = {}  # runs of the row above, and where the part of each begins
    for row, cells in enumerate([*reach[::run, :: 2 * run].tolist(), []]):  # below the last row nothing moves
        top, here = row * run, {}
        for left, right in _runs(cells):
            at = left * run, min(right * run, w)
            here[at] = begun.pop(at, top)
        parts += [Area(first, min(top, h), left, right) for (left, right), first in begun.items()]
        begun = here
    return parts


def _runs(cells: Sequence[int]) -> list[tuple[int, int]]:
    """Where rows of cells that are not 0 begin and end."""
    edges = [at for at, (one, next_) in enumerate(pairwise((0, *cells, 0))) if (one == 0) != (next_ == 0)]
    return list(zip(edges[::2], edges[1::2], strict=True))
