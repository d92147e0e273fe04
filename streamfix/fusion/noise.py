"""Measures a stream's noise blindly from its own frames, luma and chroma separately."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .planes import Floats, shrink

Bools = NDArray[np.bool_]

_BLOCK = 16  # side of a block in pixels
_FLOAT_ERROR = 0.02 / 255  # smaller values are floating-point error
_QUIETEST = 0.1  # the share of blocks assumed to be flat, or static
_QUIETEST_BIAS = 1.1  # the lowest tenth of independent estimates over 16x16 pixels is too low by this factor
# If more than this share of a still picture's blocks change, and their median is less than this many times the quietest
# tenth, the change is noise rather than motion.
_STATIC_SHARE, _STATIC_RATIO = 0.7, 3.0
# At half size, flat noise is even: the 30 % quantile of the blocks' noise is at most _EVEN_RATIO times their 10 %
# quantile, and the temporal measure at most _TEMPORAL_RATIO times that. Texture varies more. Even texture measures up
# to _TEXTURE, and rarely more than _NOT_TEXTURE.
_EVEN_QUANTILE, _EVEN_RATIO, _TEMPORAL_RATIO = 0.3, 1.7, 1.3
_TEXTURE, _NOT_TEXTURE = 1.0 / 255, 2.5 / 255
# Noiseless black is not part of the picture: black bars, the surround of a round lens, an unused quarter of a
# four-camera view. A pixel is void if its luma is below _BLACK and noiseless. Blocks with more than _VOID_SHARE void
# pixels are ignored, and so is a frame in which less than _SEEN_SHARE of the blocks remain.
_BLACK, _VOID_SHARE, _SEEN_SHARE = 0.1, 0.02, 0.02
_BLOCKS_MIN = 32  # half-size blocks; fewer may agree by chance
_WARM_UP = 8  # initial frames that are all measured; after them every _STRIDE-th is
_STRIDE = 8
# A codec smears luma noise more than chroma noise. Chroma noise above _SMEARED times the luma noise suggests it,
# _SURELY_SMEARED times is proof; a camera's colour correction alone makes up to 1.5 times. Chroma noise below
# _CHROMA_LEAST proves nothing, above _CHROMA_SURE it counts fully. The noise before the codec was then _LUMA_GAIN and
# _CHROMA_GAIN times the chroma noise measured now.
_SMEARED, _SURELY_SMEARED = 1.5, 1.8
_LUMA_GAIN, _CHROMA_GAIN = 1.8, 1.5
_CHROMA_LEAST, _CHROMA_SURE = 1.5 / 255, 3.0 / 255
_MEMORY = 50  # frames over which the estimate is smoothed: 2 s at 25 fps

# Noise of variance 1 gives this kernel variance 36. Planes and straight edges along the axes give it nothing.
_LAPLACE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviations in [0, 1] units (8-bit codes / 255)."""

    luma: float
    chroma: float


class NoiseEstimator:
    """Tracks one stream's noise with two measures whose weaknesses differ:

    spatial: mean |Laplacian| of flat blocks (Immerkaer, "Fast Noise Variance Estimation", 1996); misled by texture. It
    is too low for noise that a camera has spread over neighbouring pixels, for example by demosaicking. So it is also
    taken at half size, where it counts if flat blocks all have about the same value;
    temporal: standard deviation of the change since the last frame in quiet blocks; misled by motion.
    Where the picture stands still and nearly all blocks change by about the same amount, the temporal measure is right,
    whatever a codec has done to the noise. Otherwise the lower of the two is used, so that neither detail nor motion is
    mistaken for noise.
    """

    def __init__(self) -> None:
        self._before: tuple[Floats, Floats] | None = None
        self._frames = 0
        self._measured = 0
        self._luma = self._chroma = 0.0

    def __call__(self, luma: Floats, chroma: Floats, still: bool) -> Noise:
        """Take the next frame and return the current noise estimate. luma: (H, W), chroma: (h, w, 2), both in [0, 1].

        still: whether most of the picture is known to stand still.
        """
        number = self._frames
        due, due_next = _is_due(number), _is_due(number + 1)
        if due or due_next:
            void = _void(luma)
            if (_blocks(void) <= _VOID_SHARE).mean() < _SEEN_SHARE:
                self._before = None  # the next measured frame must not be compared across this gap
                return _before_codec(self._luma, self._chroma)
        self._frames += 1
        if due:
            before_luma, before_chroma = self._before or (None, None)
            self._measured += before_luma is not None  # the first frame is the least reliable: it does not count
            keep = 1 - max(1 / max(self._measured, 1), _STRIDE / _MEMORY)
            self._luma = keep * self._luma + (1 - keep) * _measure(luma, before_luma, void, still)
            self._chroma = keep * self._chroma + (1 - keep) * _measure(chroma, before_chroma, void, still)
        # Kept only for the next measurement, which compares two consecutive frames.
        self._before = (luma.copy(), chroma.copy()) if due_next else None
        return _before_codec(self._luma, self._chroma)

    def saved(self) -> dict[str, Any]:
        """All that it knows, as `Filter.save_state` wants it."""
        before = None if self._before is None else [plane.copy() for plane in self._before]
        known = {"frames": self._frames, "measured": self._measured, "luma": self._luma, "chroma": self._chroma}
        return {**known, "before": before}

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from what another one gave."""
        before = saved["before"]
        self._before = None if before is None else (before[0].copy(), before[1].copy())
        self._frames, self._measured = saved["frames"], saved["measured"]
        self._luma, self._chroma = saved["luma"], saved["chroma"]


def _is_due(number: int) -> bool:
    """Whether the frame with this number is measured."""
    return number < _WARM_UP or number % _STRIDE == 0


def _before_codec(luma: float, chroma: float) -> Noise:
    """The noise before a codec reduced it to these levels; the same levels if there was no codec.

    Codecs smear luma noise more than chroma noise. Neither measure sees smeared noise, yet it is not detail.
    """
    smeared = _share_between(chroma, _SMEARED * luma, _SURELY_SMEARED * luma)
    share = smeared * _share_between(chroma, _CHROMA_LEAST, _CHROMA_SURE)
    return Noise(luma + share * max(_LUMA_GAIN * chroma - luma, 0), chroma * (1 + share * (_CHROMA_GAIN - 1)))


def _share_between(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on, linear between them."""
    return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else float(value > low)


