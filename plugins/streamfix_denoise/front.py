"""What comes before the network: the noise measured, the frames fused along their motion. On the CPU, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamfix.fusion import Floats, Fuser, Noise, NoiseEstimator, pack420, unpack420

#: So many frames ahead are moved along their motion; those after them count where the picture stands still.
MOVED = 2


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

    def step(self, packed: Floats, ahead: Sequence[Floats] = ()) -> Fusion:
        """Take the next frame in. packed: (6, H/2, W/2) float32 in [0, 1], the layout `yuv420`.

        ahead: the frames to come, the next one first.
        """
        luma, chroma = unpack420(packed)
        if self._estimate is not None:
            self.noise = self._estimate(luma, chroma, self._fuser.still)
        near = [unpack420(frame) for frame in ahead[:MOVED]]
        fused = self._fuser.step(luma, chroma, self.noise, near, ahead[MOVED - 1 :])
        return Fusion(pack420(fused.luma, fused.chroma), fused.variance, self.noise)
