"""Motion between two pictures, and warping along it: OpenCV on the CPU, float32 arrays in [0, 1].

Flow is (H, W, 2) float32 in pixels, x first: the picture `now` at p shows what `before` shows at p + flow[p].
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

#: What a plugin may use from here; the rest may change.
__all__ = ["Floats", "FlowEstimator", "Warper", "camera_motion", "global_motion", "resize_flow", "typical_motion"]

Floats: TypeAlias = NDArray[np.float32]

#: Smaller pictures have no room for the flow's 8x8 patches and its pyramid, and count as not moving.
MIN_FLOW_SIZE = 32

Part: TypeAlias = tuple[slice, slice]

REFINE_REACH = 6  # half-size pixels around one that count in `refine`

_WINDOW = 9  # half-size pixels: window in which `refine` assumes constant motion
_PRIOR = 0.3  # pixels: standard deviation that `refine` assumes for the error of the flow it is given
_LEAST_MISSED = 1 / 255  # standard deviation that motion never explains


class FlowEstimator:
    """Dense optical flow by inverse search (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016).

    Between OpenCV's presets FAST and MEDIUM: patches are 5 pixels apart and keep their means, since subtracting a mean
    makes flow jitter under noise. On noisy pictures this is as good as MEDIUM in a third of its time. Not thread-safe:
    keep one in each stream's state.

    refinements: variational steps at the end. finest: pyramid level at which the flow is found; 0 is the given size, 1
    half of it.
    """

    def __init__(self, refinements: int = 1, finest: int = 0) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._dis.setFinestScale(finest)
        self._dis.setPatchStride(5)
        self._dis.setGradientDescentIterations(6)
        self._dis.setUseMeanNormalization(False)
        self._dis.setVariationalRefinementIterations(refinements)
        self._variational = cv2.VariationalRefinement.create()
        self._variational.setFixedPointIterations(1)

    def __call__(self, now: Floats, before: Floats) -> Floats:
        """Flow from `now` to `before`, both (H, W) luma in [0, 1]; zeros if the picture is too small for it."""
        if now.shape != before.shape:
            raise ValueError(f"flow needs two pictures of one size, got {now.shape} and {before.shape}")
        h, w = now.shape
        flow = np.zeros((h, w, 2), np.float32)
        if min(h, w) < MIN_FLOW_SIZE:
            return flow
        found = self._dis.calc(cv2.convertScaleAbs(now, alpha=255), cv2.convertScaleAbs(before, alpha=255), flow)
        return np.asarray(found, np.float32)

    def polish(self, flow: Floats, now: Floats, before: Floats) -> Floats:
        """One variational step at the given size for a flow that was found at a smaller one. flow is overwritten.

        A fifth of the time that finding it at this size would take, for half of what that would gain.
        """
        if min(now.shape) < MIN_FLOW_SIZE:
            return flow
        eights = cv2.convertScaleAbs(now, alpha=255), cv2.convertScaleAbs(before, alpha=255)
        return np.asarray(self._variational.calc(*eights, flow), np.float32)


def resize_flow(flow: Floats, height: int, width: int) -> Floats:
    """The same motion for a picture of another size: resampled, with its vectors scaled."""
    h, w = flow.shape[:2]
    if (h, w) == (height, width):
        return flow
    if width * h == height * w:  # scale before resizing, while it is small, both axes at once if possible: faster
        scaled = flow * np.float32(width / w)
    else:
        scaled = np.empty_like(flow)
        np.multiply(flow[..., 0], np.float32(width / w), out=scaled[..., 0])
        np.multiply(flow[..., 1], np.float32(height / h), out=scaled[..., 1])
    return np.asarray(cv2.resize(scaled, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def refine(flow: Floats, now: Floats, before: Floats, sigma: float, warp: Warper, at: Part | None = None) -> Floats:
    """Take one more step towards the flow from `now` to `before`: half-size flow from full-size pictures.

    Least squares over windows of 18x18 pixels (Lucas and Kanade, "An iterative image registration technique", 1981).
    Each estimate is drawn back to the given flow, the more so the less its window reveals through the noise (Simoncelli
    et al., "Probability distributions of optical flow", CVPR 1991). Uses unblurred pictures: the blur that suppresses
    noise before flow estimation also removes the fine detail that shows fractions of a pixel.

    flow: (h, w, 2) in half-size pixels; now: (2h, 2w), both of one part of the picture, or of all of it.
    before: (H, W), all of it. sigma: standard deviation of the noise in their difference. warp: a Warper for (H, W).
    at: where the part lies in full-size pixels; its outermost REFINE_REACH half-size pixels are not exact.
    """
    h, w = flow.shape[:2]
    if min(before.shape) < MIN_FLOW_SIZE:
        return flow
    moved = warp.part(before, resize_flow(flow, *now.shape), at or np.s_[:, :])
    missed = cv2.subtract(now, moved)
    across = cv2.Sobel(moved, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
    down = cv2.Sobel(moved, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)

    def window(one: cv2.typing.MatLike, other: cv2.typing.MatLike) -> Floats:
        product = cv2.resize(cv2.multiply(one, other), (w, h), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.boxFilter(product, -1, (_WINDOW, _WINDOW)), np.float32)

    prior = np.float32((sigma**2 + _LEAST_MISSED**2) / ((2 * _WINDOW) ** 2 * _PRIOR**2))
    xx, xy, yy = window(across, across), window(across, down), window(down, down)
    xx += prior
    yy += prior
    x, y = window(across, missed), window(down, missed)
    scale = np.float32(0.5) / (xx * yy - xy * xy)  # to half-size pixels
    steps = (yy * x - xy * y) * scale, (xx * y - xy * x) * scale
    step = np.asarray(cv2.merge([np.clip(one, -0.5, 0.5, out=one) for one in steps]), np.float32)
    step += flow
    return step


def steadied(flow: Floats, expected: Floats, reach: float) -> Floats:
    """Move a flow halfway to the expected one where the two agree, camera motion aside.

    Objects keep moving as they did, so the motion found before is a second measurement with independent noise. A shaken
    camera moves the whole picture, so the median difference of the two flows is kept as found.

    flow, expected: (H, W, 2). reach: standard deviation, in pixels, of how motion changes from frame to frame.
    """
    apart = expected - flow
    apart -= camera_motion(apart)
    across, down = cv2.split(apart)
    distance = cv2.blur(cv2.add(cv2.multiply(across, across), cv2.multiply(down, down)), (_WINDOW, _WINDOW))
    share = cv2.exp(np.multiply(distance, np.float32(-0.5 / reach**2)))
    step = cv2.multiply(apart, cv2.merge([share, share]), scale=0.5)
    return np.asarray(cv2.add(step, flow), np.float32)


def inverse(flow: Floats, warp: Warper, rounds: int = 2) -> Floats:
    """The reverse flow, g(p) = -flow(p + g(p)), by fixed-point iteration. warp: a Warper of its size.

    Source: Chen et al., "A simple fixed-point approach to invert a deformation field", Medical Physics 35(1), 2008.
    """
    back: Floats = np.negative(flow)
    for _ in range(rounds):
        back = np.negative(warp.aim(back)(flow))
    return back


def camera_motion(flow: Floats) -> Floats:
    """The median vector, (2,) in pixels: the camera's motion."""
    across, down = cv2.split(np.ascontiguousarray(flow[::4, ::4]))  # contiguous: a third of the time
    return np.array([np.median(across), np.median(down)], np.float32)


