"""How noisy a stream is, measured blindly from its own frames, luma and chroma apart."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .planes import Floats, shrink

Bools = NDArray[np.bool_]

_BLOCK = 16  # pixels on a side
_NOTHING = 0.02 / 255  # less than that is arithmetic
_LOW = 0.1  # the share of the blocks that are taken to be flat, or static
_LOW_BIAS = 1.1  # of independent estimates over 16x16 pixels the lowest tenth lies that much too low
_MOST, _UNIFORM = 0.7, 3.0  # the share of blocks that change, and how alike, where the change is noise and not motion
# At half the size: noise is as much in the quietest tenth as in three tenths of the blocks, but for this factor, where
# texture differs, and in time as much, but for this factor; texture makes up to `_TEXTURE`, seldom more than `_SURE`.
_ALIKE, _ALIKE_BY, _AGREES_BY = 0.3, 1.7, 1.3
_TEXTURE, _SURE = 1.0 / 255, 2.5 / 255
# Black without any noise is no part of the picture: bars, what a round lens leaves, a camera of four that is off.
# Blocks with more of it than that do not count, nor do frames with fewer others.
_BLACK, _VOID, _SEEN = 0.1, 0.02, 0.02
_ENOUGH = 32  # blocks of half the size: fewer may be alike by chance
_WARM = 8  # frames that are all measured; after them every `_STRIDE`th
_STRIDE = 8
# Noise that chroma shows so many times as much of as luma was smeared by a codec, and of what either shows there was so
# many times more. A camera's colour correction makes up to 1.5 times as much in chroma; less than so many codes of it
# prove nothing.
_SMEARED, _SURELY_SMEARED = 1.5, 1.8
_LUMA_BY, _CHROMA_BY = 1.8, 1.5  # of what chroma shows
_TELLING, _SURELY_TELLING = 1.5 / 255, 3.0 / 255
_MEMORY = 50  # frames the estimate is smoothed over: 2 s at 25 fps

# Noise of variance 1 gives this kernel variance 36. Planes and straight edges along the axes give it nothing.
_LAPLACE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviations in [0, 1] units (8-bit codes / 255)."""

    luma: float
    chroma: float


class NoiseEstimator:
    """Follows one stream's noise by two measures, each misled by what the other is not:

    spatial: mean |Laplacian| of flat blocks (Immerkaer, "Fast Noise Variance Estimation", 1996), misled by texture.
    Noise that a camera has spread over neighbouring pixels, as demosaicking does, is too low there: it is looked for at
    half the size as well, where it counts if flat blocks have all about as much of it;
    temporal: standard deviation of the change since the last frame in quiet blocks, misled by motion.
    Where the picture stands still and nearly all blocks change by about as much, the temporal measure is right,
    whatever a codec has made of the noise. Else the lower of the two is taken, so that neither detail nor motion
    is smoothed for noise.
    """

    def __init__(self) -> None:
        self._before: tuple[Floats, Floats] | None = None
        self._frames = 0
        self._measured = 0
        self._luma = self._chroma = 0.0

    def __call__(self, luma: Floats, chroma: Floats, still: bool) -> Noise:
        """Take the next frame in. luma: (H, W), chroma: (h, w, 2), both in [0, 1]. Returns the noise as known now.

        still: most of the picture is known to stand still.
        """
        number = self._frames
        due, due_next = _is_due(number), _is_due(number + 1)
        if due or due_next:
            void = _void(luma)
            if (_blocks(void) <= _VOID).mean() < _SEEN:
                self._before = None  # what comes then is another picture
                return _before_codec(self._luma, self._chroma)
        self._frames += 1
        if due:
            before_luma, before_chroma = self._before or (None, None)
            self._measured += before_luma is not None  # the first frame tells the least: it does not count
            keep = 1 - max(1 / max(self._measured, 1), _STRIDE / _MEMORY)
            self._luma = keep * self._luma + (1 - keep) * _measure(luma, before_luma, void, still)
            self._chroma = keep * self._chroma + (1 - keep) * _measure(chroma, before_chroma, void, still)
        # The frame before the next due one.
        self._before = (luma.copy(), chroma.copy()) if due_next else None
        return _before_codec(self._luma, self._chroma)


def _is_due(number: int) -> bool:
    """Whether the frame of that number is measured."""
    return number < _WARM or number % _STRIDE == 0


def _before_codec(luma: float, chroma: float) -> Noise:
    """The noise of which a codec has left so much; where none was at work, what is there.

    Codecs smear luma's noise more than chroma's: what is left of it is seen in neither measure, yet it is no detail.
    """
    smeared = _share_between(chroma, _SMEARED * luma, _SURELY_SMEARED * luma)
    share = smeared * _share_between(chroma, _TELLING, _SURELY_TELLING)
    return Noise(luma + share * max(_LUMA_BY * chroma - luma, 0), chroma * (1 + share * (_CHROMA_BY - 1)))


