"""The filter `lowlight` as the command line and the library see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from streamfix import BadOption, Filter, Frame, Maps
from streamfix.fusion import Floats, pack420, shrink, unpack420

from .curve import brightened, slope
from .exposure import Exposure

_BLACK, _RANGE = 16 / 255, 219 / 255  # of limited range, 8-bit codes
_LEAST_LEVEL = 1 / 255  # below it, chroma is brightened as it is there


class State:
    """Of one stream. full: its codes span 0 to the maximum."""

    def __init__(self, exposure: Exposure) -> None:
        self.exposure = exposure
        self.full = False


class Lowlight(Filter[State]):
    """Brighten dark pictures by one curve for the whole picture, held over time; put it behind `denoise`.

    The curve is monotone and can be undone: `gain` says which one it was, for each frame. It follows what stands still,
    not headlights, and stays as it is while the light does. It grows no steeper than the noise that is left allows.
    Local methods (CLAHE, Retinex) make darkness noisier than that, and change what is brighter than what.

    gain: how steep the curve is at black; auto measures what is needed.
    most: the largest gain that auto takes.
    noise: standard deviation of the noise behind it, in 8-bit codes, that auto does not go beyond.
    """

    layout = "yuv420"
    arrays = "numpy"
    keeps_level = False
    thread_safe = True
    measured_options = frozenset({"gain"})
    literature = (
        "E. Reinhard et al.: Photographic tone reproduction for digital images. ACM TOG 21 (2002)",
        "J. Tumblin, H. Rushmeier: Tone reproduction for realistic images. IEEE CG&A 13 (1993)",
    )

    def __init__(self, gain: float | Literal["auto"] = "auto", most: float = 12.0, noise: float = 4.0) -> None:
        for name, value, least, largest in (("gain", gain, 1, 64), ("most", most, 1, 64), ("noise", noise, 0.5, 64)):
            if value != "auto" and not least <= float(value) <= largest:
                raise BadOption(f"lowlight={name}: {value} is not between {least} and {largest}")
        self.gain, self.most, self.noise = gain, most, noise

    def init_state(self) -> State:
        return State(Exposure(self.most, self.noise / 255))

    def tell(self, state: State, frames: Sequence[Frame]) -> None:
        state.full = frames[0].color.is_full()

    def save_state(self, state: State) -> Mapping[str, Any]:
        return {"exposure": state.exposure.saved(), "full": state.full}

    def load_state(self, saved: Mapping[str, Any]) -> State:
        state = self.init_state()
        state.exposure.load(saved["exposure"])
        state.full = saved["full"]
        return state

    def report(self, state: State) -> Mapping[str, float]:
        known = state.exposure
        return {"gain": known.gain if self.gain == "auto" else float(self.gain), "noise_luma": known.noise_luma * 255}

    def explain(self, x: Any, result: Any, state: State, before: Maps | None) -> Maps | None:
        """The noise grows with the curve's slope; where it comes from stays as it is."""
        if before is None:
            return None
        height, width = before.noise_left.shape
        level = shrink(_level(unpack420(x[0, 0])[0], state.full), height, width)
        steep = np.asarray(slope(level, self.report(state)["gain"]), np.float32)
        return Maps(before.noise_left * steep, before.own, before.neighbours)

    def __call__(self, x: Any, states: Sequence[State]) -> Any:
        """x: (B, 1, 6, H/2, W/2) float32 in [0, 1], packed 4:2:0. Returns the same shape."""
        result = np.empty_like(x)
        for picture, state, out in zip(x[:, 0], states, result[:, 0], strict=True):
            self._brighten(picture, state, out)
        return result

    def _brighten(self, packed: Floats, state: State, out: Floats) -> None:
        luma, chroma = unpack420(packed)
        level = _level(luma, state.full)
        gain = state.exposure(luma, chroma, level) if self.gain == "auto" else float(self.gain)
        if gain == 1:
            out[:] = packed
            return
        half = np.maximum(shrink(level, *chroma.shape[:2]), _LEAST_LEVEL)
        # Chroma grows as its luma does, so hue and saturation stay.
        more = (brightened(half, gain) / half)[..., None]
        grey = np.float32(128 / 255)
        pack420(_codes(brightened(level, gain), state.full), grey + (chroma - grey) * more, out)


def _level(luma: Floats, full: bool) -> Floats:
    """0 for black, 1 for white."""
    return luma if full else (luma - np.float32(_BLACK)) * np.float32(1 / _RANGE)


def _codes(level: Floats, full: bool) -> Floats:
    """The inverse of `_level`."""
    return np.asarray(level if full else level * np.float32(_RANGE) + np.float32(_BLACK), np.float32)
