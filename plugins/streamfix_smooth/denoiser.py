"""One stream smoothed: noise measured, frames fused, what noise is left smoothed in space."""

from __future__ import annotations

import cv2
import numpy as np
from streamfix.motion import Floats

from .fuser import Fuser
from .noise import Noise, NoiseEstimator
from .wiener import Wiener

REACH = 4.0  # no pixel goes further than this many standard deviations from the recorded one
LUMA_SHARES = (0.5, 0.25)  # of the noise left, taken in two passes: the second sees cleaner statistics
CHROMA_SHARE = 2.0  # more than there is: colour has little detail of its own


class Denoiser:
    """A stream's state.

    sigma: the noise as a standard deviation in [0, 1] units, all planes alike; None measures it.
    """

    def __init__(self, sigma: float | None = None) -> None:
        self._estimate = NoiseEstimator() if sigma is None else None
        self.noise = Noise(0.0, 0.0) if sigma is None else Noise(sigma, sigma)
        self.fuser = Fuser()
        self._shape: tuple[int, ...] = ()

    def step(self, luma: Floats, chroma: Floats) -> tuple[Floats, Floats]:
        """Smooth the next frame. luma: (H, W), chroma: (H/2, W/2, 2), float32 in [0, 1].

        The results hold until the next step.
        """
        if self._estimate is not None:
            self.noise = self._estimate(luma, chroma)
        fused = self.fuser.step(luma, chroma, self.noise)
        if luma.shape != self._shape:
            self._shape = luma.shape
            self._luma = (Wiener(luma.shape), Wiener(luma.shape))
            self._chroma = Wiener(chroma.shape, 5)
        left = fused.variance * np.float32(self.noise.luma**2)
        left = np.asarray(cv2.resize(left, luma.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
        out = fused.luma
        for smooth, share in zip(self._luma, LUMA_SHARES, strict=True):
            out = smooth(out, left * np.float32(share))
        left = fused.variance * np.float32(self.noise.chroma**2 * CHROMA_SHARE)
        colour = self._chroma(fused.chroma, cv2.merge([left, left]))
        return _within(out, luma, self.noise.luma), _within(colour, chroma, self.noise.chroma)


def _within(out: Floats, frame: Floats, sigma: float) -> Floats:
    """`out`, no pixel further than REACH standard deviations from the frame."""
    reach = np.float32(REACH * sigma)
    out -= frame
    np.clip(out, -reach, reach, out=out)
    out += frame
    return out
