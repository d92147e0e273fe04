"""Losses, and the measure that validation reports.

Pictures are (B, C, H, W) in [0, 1]. C = 6 is packed 4:2:0: the luma's four sub-pixels and two planes of chroma; C = 3
is R'G'B', C = 1 is luma alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import UsageError

_STILL = 4 / 255  # the clean picture counts as moving where it changes by more
_LUMA_BT601 = (0.299, 0.587, 0.114)
_SCALES = (0.0448, 0.2856, 0.3001)  # Wang et al., "Multi-scale structural similarity" (2003): the first three


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How much each loss counts; 0 leaves it out.

    chroma: weight of the chroma planes within charbonnier, where luma's is 1. eps: charbonnier's, in [0, 1] units;
    errors below it count by their squares, so a larger one suits coded video, whose detail cannot all come back.
    temporal counts only after the share `temporal_from` of the schedule, and needs pictures in pairs.
    """

    charbonnier: float = 1.0
    chroma: float = 1.0
    eps: float = 1e-3
    ms_ssim: float = 0.0
    fft: float = 0.0
    gradient: float = 0.0
    temporal: float = 0.0
    temporal_from: float = 0.8


def total(restored: Tensor, target: Tensor, weights: LossWeights, progress: float) -> Tensor:
    """The weighted sum. restored, target: (B, C, H, W), or (B, 2, C, H, W) for pictures and the ones before them.

    Raises UsageError where they are not of one shape, or of another C.
    """
    if restored.shape != target.shape:
        raise UsageError(
            f"the recipe restores pictures {tuple(restored.shape)} where its target is {tuple(target.shape)}; "
            "make them of one shape in its predict()"
        )
    flat, true = restored.flatten(0, -4), target.flatten(0, -4)
    loss = weights.charbonnier * charbonnier(flat, true, weights.chroma, weights.eps)
    luma, true_luma = luma_of(flat), luma_of(true)
    if weights.gradient:
        loss = loss + weights.gradient * gradient(luma, true_luma)
    if weights.fft:
        loss = loss + weights.fft * fft(luma, true_luma)
    if weights.ms_ssim:
        loss = loss + weights.ms_ssim * ms_ssim(luma, true_luma)
    if weights.temporal and progress >= weights.temporal_from:
        if restored.dim() != 5:
            raise UsageError(
                f"the temporal loss needs pairs of pictures, (B, 2, C, H, W), not {tuple(restored.shape)}; "
                "return them from the recipe's predict() where it is asked for pairs, or set loss.temporal to 0"
            )
        loss = loss + weights.temporal * temporal(restored, target)
    return loss


def planes_of(pictures: Tensor) -> dict[str, slice]:
    """The parts of pictures (..., C, H, W) that are measured apart: "y" and "uv", "rgb", or "y".

    Raises UsageError for another C than 6, 3 and 1.
    """
    kinds = {6: {"y": slice(0, 4), "uv": slice(4, 6)}, 3: {"rgb": slice(0, 3)}, 1: {"y": slice(0, 1)}}
    planes = pictures.shape[-3]
    if planes not in kinds:
        raise UsageError(f"pictures of {planes} planes; a recipe's are packed 4:2:0 (6), R'G'B' (3) or luma (1)")
    return kinds[planes]


def luma_of(pictures: Tensor) -> Tensor:
    """The luma of pictures (B, C, H, W): (B, 1, 2H, 2W) of packed 4:2:0, else (B, 1, H, W); of R'G'B' BT.601's.

    Raises UsageError for another C.
    """
    planes = planes_of(pictures)
    if "uv" in planes:
        return F.pixel_shuffle(pictures[:, planes["y"]], 2)
    if "rgb" in planes:
        weights = pictures.new_tensor(_LUMA_BT601)[:, None, None]
        return (pictures * weights).sum(1, keepdim=True)
    return pictures


def psnr(restored: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio, dB, of pictures (B, C, H, W) in [0, 1]: the mean over B, each at most 60."""
    return (-10 * torch.log10(((restored - target) ** 2).mean((1, 2, 3)).clamp_min(1e-6))).mean()


def charbonnier(x: Tensor, y: Tensor, chroma: float = 1.0, eps: float = 1e-3) -> Tensor:
    """Mean of sqrt(d^2 + eps^2), the planes of chroma weighted (Charbonnier et al., 1994). x, y: (B, C, H, W)."""
    distance = ((x - y) ** 2 + eps**2).sqrt().mean((0, 2, 3))
    weight = torch.ones_like(distance)
    if "uv" in (planes := planes_of(x)):
        weight[planes["uv"]] = chroma
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
    """Mean change of the error from picture to picture where the clean picture stands still. Both (B, 2, C, H, W).

    A short form of the warping error (Lai et al., ECCV 2018): where nothing moves no flow is needed, and flicker is
    seen there most.
    """
    still = torch.exp(-(((target[:, 1] - target[:, 0]) / _STILL) ** 2))
    error = restored - target
    return (still * (error[:, 1] - error[:, 0]).abs()).mean()
