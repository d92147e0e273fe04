"""Averages upcoming frames into a fused one: what has just come into sight has no history to average with.

The next frames are warped along their motion. Frames further ahead count only where the picture stands still: there
they show the same content with different noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .. import motion
from .agreement import (
    FEW,
    FINE_CHANGE,
    FINE_REFINEMENTS,
    Grain,
    Residual,
    Trust,
    another_scene,
    before_flow,
    blur,
    busy_cells,
    confidence,
    flow_around,
    moves,
    moving_parts,
    refined,
)
from .planes import Floats, blend, enlarge, enlarge_part, scaled, shrink, unpack420
from .tiles import Area, Tile

Picture = tuple[Floats, Floats]  # luma and chroma

_ROWS = 16  # compare every 16th row to detect a copied frame: noise never repeats


@dataclass(frozen=True, slots=True)
class Fused:
    """A frame with its noise averaged away as far as possible. luma: (H, W), chroma: (H/2, W/2, 2).

    variance: (H/2, W/2), remaining noise relative to one frame's: sigma_eff = sigma * sqrt(variance).
    """

    luma: Floats
    chroma: Floats
    variance: Floats

    def average(self, luma: Floats, chroma: Floats, variance: Floats | np.float32, trusted: Floats) -> None:
        """Average in another picture of the same content, in place, weighted by both noise levels and by trust.

        variance: of its noise, as above. trusted: 0 to 1, (H/2, W/2).
        """
        own = self.variance
        gain = trusted * own / (own + variance)
        blend(self.luma, luma, enlarge(gain, *luma.shape))
        blend(self.chroma, chroma, gain)
        own[:] = (1 - gain) ** 2 * own + gain**2 * variance


@dataclass(frozen=True, slots=True)
class Terms:
    """How later frames are judged.

    sigma: standard deviation of a frame's luma noise. grain: coarseness of that noise. camera_moves: if False, standing
    still is tried before motion. standing: whether to find out where the picture stands still.
    """

    sigma: float
    grain: Grain
    trust: Trust
    camera_moves: bool
    standing: bool


class Ahead:
    """Aligns later frames of a stream with a fused one. Each is warped directly and once, so none is blurred twice.

    Pictures are float32 in [0, 1]: luma (H, W), chroma (H/2, W/2, 2). Not thread-safe. Given several frames, it starts
    threads of its own.

    to_next: luma of the next frame, and the half-size flow to it from the last fused frame; None if unknown.
    stands: (H/2, W/2), 1 where standing still explains later frames as well as motion does; None if unknown.
    """

    def __init__(self, height: int, width: int) -> None:
        self.to_next: tuple[Floats, Floats] | None = None
        self.stands: Floats | None = None
        self._size = height, width
        self._movers: list[_Mover] = []
        self._threads: ThreadPoolExecutor | None = None

    def __call__(
        self,
        fused: Fused,
        frame: Floats,
        ahead: Sequence[Picture],
        terms: Terms,
        back: Floats | None = None,
    ) -> bool:
        """Average later frames into a fused one, in place. Returns whether there were any besides copies of the frame.

        frame: luma of the frame that was fused. ahead: luma and chroma of the frames after it, next one first. Copies
        are used once, since they say nothing new about the noise. A frame that shows another scene ends the averaging.
        back: half-size flow to the previous frame, if known.
        """
        new = _new(frame, ahead)
        moved = self._moved(fused, new, terms, back)
        self.to_next = (new[0][0], moved[0].flow) if new and new[0] is ahead[0] else None
        self.stands = _all_stand(moved)
        for picture in moved:
            if picture.of_another_scene:
                break
            fused.average(picture.luma, picture.chroma, picture.variance, picture.trusted)
        return len(new) > 0

    def _moved(self, fused: Fused, pictures: Sequence[Picture], terms: Terms, back: Floats | None) -> list[_Moved]:
        """Warp each picture separately: the first in this thread, the others in parallel."""
        while len(self._movers) < len(pictures):
            self._movers.append(_Mover(*self._size))
        guide = shrink(fused.luma, *fused.variance.shape)
        calls = [
            (mover, fused, guide, picture, terms, None if back is None else -(i + 1) * back)
            for i, (mover, picture) in enumerate(zip(self._movers, pictures, strict=False))
        ]
        if len(calls) > 1 and self._threads is None:
            self._threads = ThreadPoolExecutor(len(calls) - 1, "ahead")
        others = [self._threads.submit(_Mover.__call__, *call) for call in calls[1:]] if self._threads else []
        first = [_Mover.__call__(*call) for call in calls[:1]]
        return [*first, *(other.result() for other in others)]


@dataclass(frozen=True, slots=True)
class _Moved:
    """A picture warped onto a fused one.

    flow: to the picture, before standing still was tried; half size. trusted: confidence, (H/2, W/2), 0 outside the
    picture. variance: of its noise, relative to one frame's, including the cost of warping.
    """

    luma: Floats
    chroma: Floats
    flow: Floats
    trusted: Floats
    variance: Floats
    stands: Floats | None
    of_another_scene: bool


class _Mover:
    """Warps one picture at a time, all of one size."""

    def __init__(self, height: int, width: int) -> None:
        # A finer flow pays where the camera moves: 0.2 dB. Where it stands still, little depends on the flow.
        self._estimates = {moves: motion.FlowEstimator(FINE_REFINEMENTS, 0 if moves else 1) for moves in (False, True)}
        self._warp, self._warp_half = motion.Warper(height, width), motion.Warper(height // 2, width // 2)
        self._all = Area(0, height // 2, 0, width // 2)

    def __call__(self, fused: Fused, guide: Floats, picture: Picture, terms: Terms, expected: Floats | None) -> _Moved:
        """guide: half-size luma of the fused picture. expected: predicted flow, if any."""
        luma, chroma = picture
        later = shrink(luma, *guide.shape)
        judge = Residual(guide, terms.sigma * terms.grain.factor)
        still = judge(later, fused.variance) if terms.standing or not terms.camera_moves else None
        flow = found = self._flow(fused, guide, (luma, later), still, terms, expected)
        moving = None
        if still is None or terms.camera_moves:
            parts = [self._all]
            moved = self._where(parts, later, flow)
            residual = judge(moved, fused.variance)
            if still is not None:
                moving = moves(residual, still[0])
        else:
            parts = moving_parts(flow)
            moved = self._where(parts, later, flow)
            moving = moves(judge(moved, fused.variance), still[0])
            flow = scaled(flow, moving)
            parts = moving_parts(flow)
            moved = self._where(parts, later, flow)
            residual = judge(moved, fused.variance)
        trusted = confidence(terms.grain.doubt(residual, None if terms.camera_moves else moving), terms.trust)
        another = another_scene(trusted, guide, moved, terms.sigma)
        trusted *= self._where(parts, np.ones_like(guide), flow, outside=0.0)
        return _Moved(
            self._large(parts, luma, flow),
            self._where(parts, chroma, flow),
            found,
            trusted,
            1 + blur(flow, terms.sigma, terms.trust),
            None if moving is None else 1 - moving,
            another,
        )

    def _flow(
        self,
        fused: Fused,
        guide: Floats,
        picture: Picture,
        still: tuple[Floats, Floats] | None,
        terms: Terms,
        expected: Floats | None,
    ) -> Floats:
        """Half-size flow to a picture; zero where noise alone explains it if nothing moves, unless the camera does.

        picture: its luma, at full and at half size. still: from a `Residual`, for the picture as it is.
        """
        luma, later = picture
        estimate, later = self._estimates[terms.camera_moves], before_flow(later)
        busy = None if terms.camera_moves or still is None else busy_cells(still)
        if busy is not None and float(np.mean(busy)) <= FEW:
            flow = flow_around(busy, estimate, guide, later)
        else:
            flow = estimate(guide, later)
            if expected is not None:
                flow = motion.steadied(flow, expected, FINE_CHANGE)
        if busy is None:
            return refined(flow, fused.luma, luma, terms.sigma, self._warp)
        return scaled(refined(scaled(flow, busy), fused.luma, luma, terms.sigma, self._warp), busy)

    def _where(self, parts: Sequence[Area], picture: Floats, flow: Floats, outside: float | None = None) -> Floats:
        """A half-size picture, moved in those parts."""
        if parts == [self._all]:
            return self._warp_half.part(picture, flow, self._all.half, outside=outside)
        return self._warp_half.where([part.half for part in parts], picture, flow, outside)

    def _large(self, parts: Sequence[Area], luma: Floats, flow: Floats) -> Floats:
        """The same at full size. flow: half size."""
        if parts == [self._all]:
            return self._warp.aim(motion.resize_flow(flow, *luma.shape))(luma, cubic=True)
        moved, tile = luma.copy(), Tile(self._all, self._all.bottom, self._all.right)
        for part in parts:
            aim = enlarge_part(flow, part, tile) * np.float32(2)
            moved[part.full] = self._warp.part(luma, aim, part.full, cubic=True)
        return moved


def _all_stand(pictures: Sequence[_Moved]) -> Floats | None:
    """Where every picture stands still; None if any of them does not know, or shows another scene."""
    stands = [p.stands for p in pictures if p.stands is not None and not p.of_another_scene]
    return np.minimum.reduce(stands) if stands and len(stands) == len(pictures) else None


def _new(frame: Floats, ahead: Sequence[Picture]) -> list[Picture]:
    """The pictures ahead whose luma differs from the frame's and from that of every picture before them."""
    new: list[Picture] = []
    for picture in ahead:
        if not any(np.array_equal(picture[0], other) for other in (frame, *(luma for luma, _ in new))):
            new.append(picture)
    return new


