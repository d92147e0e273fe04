"""Whether pictures are clean, which decides by what weights they are enlarged.

Of a clean picture all detail up to the last pixel is the scene's, and can be sharpened. Behind a codec, and among
noise, much of it is not, and what is sharpened then shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamfix import FrameCoding
from streamfix.analysis import block_contrast
from streamfix.fusion import Floats

# Mean quantiser of a picture up to which it counts as clean, and from which on not. Behind x264 at crf 15, 18 and 21,
# whose keyframes have 18, 21 and 24, the clean weights gain 0.07 dB more than the others, 0.02 and 0.14 less.
_FINE, _COARSE = 16.0, 24.0
# Block borders that stand out so much are a codec's, whatever is told: not coded, 31 pictures and scenes show 1.01 to
# 1.16 (two above 1.1), the first frames of twelve scenes behind x264 and x265 at crf 28 1.23 to 1.60 and 1.15 to 1.29.
_SEEN = (1.11, 1.18)
_SEEN_UNTOLD = (1.07, 1.15)  # where nobody tells of a codec
# Standard deviation of the noise, see `noise`: up to 1.2 codes in 31 clean pictures and scenes, 1.3 to 1.9 and 2.1 to
# 2.5 in twelve scenes with noise of 2 and 3 codes. With 1, 2 and 3 codes the clean weights gain 0.1, 0.9 and more than
# 1 dB less than the others.
_QUIET, _NOISY = 1.1 / 255, 1.4 / 255
_BLOCK = 8
_LINES = 32  # of blocks that are looked at, in each direction
_QUIETEST, _QUIET_SHARE = 0.02, 0.2  # of the blocks
# Noise is alike in all quiet blocks, texture is not: where the larger share has so many times what the quietest have,
# it is texture, and this much less is believed of it.
_EVEN, _UNEVEN, _TEXTURE = 1.4, 1.5, 0.75
_LEAST_BLOCKS = 16  # fewer tell nothing
_BLACK, _WHITE = 17 / 255, 234 / 255  # what goes beyond is cut off, and its noise with it
_STRIDE = 8  # every so many frames are looked at, and the first
_FOLLOWS = 0.1  # share of a frame in what is known of the shot
_CHANGES = (0.3, 0.7)  # what is known has to be below the one or above the other to change what was decided
_STEP = 1 / 25  # of the share of the clean weights from frame to frame once that was changed


class Condition:
    """Of one shot: decided by its first frame; later only slowly, so that nothing flickers."""

    def __init__(self) -> None:
        self._coding: FrameCoding | None = None
        self._frames = 0
        self._contrast = self._noise = 0.0
        self._spoilt = 0.0  # how much speaks against a clean picture, 0 to 1
        self._clean = False  # what was decided
        self.share = 0.0  # of the weights for clean pictures, 0 to 1

    def saved(self) -> dict[str, Any]:
        """All that it knows between two frames, as `Filter.save_state` wants it."""
        return {
            "frames": self._frames,
            "contrast": self._contrast,
            "noise": self._noise,
            "spoilt": self._spoilt,
            "clean": self._clean,
            "share": self.share,
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from what another one gave."""
        self._frames, self._contrast, self._noise = saved["frames"], saved["contrast"], saved["noise"]
        self._spoilt, self._clean, self.share = saved["spoilt"], saved["clean"], saved["share"]

    def hear(self, coding: FrameCoding | None) -> None:
        """Take in how the next frame was coded, None if nobody knows."""
        self._coding = coding

    def look(self, packed: Floats) -> float:
        """Take the next frame in, (6, H, W); return the share of the weights for clean pictures, 0 to 1."""
        first = self._frames == 0
        if self._frames % _STRIDE == 0:
            kept = 0.0 if first else 1 - _FOLLOWS
            self._contrast += (1 - kept) * (block_contrast(packed) - self._contrast)
            self._noise += (1 - kept) * (noise(packed) - self._noise)
        self._frames += 1
        spoilt = max(_coded(self._coding, self._contrast), _ramp(self._noise, _QUIET, _NOISY))
        if first:
            self._spoilt, self._clean = spoilt, spoilt < 0.5
            self.share = float(self._clean)
            return self.share
        self._spoilt += _FOLLOWS * (spoilt - self._spoilt)
        low, high = _CHANGES
        self._clean = self._spoilt < (high if self._clean else low)
        self.share = min(1.0, self.share + _STEP) if self._clean else max(0.0, self.share - _STEP)
        return self.share


def _coded(coding: FrameCoding | None, contrast: float) -> float:
    """How much speaks for a codec that took something away, 0 to 1."""
    if coding is None:
        return _ramp(contrast, *_SEEN_UNTOLD)
    told = 1.0
    if coding.lossless:
        told = 0.0
    elif coding.qp is not None:
        told = _ramp(float(coding.qp.mean()), _FINE, _COARSE)
    return max(told, _ramp(contrast, *_SEEN))


def noise(packed: Floats) -> float:
    """Standard deviation of the finest detail in the quietest blocks of a picture (6, H, W), in [0, 1] units.

    Three quarters of it where that is texture; 0 where there are too few blocks. Rounding to 8 bits makes 0.3 codes.
    """
    below, right = (max(1, side // (_BLOCK // 2 * _LINES)) for side in packed.shape[1:])
    blocks = _blocks(packed)[::below, ::right].reshape(-1, _BLOCK, _BLOCK)
    inside = (blocks.min((1, 2)) > _BLACK) & (blocks.max((1, 2)) < _WHITE)
    if inside.sum() < _LEAST_BLOCKS:
        return 0.0
    cosines, finest = _cosines()
    power = ((cosines @ blocks[inside] @ cosines.T)[:, finest] ** 2).mean(1)
    least, quiet = np.quantile(power, (_QUIETEST, _QUIET_SHARE)) ** 0.5
    return float(least * np.interp(quiet / max(least, 1e-6), (_EVEN, _UNEVEN), (1, _TEXTURE)))


def _blocks(packed: Floats) -> Floats:
    """The luma's blocks of 8x8, (H/4, W/4, 8, 8); what is left at the right and below is not in them."""
    half = _BLOCK // 2
    rows, columns = (side // half for side in packed.shape[1:])
    four = packed[:4, : rows * half, : columns * half].reshape(2, 2, rows, half, columns, half)
    return np.asarray(four.transpose(2, 4, 3, 0, 5, 1).reshape(rows, columns, _BLOCK, _BLOCK))


@cache
def _cosines() -> tuple[Floats, NDArray[np.bool_]]:
    """The cosine transform (8, 8), orthonormal, and which of its 8x8 values are of the finest detail."""
    at = np.arange(_BLOCK)
    table = np.cos((2 * at + 1) * at[:, None] * np.pi / (2 * _BLOCK)) * (2 / _BLOCK) ** 0.5
    table[0] /= 2**0.5
    return table.astype(np.float32), at[:, None] + at > _BLOCK


def _ramp(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)
