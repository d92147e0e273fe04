"""The filter `deblur`, as streamfix's command line and library see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from streamfix import BackendName, BadOption, Filter
from streamfix.models import Tier, TieredRunner, WeightsStore, corrected, correction_network, example, seen

from . import kernels
from .blurs import Blur, Kind, found
from .wiener import Sharpened, sharpened

WEIGHTS = WeightsStore(Path(__file__).parent / "weights", "deblur", correction_network)


@dataclass(slots=True)
class Shot:
    """A stream's state since the last cut: what was found in the last frame, the blur of most of the picture first."""

    blurs: Sequence[Blur] = ()


class Deblur(Filter[Shot]):
    """Undo motion and defocus: of a panning or shaken camera, of what drives past, of a lens out of focus.

    A tiny network tells from each frame what it was blurred by, and where. Wiener's filter undoes that, and a small
    network that was trained on such pictures cleans up. What is sharp, and what is soft by its lens, its size or its
    codec, stays as it is, bit for bit where no blur is found. Trained for fidelity alone: it invents nothing. Put it
    behind `deblock` and `denoise`.

    kind: motion or defocus undoes that one alone; auto: what is found.
    strength: share of the change that is made, 0 to 1.
    tier: size of the network: xs, s, m; auto: the best one for the device that there are weights for.
    backend: how the networks run: torch, openvino, or another that is installed; auto: OpenVINO on a CPU that has it.
    precision: fp32, bf16, int8; auto: what costs no quality to speak of.
    """

    layout = "yuv420"
    multiple = kernels.CELL
    batch_tolerance = 1e-4
    thread_safe = True
    two_parts = True

    def __init__(
        self,
        kind: Kind = "auto",
        strength: float = 1.0,
        tier: Tier | Literal["auto"] = "auto",
        backend: BackendName = "auto",
        precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
    ) -> None:
        if not 0 <= strength <= 1:
            raise BadOption(f"deblur=strength: {strength} is not between 0 and 1")
        self.kind, self.strength = kind, strength
        self.network = TieredRunner(WEIGHTS, example, tier=tier, backend=backend, precision=precision)
        self.kernels = TieredRunner(kernels.store(), kernels.example, backend=backend, precision="fp32")

    def to(self, device: torch.device) -> None:
        self.network.to(device)
        self.kernels.to(device)

    def close(self) -> None:
        self.network.close()
        self.kernels.close()

    def init_state(self) -> Shot:
        return Shot()

    def report(self, state: Shot) -> Mapping[str, float]:
        first = state.blurs[0] if state.blurs else Blur.none()
        return {"motion_pixels": first.length, "motion_degrees": first.degrees, "defocus_pixels": first.disc}

    def __call__(self, x: Tensor, states: Sequence[Shot]) -> Tensor:
        """x: (B, 1, 6, H/2, W/2) in [0, 1], packed 4:2:0. Returns the same shape, dtype and device."""
        return self.begin(x, states)()

    def begin(self, x: Tensor, states: Sequence[Shot]) -> Callable[[], Tensor]:
        """Blur is measured; to undo it is the second part."""
        if self.strength == 0:
            return lambda: x
        blurs = found(kernels.decode(self.kernels(x[:, 0].float()).cpu()), self.kind)
        for state, of_picture in zip(states, blurs, strict=True):
            state.blurs = of_picture
        return partial(self._restored, x.clone(), blurs)

    def _restored(self, x: Tensor, blurs: Sequence[Sequence[Blur]]) -> Tensor:
        """x, with those of its pictures restored that blurs were found in."""
        at = [i for i, of_picture in enumerate(blurs) if of_picture]
        if not at:
            return x
        frame = x[at, 0].float()
        undone = [_undone(picture[None], blurs[i]) for i, picture in zip(at, frame, strict=True)]
        fused, left, sigma, share = (torch.cat(parts) for parts in zip(*undone, strict=True))
        restored = corrected(fused, left, self.network(seen(fused, frame, left, sigma)))
        result = x.clone()
        result[at, 0] = torch.lerp(frame, restored, share * self.strength).to(x.dtype)
        return result


def _undone(frame: Tensor, blurs: Sequence[Blur]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One picture, (1, 6, H, W), with each blur undone where it is.

    Returns it, its errors' deviation (1, 2, H, W), its noise (1, 2), and the share of it in the result (1, 1, H, W).
    """
    device, size = frame.device, (frame.shape[-2], frame.shape[-1])
    shares = [F.interpolate(blur.where[None, None].to(device), size, mode="bilinear") for blur in blurs]
    whole = torch.stack(shares).sum(0)
    fused, left = frame.clone(), torch.zeros_like(frame[:, :2])
    for blur, share in zip(blurs, shares, strict=True):
        one: Sharpened = sharpened(
            frame, blur.line[None].to(device), *(torch.tensor([v], device=device) for v in (blur.disc, blur.noise))
        )
        part = share / whole.clamp_min(1)
        fused += part * (one.packed - frame)
        left += part * one.left
    return fused, left, one.sigma, whole.clamp(max=1)
