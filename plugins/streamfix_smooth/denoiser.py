"""Smooths one stream: measures the noise, fuses frames, then smooths the remaining noise within each frame."""

from __future__ import annotations

import cv2
import numpy as np

from streamfix.fusion import Floats, Noise, bound_pixels, enlarge
from streamfix.models import Front

from .wiener import WienerCascade

REACH = 4.0  # no pixel ends up further than this many standard deviations from the recorded one
# Window and share of the remaining noise for each pass. The second pass works on statistics without single outliers.
LUMA_PASSES = ((5, 0.5), (3, 0.5))
CHROMA_PASSES = ((3, 0.7), (5, 0.3))


class Denoiser:
    """One stream's state.

    sigma: standard deviation of the noise in [0, 1] units, the same for all planes; None measures it.
    flicker: smallest deviation over time that is averaged away, in [0, 1] units, however low the noise is. A model that
    works frame by frame leaves changes that look like detail within each frame.
    """

    def __init__(self, sigma: float | None = None, flicker: float = 0.0) -> None:
        self._front = Front(None if sigma is None else Noise(sigma, sigma), fine=False, flicker=flicker)
        self._luma: WienerCascade | None = None
        self._chroma: WienerCascade | None = None

    @property
    def noise(self) -> Noise:
        """The current noise estimate."""
        return self._front.noise

    def step(self, luma: Floats, chroma: Floats) -> tuple[Floats, Floats]:
        """Smooth the next frame. luma: (H, W), chroma: (H/2, W/2, 2), float32 in [0, 1].

        The results are valid until the next step.
        """
        fused, noise, changes = self._front.fuse(luma, chroma), self.noise, self._front.changes
        if self._luma is None or self._chroma is None or self._luma.shape != luma.shape:
            self._luma = WienerCascade(luma.shape, LUMA_PASSES)
            self._chroma = WienerCascade(chroma.shape, CHROMA_PASSES)
        left_chroma = np.asarray(cv2.merge([fused.variance, fused.variance]), np.float32)
        luma_out = self._luma(fused.luma, enlarge(fused.variance, *luma.shape), noise.luma)
        chroma_out = self._chroma(fused.chroma, left_chroma, noise.chroma)
        bound_pixels(luma_out, luma, REACH * changes.luma)
        bound_pixels(chroma_out, chroma, REACH * changes.chroma)
        return luma_out, chroma_out
