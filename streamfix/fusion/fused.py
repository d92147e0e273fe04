"""What frames are fused to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .planes import Floats, blend, enlarge


@dataclass(frozen=True, slots=True)
class Fused:
    """luma: (H, W), chroma: (H/2, W/2, 2), the frame with its noise averaged away as far as could be.

    variance: (H/2, W/2), what noise is left, relative to one frame's: sigma_eff = sigma * sqrt(variance).
    """

    luma: Floats
    chroma: Floats
    variance: Floats

    def average(self, luma: Floats, chroma: Floats, variance: Floats | np.float32, trusted: Floats) -> None:
        """Average another picture of the same in, in place, by how noisy both are and how far it is trusted.

        variance: of its noise, as above. trusted: 0 to 1, (H/2, W/2).
        """
        own = self.variance
        gain = trusted * own / (own + variance)
        blend(self.luma, luma, enlarge(gain, *luma.shape))
        blend(self.chroma, chroma, gain[..., None])
        own[:] = (1 - gain) ** 2 * own + gain**2 * variance
