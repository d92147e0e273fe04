"""Motion-compensated recursive fusion: averages one stream's frames along their motion, aware of the noise.

Acts as a Kalman filter at each pixel: the history is warped onto the new frame, then corrected by that frame as far as
the noise allows. Decisions are made on half-size luma; each picture is warped once, at its own size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from .. import motion
from .agreement import (
    FEW,
    FINE_CHANGE,
    FINE_REFINEMENTS,
    READY,
    WARY,
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
from .ahead import Ahead, Fused, Terms, average_standing
from .noise import Noise
from .planes import TENT_NOISE, Floats, blend, bound_missed, enlarge_part, scaled, shrink
from .tiles import Area, Tile, each_tile

GAIN_MIN = 0.05  # smallest weight of the new frame: history fades within about 20 frames
CAMERA_MOVES = 0.25 / 2  # half-size pixels; above this, nothing is assumed to stand still
DRIFT = 0.08  # half-size pixels a frame, averaged over the last frames; a slower camera counts as fixed
_DRIFT_MEMORY = 10  # frames in that average
_LARGE = 1 << 20  # pixels: the coarse flow of larger pictures is found at a quarter of their size
STANDS_STILL = 0.35  # median motion in half-size pixels; noise alone produces about 0.2
GHOST_BOUND = 3.0  # standard deviations of a frame's local 5x5 mean
_LUMA_REACH, _CHROMA_REACH = 2, 4  # half-size pixels: twice the two that a tent reaches, at full and at half size
OUTSIDE = 1e3  # variance of areas entering at the picture's edge: nothing is known about them


class Fuser:
    """One stream's history. All pictures are float32 in [0, 1]. Not thread-safe.

    fine: for use in front of a network. Flow is finer (6 ms more at 640x360), and anything that may be a ghost or a
    blur is left noisy.
    still: whether most of the last frame stood still; False while unknown.
    """

    def __init__(self, fine: bool = False) -> None:
        self.history: Fused | None = None
        self.still = False
        self._trust: Trust = WARY if fine else READY
        self._fine = fine
        self._flow = motion.FlowEstimator(FINE_REFINEMENTS if fine else 1, finest=1)
        self._camera_moves = False
        self._grain = Grain()
        self._drift = np.zeros(2, np.float32)  # average camera motion
        self._steps = 0  # frames in that average
        self._guide = np.empty((0, 0), np.float32)  # half-size luma of the history
        self._warp = self._warp_half = motion.Warper(0, 0)
        self._spare: Fused | None = None  # the history before this one: its pictures are overwritten by the next
        self._ahead: Ahead | None = None
        self._back: Floats | None = None  # fine flow from the last frame to the history; None at the start

    def step(
        self,
        luma: Floats,
        chroma: Floats,
        noise: Noise,
        ahead: Sequence[tuple[Floats, Floats]] = (),
        after: Sequence[Floats] = (),
    ) -> Fused:
        """Take the next frame and return the fused one. luma: (H, W), chroma: (H/2, W/2, 2), H and W even.

        Starts over if the frame does not continue the history: another size, another scene, or a step in exposure.
        ahead: luma and chroma of the upcoming frames, next one first. They do not enter the history.
        after: the last of those frames and the ones after it, packed, (6, H/2, W/2). They count where both camera and
        picture stand still.
        The result's luma and chroma are overwritten by the step after the next; its variance is not.
        """
        self.history = history = self._forward(luma, chroma, noise)
        if not ahead:
            return history
        assert self._ahead is not None
        fused = Fused(history.luma.copy(), history.chroma.copy(), history.variance.copy())
        fixed = len(after) > 1 and float(np.hypot(*self._drift)) < DRIFT
        terms = Terms(noise.luma, self._grain, self._trust, self._camera_moves, fixed)
        some = self._ahead(fused, luma, ahead, terms, self._back)
        # Without a history, only the next frame shows whether the camera drifts.
        if fixed and not self._steps and self._ahead.to_next is not None:
            fixed = motion.global_motion(self._ahead.to_next[1]) < DRIFT
        if fixed and self._ahead.stands is not None:
            average_standing(fused, after, self._ahead.stands, noise.luma * self._grain.factor, self._trust)
        if some:
            self._bound_ghosts(fused, luma, chroma, noise)
        return fused

    def saved(self) -> dict[str, Any]:
        """The history and what is known of it, as `Filter.save_state` wants it."""
        history, ahead = self.history, self._ahead
        next_ = None if ahead is None or ahead.to_next is None else [part.copy() for part in ahead.to_next]
        pictures = None
        if history is not None:
            pictures = [part.copy() for part in (history.luma, history.chroma, history.variance)]
        return {
            "history": pictures,
            "guide": self._guide.copy(),
            "still": self.still,
            "camera_moves": self._camera_moves,
            "grain": self._grain.saved(),
            "drift": self._drift.copy(),
            "steps": self._steps,
            "back": None if self._back is None else self._back.copy(),
            "to_next": next_,
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from what another one gave, which had the same options."""
        if saved["history"] is None:
            return
        history = Fused(*(part.copy() for part in saved["history"]))
        self._begin(*history.luma.shape)
        self.history, self._guide = history, saved["guide"].copy()
        self.still, self._camera_moves = saved["still"], saved["camera_moves"]
        self._grain.load(saved["grain"])
        self._drift, self._steps = saved["drift"].copy(), saved["steps"]
        self._back = None if saved["back"] is None else saved["back"].copy()
        if saved["to_next"] is not None and self._ahead is not None:
            luma, flow = saved["to_next"]
            self._ahead.to_next = luma.copy(), flow.copy()

    def _begin(self, height: int, width: int) -> None:
        """Make what depends on the size of the pictures."""
        self._warp, self._warp_half = motion.Warper(height, width), motion.Warper(height // 2, width // 2)
        self._ahead = Ahead(height, width)
        self._spare = None

    def _forward(self, luma: Floats, chroma: Floats, noise: Noise) -> Fused:
        """Fuse the frame with those before it: the new history."""
        h, w = chroma.shape[:2]
        guide = shrink(luma, h, w)
        history = self.history
        if history is None or history.luma.shape != luma.shape:
            self._begin(*luma.shape)
            return self._start(luma, chroma, guide)
        flow, moving = self._motion(luma, guide, history, noise)
        parts = moving_parts(flow)
        halves = [part.half for part in parts]
        guide_out = self._warp_half.where(halves, self._guide, flow)
        variance = self._warp_half.where(halves, history.variance, flow, outside=OUTSIDE)
        residual = Residual(guide, noise.luma * self._grain.factor)(guide_out, variance)
        self._grain.follow(residual, guide_out)
        trusted = confidence(self._grain.doubt(residual, moving), self._trust)
        if another_scene(trusted, guide, guide_out, noise.luma):
            return self._start(luma, chroma, guide)

        gain, variance = _gain(variance + blur(flow, noise.luma, self._trust), trusted)
        blend(guide_out, guide, gain)
        self._guide = guide_out
        into = self._spare or Fused(np.empty_like(luma), np.empty_like(chroma), variance)
        fused = Fused(into.luma, into.chroma, variance)
        self._spare = history

        kept = np.float32(1) - gain

        def fuse(tile: Tile) -> None:
            self._fuse(tile, fused, history, (luma, chroma), (flow, parts), kept, noise)

        each_tile(fuse, h, w)
        return fused

    def _fuse(
        self,
        tile: Tile,
        fused: Fused,
        history: Fused,
        frame: tuple[Floats, Floats],
        moving: tuple[Floats, Sequence[Area]],
        kept: Floats,
        noise: Noise,
    ) -> None:
        """Fill one tile of `fused`: the frame, and the history that the flow points to.

        moving: the half-size flow, and the parts outside of which it is zero. kept: half size, how much of the
        difference between frame and history stays.
        """
        limit = GHOST_BOUND * TENT_NOISE * self._grain.factor
        flow, parts = moving
        core, at = tile.core, tile.around(_LUMA_REACH)
        luma = frame[0][at.full]
        missed = np.asarray(cv2.subtract(luma, history.luma[at.full]), np.float32)
        for part in at.common(parts):
            aim = enlarge_part(flow, part, tile) * np.float32(2)
            moved = self._warp.part(history.luma, aim, part.full, cubic=True)
            cv2.subtract(frame[0][part.full], moved, dst=missed[part.inside(at).full])
        cv2.multiply(missed, enlarge_part(kept, at, tile), dst=missed)
        bound_missed(missed, limit * noise.luma)
        inner = core.inside(at)
        np.subtract(luma[inner.full], missed[inner.full], out=fused.luma[core.full])

        at = tile.around(_CHROMA_REACH)
        chroma = frame[1][at.half]
        missed = np.asarray(cv2.subtract(chroma, history.chroma[at.half]), np.float32)
        for part in at.common(parts):
            moved = self._warp_half.part(history.chroma, flow[part.half], part.half)
            cv2.subtract(frame[1][part.half], moved, dst=missed[part.inside(at).half])
        weights = kept[at.half]
        cv2.multiply(missed, cv2.merge([weights, weights]), dst=missed)
        bound_missed(missed, limit * noise.chroma)
        inner = core.inside(at)
        np.subtract(chroma[inner.half], missed[inner.half], out=fused.chroma[core.half])

    def _start(self, luma: Floats, chroma: Floats, guide: Floats) -> Fused:
        self._guide = guide
        self.still = self._camera_moves = False
        self._grain = Grain()
        self._drift[:], self._steps = 0, 0
        self._back = None
        return Fused(luma.copy(), chroma.copy(), np.ones_like(guide))

    def _motion(self, luma: Floats, guide: Floats, history: Fused, noise: Noise) -> tuple[Floats, Floats | None]:
        """Half-size flow from the frame to the history, zero where standing still explains the frame just as well.

        Also returns where the picture moves: 1 for moving, 0 for still; None if the camera moves, which only the coarse
        flow decides: in the fine one, noise adds jitter even to a still picture.
        """
        residual = Residual(guide, noise.luma * self._grain.factor)
        still = residual(self._guide, history.variance)
        busy = busy_cells(still)
        now = before_flow(guide)
        if float(np.mean(busy)) <= FEW:
            # In a flat picture, flow would follow the noise, wherever that leads.
            flow = flow_around(busy, self._flow, now, self._guide)
            self.still, moved = True, np.zeros(2, np.float32)
        else:
            flow = self._coarse_flow(now)
            self.still = motion.typical_motion(flow) < STANDS_STILL
            moved = motion.camera_motion(flow)
        self._camera_moves = float(np.hypot(*moved)) > CAMERA_MOVES
        self._steps += 1
        self._drift += (moved - self._drift) / min(self._steps, _DRIFT_MEMORY)
        if self._camera_moves:
            if self._fine:
                flow = self._fine_flow(self._flow.polish(flow, now, self._guide), luma, history, noise.luma)
            return flow, None
        if self._fine:
            flow = self._fine_flow(scaled(flow, busy), luma, history, noise.luma)
        flow = scaled(flow, busy)
        parts = [part.half for part in moving_parts(flow)]
        along = residual(
            self._warp_half.where(parts, self._guide, flow), self._warp_half.where(parts, history.variance, flow)
        )
        moving = moves(along, still[0])
        return scaled(flow, moving), moving

    def _coarse_flow(self, now: Floats) -> Floats:
        """Half-size flow from the frame to the history. now: from `before_flow`.

        Where the camera moves, all depends on it. Elsewhere a quarter of a large picture tells as much, with less
        jitter and in a quarter of the time.
        """
        h, w = now.shape
        if self._camera_moves or 4 * h * w < _LARGE:
            return self._flow(now, self._guide)
        small = (shrink(picture, -(-h // 2), -(-w // 2)) for picture in (now, self._guide))
        flow = motion.resize_flow(self._flow(*small), h, w)
        return self._flow(now, self._guide) if motion.global_motion(flow) > CAMERA_MOVES else flow

    def _fine_flow(self, flow: Floats, luma: Floats, history: Fused, sigma: float) -> Floats:
        """Fine half-size flow from a coarse one; inverts the look-ahead's flow if it has seen this frame."""
        known = self._ahead.to_next if self._ahead is not None else None
        if known is not None and np.array_equal(known[0], luma):
            self._back = motion.inverse(known[1], self._warp_half)
        else:
            if self._back is not None:
                flow = motion.steadied(flow, self._back, FINE_CHANGE)
            self._back = refined(flow, luma, history.luma, sigma, self._warp)
        return self._back

    def _bound_ghosts(self, fused: Fused, luma: Floats, chroma: Floats, noise: Noise) -> None:
        limit = GHOST_BOUND * TENT_NOISE * self._grain.factor
        for out, frame, sigma in ((fused.luma, luma, noise.luma), (fused.chroma, chroma, noise.chroma)):
            missed = np.asarray(cv2.subtract(frame, out), np.float32)
            bound_missed(missed, limit * sigma)
            np.subtract(frame, missed, out=out)


def _gain(variance: Floats, trusted: Floats) -> tuple[Floats, Floats]:
    """The frame's weight in the result, and the result's relative variance (at most one frame's)."""
    gain = variance / (variance + 1)
    np.maximum(gain, GAIN_MIN, out=gain)
    np.maximum(gain, 1 - trusted, out=gain)
    left = (1 - gain) ** 2 * variance + gain**2
    return gain, np.minimum(left, 1, out=left)
