"""What comes before the network: the noise measured, the frames fused along their motion. On the CPU, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from streamfix.fusion import Floats, Fuser, Noise, NoiseEstimator

_SUB_PIXELS = ((0, 0), (0, 1), (1, 0), (1, 1))  # the order in which the layout `yuv420` packs the luma


@dataclass(frozen=True, slots=True)
class Fusion:
    """packed: (6, H/2, W/2), the fused frame. variance: (H/2, W/2), what noise is left relative to one frame's.

    noise: of one frame, as measured or told.
    """

    packed: Floats
    variance: Floats
    noise: Noise


class Front:
    """One stream's state. Not for two threads at once.

    noise: of every frame, in [0, 1] units; None measures it.
    """

    def __init__(self, noise: Noise | None = None) -> None:
        self._fuser = Fuser(fine=True)
        self._estimate = NoiseEstimator() if noise is None else None
        self.noise = noise or Noise(0.0, 0.0)

    def step(self, packed: Floats) -> Fusion:
        """Take the next frame in. packed: (6, H/2, W/2) float32 in [0, 1], the layout `yuv420`."""
        luma, chroma = unpack(packed)
        if self._estimate is not None:
            self.noise = self._estimate(luma, chroma, self._fuser.still)
        fused = self._fuser.step(luma, chroma, self.noise)
        return Fusion(pack(fused.luma, fused.chroma), fused.variance, self.noise)


def unpack(packed: Floats) -> tuple[Floats, Floats]:
    """Luma (H, W) and chroma (H/2, W/2, 2) of a packed picture (6, H/2, W/2)."""
    _, h, w = packed.shape
    luma = np.empty((2 * h, 2 * w), np.float32)
    for sub, (top, left) in enumerate(_SUB_PIXELS):
        luma[top::2, left::2] = packed[sub]
    return luma, np.asarray(cv2.merge([packed[4], packed[5]]), np.float32)


def pack(luma: Floats, chroma: Floats) -> Floats:
    """The opposite of `unpack`."""
    h, w = chroma.shape[:2]
    packed = np.empty((6, h, w), np.float32)
    for sub, (top, left) in enumerate(_SUB_PIXELS):
        packed[sub] = luma[top::2, left::2]
    packed[4], packed[5] = chroma[..., 0], chroma[..., 1]
    return packed
