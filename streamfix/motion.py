"""Motion between two pictures, and pictures moved along it: OpenCV on the CPU, float32 arrays in [0, 1].

Flow is (H, W, 2) float32 in pixels, x first: the picture `now` at p shows what `before` shows at p + flow[p].
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

#: What a plugin may take from here; the rest may change.
__all__ = ["Floats", "FlowEstimator", "Warper", "camera_motion", "global_motion", "resize_flow", "typical_motion"]

Floats: TypeAlias = NDArray[np.float32]

#: Smaller pictures have no room for the 8x8 patches and the pyramid of the flow; they count as not moving.
MIN_FLOW_SIZE = 32

_WINDOW = 9  # pixels of the half size, over which `refine` takes motion to be the same
_PRIOR = 0.3  # pixels: standard deviation of the error that it expects in what it is given
_LEAST_MISSED = 1 / 255  # standard deviation of what motion never explains


class FlowEstimator:
    """Dense optical flow by inverse search (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016).

    Between OpenCV's presets FAST and MEDIUM: patches 5 pixels apart, compared as they are and not less their means,
    which noise would make tremble. On noisy pictures that is as good as MEDIUM at a third of its time. Not for two
    threads at once: keep one in each stream's state.

    refinements: variational steps at the end. finest: level of the pyramid at which the flow is found; 0 is the given
    size, 1 half of it.
    """

    def __init__(self, refinements: int = 1, finest: int = 0) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._dis.setFinestScale(finest)
        self._dis.setPatchStride(5)
        self._dis.setGradientDescentIterations(6)
        self._dis.setUseMeanNormalization(False)
        self._dis.setVariationalRefinementIterations(refinements)

    def __call__(self, now: Floats, before: Floats) -> Floats:
        """Flow from `now` to `before`, both (H, W) luma in [0, 1]; zeros where the picture is too small for it."""
        if now.shape != before.shape:
            raise ValueError(f"flow needs two pictures of one size, got {now.shape} and {before.shape}")
        h, w = now.shape
        flow = np.zeros((h, w, 2), np.float32)
        if min(h, w) < MIN_FLOW_SIZE:
            return flow
        found = self._dis.calc(cv2.convertScaleAbs(now, alpha=255), cv2.convertScaleAbs(before, alpha=255), flow)
        return np.asarray(found, np.float32)


def resize_flow(flow: Floats, height: int, width: int) -> Floats:
    """The same motion for a picture of another size: resampled, and its vectors scaled."""
    h, w = flow.shape[:2]
    if (h, w) == (height, width):
        return flow
    scaled = np.empty_like(flow)  # first, while it is small; an axis at a time, which is faster
    np.multiply(flow[..., 0], np.float32(width / w), out=scaled[..., 0])
    np.multiply(flow[..., 1], np.float32(height / h), out=scaled[..., 1])
    return np.asarray(cv2.resize(scaled, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def refine(flow: Floats, now: Floats, before: Floats, sigma: float, warp: Warper) -> Floats:
    """One more step towards the flow from `now` to `before`: a flow at half size, from pictures of full size.

    Least squares over windows of 18x18 pixels (Lucas and Kanade, "An iterative image registration technique", 1981),
    each estimate drawn to the flow that is given, the more the less its window tells of it through the noise
    (Simoncelli et al., "Probability distributions of optical flow", CVPR 1991). On pictures as they are: what blurs
    noise before the flow is found blurs away the fine detail that tells of fractions of a pixel.

    flow: (H/2, W/2, 2) in pixels of that size; now, before: (H, W). sigma: standard deviation of the noise in their
    difference. warp: of (H, W), aimed anew.
    """
    h, w = flow.shape[:2]
    if min(now.shape) < MIN_FLOW_SIZE:
        return flow
    moved = warp.aim(resize_flow(flow, *now.shape))(before)
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
    scale = np.float32(0.5) / (xx * yy - xy * xy)  # to pixels of the half size
    step = np.empty_like(flow)
    np.multiply(yy * x - xy * y, scale, out=step[..., 0])
    np.multiply(xx * y - xy * x, scale, out=step[..., 1])
    np.clip(step, -0.5, 0.5, out=step)
    step += flow
    return step


def steadied(flow: Floats, expected: Floats, reach: float) -> Floats:
    """Move a flow halfway to the expected one where the two agree, apart from how the camera moved.

    Objects go on moving as they did, so the motion found before is a second measurement with other noise in it. A
    shaken camera moves the whole picture: the median difference of the two flows is left as it was found.

    flow, expected: (H, W, 2). reach: standard deviation, in pixels, by which motion changes from frame to frame.
    """
    apart = expected - flow
    apart -= camera_motion(apart)
    distance = cv2.blur(apart[..., 0] ** 2 + apart[..., 1] ** 2, (_WINDOW, _WINDOW))
    share = np.asarray(cv2.exp(distance * np.float32(-0.5 / reach**2)), np.float32)
    apart *= np.float32(0.5) * share[..., None]
    apart += flow
    return apart


def inverse(flow: Floats, warp: Warper, rounds: int = 2) -> Floats:
    """The flow that leads back: g(p) = -flow(p + g(p)), by fixed-point iteration. warp: of its size.

    Source: Chen et al., "A simple fixed-point approach to invert a deformation field", Medical Physics 35(1), 2008.
    """
    back: Floats = np.negative(flow)
    for _ in range(rounds):
        back = np.negative(warp.aim(back)(flow))
    return back


def camera_motion(flow: Floats) -> Floats:
    """The median vector, (2,) in pixels: how the camera moved."""
    return np.median(flow[::4, ::4].reshape(-1, 2), axis=0).astype(np.float32)


def global_motion(flow: Floats) -> float:
    """Length in pixels of the median vector: how far the camera moved."""
    return float(np.hypot(*camera_motion(flow)))


def typical_motion(flow: Floats) -> float:
    """Median length of the vectors in pixels: small where most of the picture stands still."""
    sparse = flow[::4, ::4].reshape(-1, 2)
    return float(np.median(np.hypot(sparse[:, 0], sparse[:, 1])))


class Warper:
    """Moves pictures of one size. Holds the pixel grid, so that it is made once."""

    def __init__(self, height: int, width: int) -> None:
        xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        self._grid = np.dstack([xs, ys])
        self._at = self._grid.copy()

    def aim(self, flow: Floats) -> Warper:
        """Set the motion that the following calls move along. flow: (H, W, 2), pixels of this size."""
        cv2.add(self._grid, flow, dst=self._at)
        return self

    def __call__(self, picture: Floats, cubic: bool = False, outside: float | None = None) -> Floats:
        """Sample picture (H, W[, C]) where the flow points.

        cubic: bicubic, for pictures that are moved again and again; else bilinear.
        outside: the value beyond the edge; None repeats the edge.
        """
        moved = cv2.remap(  # type: ignore[call-overload]  # no second map: both axes are in the first
            picture,
            self._at,
            None,
            cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT,
            borderValue=0.0 if outside is None else outside,
        )
        return np.asarray(moved, np.float32)
