"""The filter `deblur`, as streamfix's command line and library see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from streamfix import BadOption, Filter

from .kernels import Blur, Kind, find_blur
from .wiener import sharpened


@dataclass(slots=True)
class Shot:
    """A stream's state since the last cut: the blur of its last frame, None where it was sharp."""

    blur: Blur | None = None


class Deblur(Filter[Shot]):
    """Undo motion and defocus of the whole picture: of a camera that pans or shakes, of a lens out of focus.

    Each frame's spectrum tells what it was blurred by, and Wiener's filter undoes that as far as noise allows. What is
    sharp, and what is soft by its lens, its size or its codec, stays as it is, bit for bit. It invents nothing. Put it
    behind `deblock` and `denoise`.

    kind: motion or defocus looks for that one alone; auto: for both.
    strength: share of the change that is made, 0 to 1.
    """

    layout = "yuv420"
    multiple = 4
    batch_tolerance = 1e-4
    thread_safe = True
    two_parts = True
    measured_options = frozenset({"kind"})
    literature = (
        "M. Cannon: Blind deconvolution of spatially invariant image blurs with phase. IEEE TASSP 24 (1976)",
        "H. Ji, C. Liu: Motion blur identification from image gradients. CVPR (2008)",
        "N. Wiener: Extrapolation, interpolation, and smoothing of stationary time series (1949)",
    )

    def __init__(
        self,
        kind: Kind = "auto",
        strength: float = 1.0,
    ) -> None:
        if not 0 <= strength <= 1:
            raise BadOption(f"deblur=strength: {strength} is not between 0 and 1")
        self.kind, self.strength = kind, strength

    def init_state(self) -> Shot:
        return Shot()

    def report(self, state: Shot) -> Mapping[str, float]:
        blur = state.blur
        if blur is None:
            return {"motion_pixels": 0.0, "motion_degrees": 0.0, "defocus_pixels": 0.0}
        return {"motion_pixels": blur.length, "motion_degrees": blur.degrees, "defocus_pixels": blur.disc}

    def __call__(self, x: Tensor, states: Sequence[Shot]) -> Tensor:
        """x: (B, 1, 6, H/2, W/2) in [0, 1], packed 4:2:0. Returns the same shape, dtype and device."""
        return self.begin(x, states)()

    def begin(self, x: Tensor, states: Sequence[Shot]) -> Callable[[], Tensor]:
        """The blur is measured; to undo it is the second part."""
        if self.strength == 0:
            return lambda: x
        for state, luma in zip(states, F.pixel_shuffle(x[:, 0, :4].float(), 2)[:, 0].cpu(), strict=True):
            state.blur = find_blur(luma, self.kind, state.blur)
        blurs = [state.blur for state in states]
        return partial(self._restored, x.clone(), blurs) if any(blurs) else lambda: x

    def _restored(self, x: Tensor, blurs: Sequence[Blur | None]) -> Tensor:
        """x, with those of its pictures restored that have a blur."""
        at = [i for i, blur in enumerate(blurs) if blur is not None]
        found = [blur for blur in blurs if blur is not None]
        frame = x[at, 0].float()
        size, device = (frame.shape[-2], frame.shape[-1]), frame.device
        line, disc, noise = (
            torch.tensor(of, device=device) for of in zip(*((b.line, b.disc, b.noise) for b in found), strict=True)
        )
        share = torch.stack([b.share(*size) for b in found])[:, None].to(device) * self.strength
        result = x.clone()
        result[at, 0] = torch.lerp(frame, sharpened(frame, line, disc, noise), share).to(x.dtype)
        return result
