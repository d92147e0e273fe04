"""What is left to smooth within fused frames, on tensors: the twin of `denoiser` and `wiener`."""

from __future__ import annotations

from torch import Tensor

from streamfix.fusion import batched
from streamfix.models import Fusions

from .denoiser import CHROMA_PASSES, LUMA_PASSES, REACH
from .wiener import LEAST


def finished(recorded: Tensor, fusions: Fusions, flicker: float) -> Tensor:
    """Smooth fused frames (B, 6, H/2, W/2). recorded: the frames as they came. flicker: see `Denoiser`."""
    luma, chroma = batched.unpack420(fusions.packed)
    luma_in, chroma_in = batched.unpack420(recorded)
    variance, noise = fusions.variance, fusions.noise[:, :, None, None]
    limit = REACH * noise.clamp(min=flicker)
    smooth_luma = _smoothed(luma, batched.doubled(variance, luma), noise[:, :1], LUMA_PASSES)
    smooth_chroma = _smoothed(chroma, variance, noise[:, 1:], CHROMA_PASSES)
    return batched.pack420(_near(smooth_luma, luma_in, limit[:, :1]), _near(smooth_chroma, chroma_in, limit[:, 1:]))


def _smoothed(picture: Tensor, variance: Tensor, sigma: Tensor, passes: tuple[tuple[int, float], ...]) -> Tensor:
    """Wiener filters in series, see `wiener.smoothed`; sigma: (B, 1, 1, 1)."""
    for window, share in passes:
        picture = _wiener(picture, variance * (share * sigma**2), window)
    return picture


def _wiener(picture: Tensor, noise: Tensor, window: int) -> Tensor:
    """See `wiener.wiener`. noise: (B, 1, H, W)."""
    mean = batched.box(picture, window)
    variance = batched.box(picture * picture, window) - mean * mean
    share = noise / variance.maximum(noise).add_(LEAST)
    return picture + batched.box(mean * share, window) - batched.box(share, window) * picture


def _near(picture: Tensor, recorded: Tensor, limit: Tensor) -> Tensor:
    """The picture with no pixel further from the recorded one than that."""
    return picture.maximum(recorded - limit).minimum(recorded + limit)