def _share_between(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on."""
    return min(max((value - low) / (high - low), 0.0), 1.0) if high > low else float(value > low)


def _void(luma: Floats) -> Floats:
    """(H, W): 1 where it is black without any noise, else 0."""
    curvature = np.abs(cv2.filter2D(luma, -1, _LAPLACE, borderType=cv2.BORDER_REFLECT_101))
    return ((luma < _BLACK) & (curvature <= _NOTHING)).astype(np.float32)


def _measure(plane: Floats, before: Floats | None, void: Floats, still: bool) -> float:
    """void: as `_void` gives it, of the luma's size."""
    seen = _seen(plane, void)
    means = _blocks(plane)[seen]
    noise, share = _spatial(plane)
    spatial = _low(noise[seen], share[seen], means)
    if before is None:
        return spatial
    change, share = (blocks[seen] for blocks in _temporal(plane, before))
    temporal = _low(change, share, means)
    if temporal == 0:  # a copy of the frame before, or no noise: detail that is seen at half the size is none
        return spatial
    telling = share > 0.5
    everywhere = float(np.median(change[telling]))
    if still and telling.mean() > _MOST and everywhere < _UNIFORM * temporal:
        return everywhere
    return min(max(spatial, _spread(plane, temporal, seen)), temporal)


def _seen(plane: Floats, void: Floats) -> Bools:
    """Which of a plane's blocks belong to the picture; all, where none does."""
    h, w = plane.shape[:2]
    parts = _blocks(void if void.shape == (h, w) else shrink(void, h, w))
    seen = np.repeat(parts <= _VOID, plane.size // (h * w))
    return seen if seen.any() else np.ones_like(seen)


def _spatial(plane: Floats, block: int = _BLOCK) -> tuple[Floats, Floats]:
    """Immerkaer's estimate of each block, and the share of its pixels that show any curvature."""
    curvature = np.asarray(cv2.filter2D(plane, -1, _LAPLACE, borderType=cv2.BORDER_REFLECT_101), np.float32)
    np.abs(curvature, out=curvature)
    return _blocks(curvature, block) * np.float32(np.sqrt(np.pi / 2) / 6), _share(curvature, block)


def _spread(plane: Floats, temporal: float, seen: Bools) -> float:
    """Noise as it is at half the size, where neighbours that share theirs are one pixel; 0 if it may be texture.

    temporal: what has changed since the last frame in quiet blocks: of noise it is as much, of moving texture more.
    seen: the blocks that count.
    """
    h, w = plane.shape[:2]
    half = shrink(plane, max(h // 2, 1), max(w // 2, 1))
    noise, share = _spatial(half, _BLOCK // 2)
    if noise.size == seen.size:
        noise, share = noise[seen], share[seen]
    noise = noise[share > 0.5] * 2  # white noise is halved by averaging 2x2
    if noise.size * 2 <= share.size or noise.size < _ENOUGH:
        return 0.0
    low, more = (float(q) for q in np.quantile(noise, (_LOW, _ALIKE)))
    if more > _ALIKE_BY * low or temporal > _AGREES_BY * low:
        return 0.0
    low *= _LOW_BIAS
    return low * min(max((low - _TEXTURE) / (_SURE - _TEXTURE), 0.0), 1.0)


def _temporal(plane: Floats, before: Floats) -> tuple[Floats, Floats]:
    """Each block's deviation of the change, as that of one frame, and the share of its pixels that changed.

    The mean change is taken out: it is the light that flickers.
    """
    change = plane - before
    variance = _blocks(change * change) - _blocks(change) ** 2
    return np.asarray(np.sqrt(np.maximum(variance, 0) / 2), np.float32), _share(np.abs(change, out=change))


def _share(signal: Floats, block: int = _BLOCK) -> Floats:
    """The share of each block's pixels in which there is anything."""
    return _blocks((signal > _NOTHING).astype(np.float32), block)


def _blocks(plane: Floats, block: int = _BLOCK) -> Floats:
    """Means over blocks, flat, all channels in a row. What does not fill a block at the edge is left out."""
    h, w = plane.shape[:2]
    rows, columns = max(h // block, 1), max(w // block, 1)
    whole = plane[: rows * block, : columns * block]
    return shrink(whole, rows, columns).reshape(-1)


def _low(noise: Floats, share: Floats, means: Floats) -> float:
    """The noise of the quietest tenth of the blocks that can tell; 0 if half of them are without any.

    A painted area, a black bar or a copy of the frame before tells nothing, not even where an edge crosses it.
    """
    telling = share > 0.5
    if telling.sum() * 2 <= noise.size:
        return 0.0
    room = np.minimum(means, 1 - means) > 2.5 * noise  # else black or white have cut the noise off
    kept = telling & room if (telling & room).any() else telling
    return float(np.quantile(noise[kept], _LOW)) * _LOW_BIAS
