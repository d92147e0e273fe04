"""Colour maths: Y'CbCr to R'G'B' and back, and chroma resampling.

Chroma is sited as MPEG-2, H.264 and HEVC do by default: level with the left
luma sample, half-way between two lines (H.273, chroma sample location type 0).
It is brought to luma size by linear interpolation, and back by the
least-squares inverse of that interpolation, so a round trip returns its input
and loses no detail.
"""

from __future__ import annotations

from fractions import Fraction

import torch
import torch.nn.functional as F
from torch import Tensor

from . import color_cpu
from .color_cpu import INVERSE, excursions, size_above
from .frame import Color, PixelFormat


def ycbcr_to_rgb(y: Tensor, uv: Tensor, color: Color, depth: int = 8) -> Tensor:
    """Y'CbCr to R'G'B'.

    y: (1, H, W), uv: (2, H, W), code value / (2**depth - 1).
    Returns (3, H, W) in [0, 1]; out-of-gamut values are clipped.
    Source: ITU-T H.273 (2021), equations 1 to 76; ITU-R BT.601-7, BT.709-6, BT.2020-2.
    """
    kr, kb = color.kr_kb(y.shape[-2])
    black, luma, chroma, neutral = levels = excursions(color.is_full(), depth)
    if on_cpu(y) and on_cpu(uv):
        return torch.from_numpy(color_cpu.ycbcr_to_rgb(y[0].numpy(), uv.numpy(), levels, (kr, kb)))
    luma_01 = (y - black) / luma
    pb, pr = (uv[:1] - neutral) / chroma, (uv[1:] - neutral) / chroma
    r = luma_01 + 2 * (1 - kr) * pr
    b = luma_01 + 2 * (1 - kb) * pb
    g = (luma_01 - kr * r - kb * b) / (1 - kr - kb)
    return torch.cat((r, g, b)).clamp(0, 1)


def rgb_to_ycbcr(rgb: Tensor, color: Color, depth: int = 8) -> tuple[Tensor, Tensor]:
    """The inverse of `ycbcr_to_rgb`: (3, H, W) in [0, 1] to luma (1, H, W) and chroma (2, H, W)."""
    kr, kb = color.kr_kb(rgb.shape[-2])
    black, luma, chroma, neutral = levels = excursions(color.is_full(), depth)
    if on_cpu(rgb):
        light, both = color_cpu.rgb_to_ycbcr(rgb.numpy(), levels, (kr, kb))
        return torch.from_numpy(light)[None], torch.from_numpy(both)
    r, g, b = rgb[:1], rgb[1:2], rgb[2:]
    y = kr * r + (1 - kr - kb) * g + kb * b
    pb, pr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    return y * luma + black, torch.cat((pb, pr)) * chroma + neutral


def on_cpu(x: Tensor) -> bool:
    """True for what `color_cpu` takes; the rest of this module serves other devices and types, to the same result."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not x.requires_grad


def neutral_chroma(y: Tensor, shape: tuple[int, int], depth: int) -> Tensor:
    """Chroma of grey, (2, *shape), in y's dtype and on its device."""
    return y.new_full((2, *shape), (1 << (depth - 1)) / ((1 << depth) - 1))


def chroma_to_444(uv: Tensor | None, y: Tensor, format: PixelFormat) -> Tensor:
    """Chroma (2, h, w) of `format` at the size of luma y (1, H, W); neutral if there is none."""
    h, w = y.shape[-2:]
    if uv is None:
        return neutral_chroma(y, (h, w), format.depth)
    return resize_chroma(uv, y, (h, w), format)


def resize_chroma(uv: Tensor | None, y: Tensor, shape: tuple[int, int], source: PixelFormat) -> Tensor:
    """Resample chroma (2, h, w) to (2, *shape), another subsampling of luma `y`, with the right siting on each axis."""
    if uv is None:
        return neutral_chroma(y, shape, source.depth)
    if on_cpu(uv):
        return torch.from_numpy(color_cpu.resized_chroma(uv.numpy(), (y.shape[-2], y.shape[-1]), shape))
    for axis in (-2, -1):
        have, want = uv.shape[axis], shape[axis + 2]
        full = y.shape[axis]
        if have == want:
            continue
        while uv.shape[axis] < want:  # one octave at a time; 4:1:1 needs two
            step = size_above(full, uv.shape[axis])
            uv = _upsample(uv, axis, step)
        while uv.shape[axis] > want:
            uv = _downsample(uv, axis)
    return uv


