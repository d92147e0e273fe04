"""What runs before a network: measures noise and fuses frames along their motion. On the CPU, in NumPy and OpenCV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..fusion import Floats, Fused, Fuser, Noise, NoiseEstimator, pack420, unpack420

#: Upcoming frames that are warped along their motion; frames after them count where the picture stands still.
MOVED = 2


@dataclass(frozen=True, slots=True)
class Fusion:
    """packed: (6, H/2, W/2), the fused frame. variance: (H/2, W/2), its remaining noise, relative to one frame's.

    noise: of one frame, measured or told.
    """

    packed: Floats
    variance: Floats
    noise: Noise


class Front:
    """One stream's state: its noise and its frames' fusion. Not thread-safe.

    told: the noise of every frame, in [0, 1] units; None measures it.
    fine: for a network behind it, see `fusion.Fuser`.
    flicker: smallest deviation over time that is averaged away, in [0, 1] units, however low the noise is.

    noise: of one frame, as of the last step. changes: the same, but at least `flicker`.
    keeps: whether what the last step has made is `kept`, for whoever tells where a picture comes from.
    """

    def __init__(self, told: Noise | None = None, *, fine: bool = True, flicker: float = 0.0) -> None:
        self._fuser = Fuser(fine)
        self._estimate = NoiseEstimator() if told is None else None
        self._flicker = flicker
        self.noise = self.changes = told or Noise(0.0, 0.0)
        self.keeps = False
        self.kept: Fusion | None = None

    def tell(self, noise: Noise) -> None:
        """The noise of the frames from the next one on, [0, 1] units; it is not measured any more."""
        self._estimate, self.noise = None, noise

    def saved(self) -> dict[str, Any]:
        """All that it knows of the stream, as `Filter.save_state` wants it."""
        return {
            "fuser": self._fuser.saved(),
            "estimate": None if self._estimate is None else self._estimate.saved(),
            "noise": [self.noise.luma, self.noise.chroma],
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from what another one gave, which had the same options."""
        self._fuser.load(saved["fuser"])
        if saved["estimate"] is None:
            self._estimate = None
        else:
            self._estimate = NoiseEstimator()
            self._estimate.load(saved["estimate"])
        self.noise = Noise(*saved["noise"])

    def step(self, packed: Floats, ahead: Sequence[Floats] = ()) -> Fusion:
        """Take the next frame. packed: (6, H/2, W/2) float32 in [0, 1], the layout `yuv420`.

        ahead: upcoming frames, next one first.
        """
        fused = self.fuse(*unpack420(packed), ahead)
        made = Fusion(pack420(fused.luma, fused.chroma), fused.variance, self.noise)
        self.kept = made if self.keeps else None
        return made

    def fuse(self, luma: Floats, chroma: Floats, ahead: Sequence[Floats] = ()) -> Fused:
        """Like `step`, for planes: luma (H, W), chroma (H/2, W/2, 2). ahead: packed pictures."""
        if self._estimate is not None:
            self.noise = self._estimate(luma, chroma, self._fuser.still)
        self.changes = Noise(max(self.noise.luma, self._flicker), max(self.noise.chroma, self._flicker))
        near = [unpack420(frame) for frame in ahead[:MOVED]]
        return self._fuser.step(luma, chroma, self.changes, near, ahead[MOVED - 1 :])


def stacked(fusions: Sequence[Fusion]) -> tuple[Floats, Floats]:
    """Fused frames (B, 6, H/2, W/2) and the noise left in them (B, 1, H/2, W/2)."""
    return _stack([f.packed for f in fusions]), _stack([f.variance[None] for f in fusions])


def _stack(pictures: Sequence[Floats]) -> Floats:
    return pictures[0][None] if len(pictures) == 1 else np.stack(pictures)


def fused_sample(
    frames: Sequence[Floats], targets: Sequence[Floats], fusions: Sequence[Fusion], at: tuple[slice, slice]
) -> dict[str, NDArray[np.float32]]:
    """A training sample of consecutive frames: what the front made of them, and what they should become.

    frames, targets: packed pictures (6, H/2, W/2). at: the part of them that is taken. Each array is (T, planes, H, W).
    """
    return {
        "frame": np.stack([f[:, *at] for f in frames]),
        "target": np.stack([t[:, *at] for t in targets]),
        "fused": np.stack([f.packed[:, *at] for f in fusions]),
        "variance": np.stack([f.variance[None, *at] for f in fusions]),
    }
