"""What frames are fused to."""

from __future__ import annotations

from dataclasses import dataclass

from .planes import Floats


@dataclass(frozen=True, slots=True)
class Fused:
    """luma: (H, W), chroma: (H/2, W/2, 2), the frame with its noise averaged away as far as could be.

    variance: (H/2, W/2), what noise is left, relative to one frame's: sigma_eff = sigma * sqrt(variance).
    """

    luma: Floats
    chroma: Floats
    variance: Floats