def global_motion(flow: Floats) -> float:
    """Length of the median vector in pixels: how far the camera moved."""
    return float(np.hypot(*camera_motion(flow)))


def typical_motion(flow: Floats) -> float:
    """Median length of the vectors in pixels: small where most of the picture stands still."""
    sparse = flow[::4, ::4].reshape(-1, 2)
    return float(np.median(np.hypot(sparse[:, 0], sparse[:, 1])))


class Warper:
    """Warps pictures of one size. Keeps the pixel grid, so that it is built once."""

    def __init__(self, height: int, width: int) -> None:
        xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        self._grid = np.dstack([xs, ys])
        self._at = self._grid.copy()

    def aim(self, flow: Floats) -> Warper:
        """Set the motion for the following calls. flow: (H, W, 2), in pixels of this size."""
        cv2.add(self._grid, flow, dst=self._at)
        return self

    def __call__(self, picture: Floats, cubic: bool = False, outside: float | None = None) -> Floats:
        """Sample picture (H, W[, C]) where the flow points.

        cubic: bicubic, for pictures that are warped repeatedly; otherwise bilinear.
        outside: value beyond the edge; None repeats the edge.
        """
        return _sampled(picture, self._at, cubic, outside)

    def part(
        self,
        picture: Floats,
        flow: Floats,
        at: Part,
        cubic: bool = False,
        outside: float | None = None,
    ) -> Floats:
        """Sample a whole picture for one part of the result. flow: of that part. at: where it lies.

        Unlike `aim`, it changes nothing, so several threads may call it.
        """
        grid = self._grid[at]
        return _sampled(picture, cv2.add(grid, flow), cubic, outside)

    def where(self, parts: Iterable[Part], picture: Floats, flow: Floats, outside: float | None = None) -> Floats:
        """The picture, sampled bilinearly where the flow points; outside of `parts` the flow is zero."""
        moved = picture.copy()
        for part in parts:
            moved[part] = self.part(picture, flow[part], part, outside=outside)
        return moved


def _sampled(picture: Floats, at: cv2.typing.MatLike, cubic: bool, outside: float | None) -> Floats:
    moved = cv2.remap(  # type: ignore[call-overload]  # no second map: both axes are in the first
        picture,
        at,
        None,
        cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT,
        borderValue=0.0 if outside is None else outside,
    )
    return np.asarray(moved, np.float32)
