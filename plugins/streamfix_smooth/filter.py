"""The filter `smooth` as the command line and the library see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from streamfix import BadOption, Device, Filter, Maps
from streamfix.fusion import Floats, Noise, pack420, unpack420
from streamfix.models import Fronts, trusted

from .denoiser import Denoiser

if TYPE_CHECKING:
    import torch


class Smooth(Filter[Any]):
    """Denoise by averaging frames along their motion. Needs no weights and no look-ahead; also calms flicker.

    The average starts over at scene cuts, where motion cannot be followed, and where a ghost would rise above the
    noise (ghosts fainter than the noise remain possible). No pixel changes by more than four standard deviations of
    the noise.

    strength: 0 leaves every frame as it is, 1 gives the smoothed one, values between mix the two.
    sigma: standard deviation of the noise in 8-bit codes; auto measures luma and chroma separately over two seconds.
    flicker: deviation over time, in 8-bit codes, to average away even where there is less noise; over time only, where
    the picture stands still or moves smoothly. Use 4 to 8 after a model that works frame by frame: its flicker is
    not noise.
    """

    layout = "yuv420"
    arrays: Literal["torch", "numpy"] = "numpy"  # on a CPU; see `to`
    batch_tolerance = 0.0  # on a CPU; a GPU may sum in another order
    thread_safe = True
    two_parts = True
    ends_apart = True
    measured_options = frozenset({"sigma"})
    literature = (
        "T. Kroeger et al.: Fast optical flow using dense inverse search. ECCV (2016)",
        "R. E. Kalman: A new approach to linear filtering and prediction problems. J. Basic Eng. 82 (1960)",
        "K. He, J. Sun, X. Tang: Guided image filtering. ECCV (2010)",
        "N. Wiener: Extrapolation, interpolation, and smoothing of stationary time series (1949)",
    )

    def __init__(self, strength: float = 1.0, sigma: float | Literal["auto"] = "auto", flicker: float = 0.0) -> None:
        if not 0 <= strength <= 1:
            raise BadOption(f"smooth=strength: {strength} is not between 0 and 1")
        if sigma != "auto" and not 0 <= sigma <= 128:
            raise BadOption(f"smooth=sigma: {sigma} is not a noise level in 8-bit codes; give 0 to 128, or auto")
        if not 0 <= flicker <= 64:
            raise BadOption(f"smooth=flicker: {flicker} is not a deviation in 8-bit codes; give 0 to 64")
        self.strength = strength
        self.sigma = sigma
        self.flicker = flicker

        self._fronts = Fronts(fine=False, flicker=flicker / 255)

    def to(self, device: torch.device | Device) -> None:
        self.arrays = self._fronts.to(device)
        self.batch_tolerance = 0.0 if self.arrays == "numpy" else 1e-4

    def close(self) -> None:
        self._fronts.close()

    def init_state(self) -> Any:
        sigma = None if self.sigma == "auto" else self.sigma / 255
        if self.arrays == "numpy":
            return Denoiser(sigma, self.flicker / 255, keeps=self.explaining)
        return self._fronts.new(None if sigma is None else Noise(sigma, sigma))

    def save_state(self, state: Any) -> Mapping[str, Any]:
        found: Mapping[str, Any] = state.saved()
        return found

    def load_state(self, saved: Mapping[str, Any]) -> Any:
        state = self.init_state()
        state.load(saved)
        return state

    def report(self, state: Any) -> Mapping[str, float]:
        return {"noise_luma": state.noise.luma * 255, "noise_chroma": state.noise.chroma * 255}

    def explain(self, x: Any, result: Any, state: Any, before: Maps | None) -> Maps | None:
        if not isinstance(state, Denoiser) or state.kept is None or self.strength == 0:
            return None
        fused, variance = state.kept
        recorded, luma = (unpack420(one)[0] for one in (x[0, 0], result[0, 0]))
        return trusted(recorded, fused, luma, variance, state.noise.luma, self.strength, earlier=before)

    def __call__(self, x: Any, states: Sequence[Any]) -> Any:
        """x: (B, 1, 6, H/2, W/2) in [0, 1], packed 4:2:0; NumPy on a CPU, a tensor on a GPU. Returns the same shape."""
        if self.strength == 0:
            return x
        if not isinstance(x, np.ndarray):
            from .tensors import finished

            restored = finished(x[:, 0].float(), self._fronts.step(x, states), self.flicker / 255)[:, None]
            return (x + self.strength * (restored - x)).to(x.dtype)
        return self.begin(x, states)()

    def begin(self, x: Any, states: Sequence[Any]) -> Callable[[], Any]:
        """Fuse the frames; the returned call smooths what noise is left in each."""
        if self.strength == 0 or not isinstance(x, np.ndarray):
            return super().begin(x, states)
        return partial(
            self._smoothed, x, [state.begin(*unpack420(p)) for p, state in zip(x[:, 0], states, strict=True)]
        )

    def _smoothed(self, x: Floats, rests: Sequence[Callable[[], tuple[Floats, Floats]]]) -> Floats:
        result = np.empty_like(x)
        for packed, rest, out in zip(x[:, 0], rests, result[:, 0], strict=True):
            pack420(*rest(), out)
            if self.strength < 1:
                out -= packed
                out *= np.float32(self.strength)
                out += packed
        return result
