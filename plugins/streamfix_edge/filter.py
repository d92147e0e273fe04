"""Smooths or sharpens the luma and leaves its edges alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from streamfix import BadOption, Filter


class Edge(Filter[None]):
    """Edge-preserving smoothing, or detail enhancement, of the luma: edge=0.5, edge=0.5:mode=detail.

    OpenCV's bilateral filter (Tomasi and Manduchi, 1998) splits the picture into a
    base, which keeps the edges, and the remaining detail. `smooth` removes the
    detail, `detail` doubles it: texture and noise alike, so denoise first. Chroma
    is untouched, and high bit depth is kept: OpenCV's own edgePreservingFilter and
    detailEnhance work in 8 bits only.

    strength: 0 changes nothing, 1 removes (or doubles) all detail.
    mode: smooth or detail.
    edge: step, in 8-bit codes, from which on something counts as an edge rather than detail.
    radius: size of the neighbourhood around each pixel, in pixels.
    """

    layout = "luma"
    thread_safe = True
    literature = ("C. Tomasi, R. Manduchi: Bilateral filtering for gray and color images. ICCV (1998)",)

    def __init__(
        self,
        strength: float = 0.5,
        mode: Literal["smooth", "detail"] = "smooth",
        edge: float = 20.0,
        radius: int = 3,
    ) -> None:
        if not 0 <= strength <= 1:
            raise BadOption(f"edge=strength={strength:g}: 0 to 1")
        if not 0 < edge <= 255:
            raise BadOption(f"edge=edge={edge:g}: above 0, at most 255, in 8-bit codes")
        if not 1 <= radius <= 15:
            raise BadOption(f"edge=radius={radius}: 1 to 15 pixels")
        self._weight = -strength if mode == "smooth" else strength
        self._edge, self._radius = edge / 255, radius

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        if self._weight == 0:
            return x
        base = torch.stack([self._base(picture) for picture in x[:, 0, 0]])[:, None, None]
        return x + self._weight * (x - base)

    def _base(self, picture: Tensor) -> Tensor:
        """picture: (H, W) in [0, 1], at least 1x1. Returns it without detail, on the same device, in the same dtype."""
        seen = np.ascontiguousarray(picture.to(device="cpu", dtype=torch.float32).numpy())
        base = cv2.bilateralFilter(
            seen, 2 * self._radius + 1, self._edge, (self._radius + 1) / 2, borderType=cv2.BORDER_REPLICATE
        )
        return torch.from_numpy(base).to(picture)
