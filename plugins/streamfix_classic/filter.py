"""The filter `classic`, as streamfix's command line and library see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from streamfix import BackendName, Filter, Tiler
from streamfix.models import TieredRunner

from .classics import CLASSICS, WEIGHTS, Name, corrected

_EXAMPLE = (192, 320)  # height and width of the luma on which precisions are timed


class Classic(Filter[None]):
    """A network of the literature, on the luma of each frame by itself: classic=srcnn, fsrcnn, espcn, vdsr, ...

    srcnn, fsrcnn, espcn, vdsr, rdn (a small residual dense network) and swin (a small one of windowed attention) make
    the picture twice as large; they know pictures that were made small by bicubic interpolation, and neither noise nor
    a codec. Chroma is interpolated.
    dncnn and autoencoder take white noise of sigma 25 out of the luma, and leave chroma and the size as they are.

    They are here to compare with: `denoise` and `deblock` use the frames before, and are told how much there is to do.
    Results may flicker. Trained by our own trainer for fidelity alone: nothing is invented.

    network: srcnn, fsrcnn, espcn, vdsr, dncnn, autoencoder, rdn, swin.
    backend: how the network runs: torch, openvino, or another that is installed; auto: OpenVINO on a CPU that has it.
    precision: fp32, bf16, int8; auto: what costs no quality to speak of.
    """

    layout = "luma"

    def __init__(
        self,
        network: Name,
        backend: BackendName = "auto",
        precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
    ) -> None:
        self._entry = CLASSICS[network]
        self.scale = self._entry.scale
        self.network = TieredRunner(WEIGHTS, self._example, tier=network, backend=backend, precision=precision)
        self._tiler = Tiler(self.network, self._entry.info())

    def to(self, device: torch.device) -> None:
        self.network.to(device)

    def close(self) -> None:
        self.network.close()

    def resolved(self) -> Mapping[str, str]:
        return self.network.resolved()

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        """x: (B, 1, 1, H, W) in [0, 1]. Returns (B, 1, 1, H * scale, W * scale) of the same dtype and device."""
        luma = x[:, 0].float()
        base = self._entry.base(luma)
        restored = corrected(base, self._tiler(self._entry.seen(luma, base)))
        return restored[:, None].to(x.dtype)

    def _example(self) -> Tensor:
        """What the network sees of a picture with detail, (1, 1, h, w)."""
        seeded = torch.Generator().manual_seed(1)
        coarse = torch.rand(1, 1, 24, 40, generator=seeded)
        luma = 0.2 + 0.5 * F.interpolate(coarse, _EXAMPLE, mode="bilinear")
        luma += 0.1 * torch.rand(1, 1, *_EXAMPLE, generator=seeded)
        return self._entry.seen(luma, self._entry.base(luma))
