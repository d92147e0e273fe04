"""Bicubic resampling of tensors: what networks that enlarge correct, and how their pictures were made small.

Keys' kernel with a = -0.5, see `streamfix.fusion.keys`, as torch has it where it is antialiased; at the picture's edges
the pixels that are missing do not count. MATLAB mirrors them: `streamfix.evaluation.bicubic`.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def bicubic_enlarged(x: Tensor, scale: int) -> Tensor:
    """Pictures (B, C, H, W) to (B, C, H * scale, W * scale)."""
    return F.interpolate(x, scale_factor=float(scale), mode="bicubic", antialias=True)


def bicubic_reduced(x: Tensor, scale: int) -> Tensor:
    """The literature's degradation: the same kernel, widened by `scale`, and samples between pixels.

    x: (B, C, H, W), sides multiples of `scale`. Returns (B, C, H / scale, W / scale).
    """
    size = (x.shape[-2] // scale, x.shape[-1] // scale)
    return F.interpolate(x, size=size, mode="bicubic", antialias=True)
