"""The filter `denoise` as the command line and the library see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from streamfix import FILTERS, BackendName, BadOption, Device, Filter, Maps, filter_text
from streamfix.fusion import Noise, unpack420
from streamfix.models import (
    Front,
    Fronts,
    Fusions,
    GivenWeights,
    Tier,
    TieredRunner,
    WeightsStore,
    array_library,
    corrected,
    correction_network,
    example,
    per_plane,
    seen,
    sigma_left,
    trusted,
)

if TYPE_CHECKING:
    import torch

WEIGHTS = WeightsStore(Path(__file__).parent / "weights", "denoise", correction_network)

# strength=auto: noise below _QUIET is left alone, above _NOISY as much as possible is removed. For luma, chroma noise
# counts too: where a codec has smeared the luma noise, chroma still shows it.
_QUIET, _NOISY = 0.5 / 255, 1.2 / 255
_REACH, _ROUNDING = 4.0, 1 / 255  # told the noise, no pixel moves by more than 4 standard deviations and one code
_DETAIL = 1.5  # detail=1 tells the network of this many times less noise, detail=-1 of this many times more
_KEPT = 0.3  # detail=1 also gives back this share of what the network removed
_LOOKAHEAD, _MOST_LOOKAHEAD = 8, 16


class Denoise(Filter[Any]):
    """Denoise: average frames along their motion, then clean up with a small network that knows how much noise is left.

    Starts over at scene cuts. Trained for fidelity alone: what it cannot tell from noise it blurs, and it invents
    nothing. On a GPU motion, noise and fusion are computed there as well.

    strength: 0 leaves every frame as it is, 1 removes all noise that can be told from detail; auto is 1, but leaves
    clean pictures alone.
    detail: -1 to 1; above 0 keeps more of what is hard to tell from noise, below 0 smooths more.
    sigma: standard deviation of the noise in 8-bit codes; no pixel then changes by more than four times that. auto
    measures it over two seconds, luma and chroma separately, and sets no limit, since noise may be stronger in places.
    sigma_uv: the same for chroma; auto: as sigma.
    weights: a file that `streamfix train adapt` wrote for this camera, in place of the shipped weights.
    tier: size of the network: xs, s or m; auto: m on a GPU, s on a CPU, or the nearest one that has weights.
    backend: how the network runs: torch, openvino, or another that is installed; auto: OpenVINO on a CPU, if installed.
    precision: fp32, bf16 or int8; auto: the fastest here at practically the same quality.
    lookahead: upcoming frames to average in, 0 to 16; each adds a frame of delay. The first two are aligned along their
    motion, later ones count only where the picture stands still. Live streams use 0 unless you set it.
    """

    layout = "yuv420"
    arrays: Literal["torch", "numpy"] = "numpy"  # on a CPU; see `to`
    multiple = 4
    future = _LOOKAHEAD
    batch_tolerance = 1e-4
    thread_safe = True
    two_parts = True
    live_options = MappingProxyType({"lookahead": 0})
    evidence_options = MappingProxyType({"strength": 1.0})
    measured_options = frozenset({"sigma", "sigma_uv"})
    literature = (
        "T. Kroeger et al.: Fast optical flow using dense inverse search. ECCV (2016)",
        "R. E. Kalman: A new approach to linear filtering and prediction problems. J. Basic Eng. 82 (1960)",
        "O. Ronneberger, P. Fischer, T. Brox: U-Net: convolutional networks for image segmentation. MICCAI (2015)",
        "B. Lim et al.: Enhanced deep residual networks for single image super-resolution. CVPR workshops (2017)",
    )

    def __init__(
        self,
        strength: float | Literal["auto"] = "auto",
        sigma: float | Literal["auto"] = "auto",
        sigma_uv: float | Literal["auto"] = "auto",
        detail: float = 0.0,
        tier: Tier | Literal["auto"] = "auto",
        backend: BackendName = "auto",
        precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
        lookahead: int = _LOOKAHEAD,
        weights: str = "",
    ) -> None:
        if strength != "auto" and not 0 <= strength <= 1:
            raise BadOption(f"denoise=strength: {strength} is not between 0 and 1; or say auto")
        for name, value in (("sigma", sigma), ("sigma_uv", sigma_uv)):
            if value != "auto" and not 0 <= value <= 128:
                raise BadOption(f"denoise={name}: {value} is not a noise level in 8-bit codes; give 0 to 128, or auto")
        if sigma == "auto" and sigma_uv != "auto":
            raise BadOption("denoise=sigma_uv: it needs sigma; give both, or neither")
        if not -1 <= detail <= 1:
            raise BadOption(f"denoise=detail: {detail} is not between -1 (smooth) and 1 (detail)")
        if not 0 <= lookahead <= _MOST_LOOKAHEAD:
            raise BadOption(f"denoise=lookahead: {lookahead} is not a number of frames from 0 to {_MOST_LOOKAHEAD}")
        self.future = lookahead
        self.strength, self.detail = strength, detail
        self._told: Noise | None = None
        if sigma != "auto":
            self._told = Noise(sigma / 255, (sigma if sigma_uv == "auto" else sigma_uv) / 255)
        self._fronts = Fronts()
        store = GivenWeights(WEIGHTS, Path(weights)) if weights else WEIGHTS
        self.network = TieredRunner(store, example, tier=tier, backend=backend, precision=precision)

    def to(self, device: torch.device | Device) -> None:
        self.arrays = self._fronts.to(device)
        self.network.to(device)

    def close(self) -> None:
        self._fronts.close()
        self.network.close()

    def init_state(self) -> Any:
        state = self._fronts.new(self._told)
        if isinstance(state, Front):
            state.keeps = self.explaining
        return state

    def explain(self, x: Any, result: Any, state: Any, before: Maps | None) -> Maps | None:
        kept = state.kept if isinstance(state, Front) else None
        if kept is None:
            return None
        recorded, fused, luma = (unpack420(one)[0] for one in (x[0, 0], kept.packed, result[0, 0]))
        share = float(self._share(np.array([[kept.noise.luma, kept.noise.chroma]], np.float32))[0, 0, 0, 0])
        return trusted(recorded, fused, luma, kept.variance, kept.noise.luma, share, earlier=before)

    def resolved(self) -> Mapping[str, str]:
        return self.network.resolved()

    def save_state(self, state: Any) -> Mapping[str, Any]:
        found: Mapping[str, Any] = state.saved()
        return found

    def load_state(self, saved: Mapping[str, Any]) -> Any:
        state = self.init_state()
        state.load(saved)
        return state

    def lighter(self) -> Sequence[str]:
        """The smallest network, unless it is the one that runs; then fusion without a network, as in `smooth`."""
        told, network = self._told, self.network
        shared = {"strength": self.strength, "sigma": "auto" if told is None else told.luma * 255}
        own = {**shared, "sigma_uv": "auto" if told is None else told.chroma * 255, "detail": self.detail or "auto"}
        smaller = network.smaller()
        own |= {"tier": smaller or "auto", "backend": network.backend, "precision": network.precision}
        own["lookahead"] = "auto" if self.future == _LOOKAHEAD else self.future
        chains = [_chain("denoise", own)] if smaller else []
        return [*chains, _chain("smooth", shared)] if "smooth" in FILTERS else chains

    def report(self, state: Any) -> Mapping[str, float]:
        return {"noise_luma": state.noise.luma * 255, "noise_chroma": state.noise.chroma * 255}

    def __call__(self, x: Any, states: Sequence[Any]) -> Any:
        """x: (B, 1 + lookahead, 6, H/2, W/2) in [0, 1], packed 4:2:0; NumPy on a CPU, a tensor on a GPU.

        Returns (B, 1, 6, H/2, W/2) of the same kind.
        """
        return self.begin(x, states)()

    def begin(self, x: Any, states: Sequence[Any]) -> Callable[[], Any]:
        """Fuse the frames; the returned call does the network's part."""
        if self.strength == 0:
            return lambda: x[:, :1]
        fusions = self._fronts.step(x, states)
        recorded = x[:, 0]
        if x.shape[1] > 1:  # upcoming frames may go now
            recorded = recorded.copy() if isinstance(x, np.ndarray) else recorded.clone()
        return partial(self._restored, recorded, fusions)

    def _restored(self, recorded: Any, fusions: Fusions) -> Any:
        """The network's part: (B, 1, 6, H/2, W/2) from recorded frames (B, 6, H/2, W/2) and their fusions."""
        known = fusions.packed, fusions.variance, fusions.noise
        if isinstance(recorded, np.ndarray):
            return self._computed(recorded, *known, network=self.network.array)[:, None]
        return self._computed(recorded.float(), *known, network=self.network)[:, None].to(recorded.dtype)

    def _computed(self, frame: Any, fused: Any, variance: Any, noise: Any, *, network: Callable[[Any], Any]) -> Any:
        """The restored frames (B, 6, H/2, W/2). noise: (B, 2). All are NumPy arrays or all tensors."""
        lib = array_library(frame)
        told = noise * _DETAIL**-self.detail
        left = sigma_left(variance, told)
        restored = corrected(fused, left, network(seen(fused, frame, left, told, reuse=True)), reuse=True)
        if self.detail > 0:
            restored += (_KEPT * self.detail) * (fused - restored)
        share = self._share(noise)
        if self._told is not None:
            most = per_plane(_REACH * noise + _ROUNDING)[..., None, None]
            restored = lib.maximum(lib.minimum(restored, frame + most), frame - most)
        if isinstance(share, np.ndarray) and (share == 1).all():  # a tensor is not asked: that waits for the device
            return restored
        restored -= frame
        restored *= share
        restored += frame
        return restored

    def _share(self, noise: Any) -> Any:
        """Weight of the restored picture in the result, (B, 6, 1, 1), for noise (B, 2) of luma and chroma."""
        lib = array_library(noise)
        if self.strength == "auto":
            evidence = lib.stack((lib.amax(noise, 1), noise[:, 1]), 1)
            share = lib.clip((evidence - _QUIET) / (_NOISY - _QUIET), 0, 1)
        else:
            share = lib.full_like(noise, self.strength)
        return per_plane(share)[..., None, None]


def _chain(name: str, options: Mapping[str, float | str]) -> str:
    """The filter as written in `-vf`. "auto" is the default of each of these options, and is left out."""
    return filter_text(name, {option: value for option, value in options.items() if value != "auto"})