def average_standing(fused: Fused, frames: Sequence[Floats], stands: Floats, sigma: float, trust: Trust) -> None:
    """Average later frames into a fused one, in place, where the picture stands still.

    frames: consecutive and packed, (6, H/2, W/2). The first is not averaged: it only tells whether the second is a copy
    of it. stands: (H/2, W/2), 1 where the picture stood still in the frames before these, 0 where it moved. sigma:
    standard deviation of a frame's luma noise.
    """
    mean, count = mean_of_new(frames)
    if mean is None:
        return
    luma, chroma = unpack420(mean)
    variance = fused.variance
    guide, seen = (shrink(picture, *variance.shape) for picture in (fused.luma, luma))
    own = np.float32(1 / count)
    trusted = confidence(Residual(guide, sigma)(seen, variance + (own - 1)), trust)
    if another_scene(trusted, guide, seen, sigma):
        return
    trusted *= stands
    fused.average(luma, chroma, own, trusted)


def mean_of_new(frames: Sequence[Floats]) -> tuple[Floats | None, int]:
    """The mean of all frames after the first that are not copies of the one before, and how many there are."""
    new = [b for a, b in pairwise(frames) if not np.array_equal(a[:, ::_ROWS], b[:, ::_ROWS])]
    if not new:
        return None, 0
    total = new[0].copy()
    for frame in new[1:]:
        total += frame
    total /= np.float32(len(new))
    return total, len(new)
