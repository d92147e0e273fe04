"""How much brighter a stream is to become: measured where the picture stands still, and held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamfix.fusion import NoiseEstimator

Floats = NDArray[np.float32]

TYPICAL, BRIGHT = 0.35, 0.65  # where the median and the 95th percentile are to come at most, of 0 (black) to 1 (white)
_STILL = 4.0  # deviations of the noise within which a pixel stands still
_LEAST = 2 / 255  # and at least so far
_ENOUGH = 0.05  # of the picture that must stand still
_HELD = 0.2  # the gain stays while it is nearer than this to what is wanted, in its logarithm
_RATE = 0.02  # of a gain's logarithm a frame: it doubles in 35 frames


class Exposure:
    """One stream's gain. What moves, such as headlights, does not count, and neither do small changes of the light.

    most: largest gain. noise: deviation that is not exceeded behind it, in [0, 1] units.
    """

    def __init__(self, most: float, noise: float) -> None:
        self._most, self._noise = most, noise
        self._estimate = NoiseEstimator()
        self._last: Floats | None = None
        self._moves = False
        self.gain = 1.0
        self.noise_luma = self.noise_chroma = 0.0

    def __call__(self, luma: Floats, chroma: Floats, level: Floats) -> float:
        """The gain for the next frame. luma: (H, W), chroma: (H/2, W/2, 2), in [0, 1]; level: luma, black at 0."""
        noise = self._estimate(luma, chroma, self._last is not None)
        self.noise_luma, self.noise_chroma = noise.luma, noise.chroma
        first = self._last is None or self._last.shape != level.shape
        seen = level
        if self._last is not None and not first:
            near = max(_STILL * noise.luma, _LEAST)
            still = level[np.abs(level - self._last) <= near]
            # Where hardly anything stands still, the camera moves or the light changes: all of the picture counts then.
            seen = still if still.size >= _ENOUGH * level.size else level
        self._last = level.copy()
        wanted = np.log(self._wanted(seen))
        if first:
            self.gain = float(np.exp(wanted))
            return self.gain
        now = np.log(self.gain)
        self._moves = abs(wanted - now) > (_HELD if not self._moves else _HELD / 4)
        if self._moves:
            self.gain = float(np.exp(now + np.clip(wanted - now, -_RATE, _RATE)))
        return self.gain

    def saved(self) -> dict[str, Any]:
        """All that it knows, as `Filter.save_state` wants it."""
        last = None if self._last is None else self._last.copy()
        known = {"gain": self.gain, "moves": self._moves, "last": last, "estimate": self._estimate.saved()}
        return known | {"noise": [self.noise_luma, self.noise_chroma]}

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from what another one gave."""
        self.gain, self._moves = saved["gain"], saved["moves"]
        self._last = None if saved["last"] is None else saved["last"].copy()
        self._estimate = NoiseEstimator()
        self._estimate.load(saved["estimate"])
        self.noise_luma, self.noise_chroma = saved["noise"]

    def _wanted(self, seen: Floats) -> float:
        """Typical and bright levels come where they belong; no further than the noise that is left allows."""
        typical, bright = (max(float(v), 1e-3) for v in np.percentile(seen, (50, 95)))
        gain = min(TYPICAL / typical, BRIGHT / bright, self._most)
        if self.noise_luma > 0:
            gain = min(gain, self._noise / self.noise_luma)
        return max(gain, 1.0)