def _void(luma: Floats) -> Floats:
    """(H, W): 1 where the picture is noiseless black, else 0."""
    curvature = np.abs(cv2.filter2D(luma, -1, _LAPLACE, borderType=cv2.BORDER_REFLECT_101))
    return ((luma < _BLACK) & (curvature <= _FLOAT_ERROR)).astype(np.float32)


def _measure(plane: Floats, before: Floats | None, void: Floats, still: bool) -> float:
    """One plane's noise. void: from `_void`, at the luma's size."""
    seen = _seen(plane, void)
    means = _blocks(plane)[seen]
    noise, share = _spatial(plane)
    spatial = _quietest(noise[seen], share[seen], means)
    if before is None:
        return spatial
    change, share = (blocks[seen] for blocks in _temporal(plane, before))
    temporal = _quietest(change, share, means)
    if temporal == 0:  # a copied frame, or no noise: the half-size measure would then only see detail
        return spatial
    usable = share > 0.5
    everywhere = float(np.median(change[usable]))
    if still and usable.mean() > _STATIC_SHARE and everywhere < _STATIC_RATIO * temporal:
        return everywhere
    return min(max(spatial, _spread(plane, temporal, seen)), temporal)


def _seen(plane: Floats, void: Floats) -> Bools:
    """Which of a plane's blocks belong to the picture; all of them if none does."""
    h, w = plane.shape[:2]
    parts = _blocks(void if void.shape == (h, w) else shrink(void, h, w))
    seen = np.repeat(parts <= _VOID_SHARE, plane.size // (h * w))
    return seen if seen.any() else np.ones_like(seen)


def _spatial(plane: Floats, block: int = _BLOCK) -> tuple[Floats, Floats]:
    """Immerkaer's estimate for each block, and the share of its pixels with any curvature."""
    curvature = np.asarray(cv2.filter2D(plane, -1, _LAPLACE, borderType=cv2.BORDER_REFLECT_101), np.float32)
    np.abs(curvature, out=curvature)
    return _blocks(curvature, block) * np.float32(np.sqrt(np.pi / 2) / 6), _active_share(curvature, block)


def _spread(plane: Floats, temporal: float, seen: Bools) -> float:
    """Noise measured at half size, where pixels that share their noise become one; 0 if it may be texture.

    temporal: the change since the last frame in quiet blocks. Noise changes by as much as this finds, moving texture by
    more. seen: the blocks that count.
    """
    h, w = plane.shape[:2]
    half = shrink(plane, max(h // 2, 1), max(w // 2, 1))
    noise, share = _spatial(half, _BLOCK // 2)
    if noise.size == seen.size:
        noise, share = noise[seen], share[seen]
    noise = noise[share > 0.5] * 2  # white noise is halved by averaging 2x2
    if noise.size * 2 <= share.size or noise.size < _BLOCKS_MIN:
        return 0.0
    low, more = (float(q) for q in np.quantile(noise, (_QUIETEST, _EVEN_QUANTILE)))
    if more > _EVEN_RATIO * low or temporal > _TEMPORAL_RATIO * low:
        return 0.0
    low *= _QUIETEST_BIAS
    return low * min(max((low - _TEXTURE) / (_NOT_TEXTURE - _TEXTURE), 0.0), 1.0)


def _temporal(plane: Floats, before: Floats) -> tuple[Floats, Floats]:
    """Each block's deviation of the change, scaled to one frame, and the share of its pixels that changed.

    The mean change is removed: that is flickering light.
    """
    change = plane - before
    variance = _blocks(change * change) - _blocks(change) ** 2
    return np.asarray(np.sqrt(np.maximum(variance, 0) / 2), np.float32), _active_share(np.abs(change, out=change))


def _active_share(signal: Floats, block: int = _BLOCK) -> Floats:
    """The share of each block's pixels that are not zero but for floating-point error."""
    return _blocks((signal > _FLOAT_ERROR).astype(np.float32), block)


def _blocks(plane: Floats, block: int = _BLOCK) -> Floats:
    """Means over blocks, flattened, channels interleaved. Partial blocks at the edges are left out."""
    h, w = plane.shape[:2]
    rows, columns = max(h // block, 1), max(w // block, 1)
    whole = plane[: rows * block, : columns * block]
    return shrink(whole, rows, columns).reshape(-1)


def _quietest(noise: Floats, share: Floats, means: Floats) -> float:
    """The noise of the quietest tenth of the usable blocks; 0 unless more than half of all blocks are usable.

    A painted area, a black bar or a copied frame says nothing about noise, even where an edge crosses it.
    """
    usable = share > 0.5
    if usable.sum() * 2 <= noise.size:
        return 0.0
    room = np.minimum(means, 1 - means) > 2.5 * noise  # closer to black or white, clipping has cut the noise off
    kept = usable & room if (usable & room).any() else usable
    return float(np.quantile(noise[kept], _QUIETEST)) * _QUIETEST_BIAS