def _upsample(x: Tensor, axis: int, size: int) -> Tensor:
    """Double the length along `axis` by linear interpolation. x: (2, h, w)."""
    n = x.shape[axis]
    before = torch.cat((x.narrow(axis, 0, 1), x.narrow(axis, 0, n - 1)), axis)
    after = torch.cat((x.narrow(axis, 1, n - 1), x.narrow(axis, n - 1, 1)), axis)
    if axis == -1:  # co-sited with the even samples
        even, odd = x, (x + after) / 2
    else:  # half-way between two lines
        even, odd = torch.lerp(x, before, 0.25), torch.lerp(x, after, 0.25)
    return (
        torch.stack((even, odd), x.dim() + axis + 1).flatten(x.dim() + axis, x.dim() + axis + 1).narrow(axis, 0, size)
    )


def _downsample(x: Tensor, axis: int) -> Tensor:
    """Halve the length along `axis`: the samples that `_upsample` brings closest to x. x: (2, h, w)."""
    adjoint, offset, gain, ratio, reach = INVERSE[axis]
    size = x.shape[axis]
    first, last = x.narrow(axis, 0, 1), x.narrow(axis, size - 1, 1)
    if axis == -2 and size % 2 and size > 1:
        # Add the line that an even height would have, so that the last chroma line is recovered exactly.
        last = 1.5 * last - 0.5 * x.narrow(axis, size - 2, 1)
        x, size = torch.cat((x, last), axis), size + 1
    weights = [gain * ratio ** abs(k) for k in range(-reach, reach + 1)]
    half = -(-size // 2)
    wide = torch.cat((*[first] * (2 * reach - offset), x, *[last] * (2 * reach + len(adjoint))), axis)
    n = half + 2 * reach
    every_other = (..., slice(None, None, 2)) if axis == -1 else (..., slice(None, None, 2), slice(None))
    taken = [wide.narrow(axis, k, 2 * n - 1)[every_other] for k in range(len(adjoint))]
    total = sum(adjoint)
    sums = taken[0] * (adjoint[0] / total)
    for a, samples in zip(adjoint[1:], taken[1:], strict=True):
        sums = sums.add_(samples, alpha=a / total)
    total = sum(weights)
    out = sums.narrow(axis, 0, half) * (weights[0] / total)
    for k, weight in enumerate(weights[1:], 1):
        out = out.add_(sums.narrow(axis, k, half), alpha=weight / total)
    return out


def scale_chroma(uv: Tensor, scale: int | Fraction, shape: tuple[int, int], format: PixelFormat) -> Tensor:
    """Chroma for a picture `scale` times as large, at the size `format` gives it there. Its siting is kept."""
    _, (h, w), _ = PixelFormat("", "yuv", 8, format.log2_w, format.log2_h).plane_shapes(shape[1], shape[0])
    step = float(1 / scale)
    # Left-sited chroma sample i lies on luma column i * 2**log2_w; the luma grid itself is scaled about pixel centres.
    sub = 1 << format.log2_w
    columns = ((torch.arange(w, dtype=torch.float32) * sub + 0.5) * step - 0.5) / sub if format.log2_w else None
    at_x = columns if columns is not None else (torch.arange(w, dtype=torch.float32) + 0.5) * step - 0.5
    at_y = (torch.arange(h, dtype=torch.float32) + 0.5) * step - 0.5
    grid_x = (2 * at_x + 1) / uv.shape[-1] - 1
    grid_y = (2 * at_y + 1) / uv.shape[-2] - 1
    grid = torch.stack(torch.meshgrid(grid_y, grid_x, indexing="ij")[::-1], -1)[None].to(uv)
    return F.grid_sample(uv[None], grid, mode="bicubic", padding_mode="border", align_corners=False)[0].clamp(0, 1)
