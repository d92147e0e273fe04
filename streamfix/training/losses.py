"""Losses on packed 4:2:0 pictures: (B, 6, H, W) in [0, 1], four sub-pixels of the luma and two planes of chroma."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UsageError

_STILL = 4 / 255  # change of the clean picture over which it counts as moving
_SCALES = (0.0448, 0.2856, 0.3001)  # Wang et al., "Multi-scale structural similarity" (2003): the first three


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each part counts; 0 leaves it out.

    temporal counts only from the part `temporal_from` of the schedule on, and needs pictures in pairs.
    """

    charbonnier: float = 1.0
    chroma: float = 1.0
    ms_ssim: float = 0.0
    fft: float = 0.0
    gradient: float = 0.0
    temporal: float = 0.0
    temporal_from: float = 0.8


def total(restored: Tensor, target: Tensor, weights: LossWeights, progress: float) -> Tensor:
    """The weighted sum. restored, target: (B, 6, H, W), or (B, 2, 6, H, W) for pictures and the ones before them."""
    flat, true = restored.flatten(0, -4), target.flatten(0, -4)
    loss = weights.charbonnier * charbonnier(flat, true, weights.chroma)
    luma, true_luma = luma_of(flat), luma_of(true)
    if weights.gradient:
        loss = loss + weights.gradient * gradient(luma, true_luma)
    if weights.fft:
        loss = loss + weights.fft * fft(luma, true_luma)
    if weights.ms_ssim:
        loss = loss + weights.ms_ssim * ms_ssim(luma, true_luma)
    if weights.temporal and progress >= weights.temporal_from:
        if restored.dim() != 5:
            raise UsageError("the temporal loss needs pairs of pictures, (B, 2, 6, H, W)")
        loss = loss + weights.temporal * temporal(restored, target)
    return loss


def luma_of(packed: Tensor) -> Tensor:
    """(B, 6, H, W) to (B, 1, 2H, 2W)."""
    return F.pixel_shuffle(packed[:, :4], 2)


def charbonnier(x: Tensor, y: Tensor, chroma: float = 1.0, eps: float = 1e-3) -> Tensor:
    """Mean of sqrt(d^2 + eps^2), the planes of chroma weighted (Charbonnier et al., 1994)."""
    distance = ((x - y) ** 2 + eps**2).sqrt().mean((0, 2, 3))
    weight = distance.new_tensor([1, 1, 1, 1, chroma, chroma])
    return (distance * weight).sum() / weight.sum()


def gradient(x: Tensor, y: Tensor) -> Tensor:
    """Mean absolute error of the differences between neighbouring pixels. x, y: (B, 1, H, W)."""
    error = x - y
    return error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()


def fft(x: Tensor, y: Tensor) -> Tensor:
    """Mean absolute error of the spectrum, of unitary scale (Cho et al., "MIMO-UNet", ICCV 2021)."""
    spectrum: Tensor = torch.fft.rfft2(x.float() - y.float(), norm="ortho")
    return spectrum.abs().mean()


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """1 - MS-SSIM over three scales, for crops of at least 48 pixels; the computation is torchmetrics'.

    Raises UsageError where that is not installed.
    """
    try:
        from torchmetrics.functional.image import multiscale_structural_similarity_index_measure as similarity
    except ImportError as error:
        raise UsageError('the MS-SSIM loss needs torchmetrics: pip install "streamfix[train]"') from error
    betas = tuple(scale / sum(_SCALES) for scale in _SCALES)
    result: Tensor = similarity(x.float(), y.float(), data_range=1.0, betas=betas, normalize="relu")
    return 1 - result


def temporal(restored: Tensor, target: Tensor) -> Tensor:
    """Mean change of the error from picture to picture where the clean picture stands still. Both (B, 2, 6, H, W).

    A short form of the warping error (Lai et al., ECCV 2018): where nothing moves no flow is needed, and it is there
    that flicker is seen.
    """
    still = torch.exp(-(((target[:, 1] - target[:, 0]) / _STILL) ** 2))
    error = restored - target
    return (still * (error[:, 1] - error[:, 0]).abs()).mean()
