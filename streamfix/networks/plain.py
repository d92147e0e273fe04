"""Convolutions one after another, as the first networks for restoration were built, and how they are made deeper."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Plain(nn.Module):
    """Layers of 3x3 convolutions of one width with rectifiers between them, from luma to a correction of it.

    depth: layers, at least 3. width: channels between them. It corrects nothing before it is trained.
    """

    def __init__(self, depth: int, width: int = 64) -> None:
        super().__init__()
        if depth < 3:
            raise ValueError(f"a plain network has at least 3 layers, got {depth}")
        widths = [1, *[width] * (depth - 1), 1]
        self.layers = nn.ModuleList(nn.Conv2d(widths[i], widths[i + 1], 3, padding=1) for i in range(depth))
        initialise(self, self.layers[-1])

    @property
    def field(self) -> int:
        """How many pixels away an output pixel can see."""
        return len(self.layers)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 1, H, W). Returns as much."""
        *inner, last = self.layers
        for layer in inner:
            x = torch.relu_(layer(x))
        result: Tensor = last(x)
        return result


def deepened(weights: Mapping[str, Tensor], depth: int) -> dict[str, Tensor]:
    """The weights of a `Plain` network for one of `depth` layers that gives the same results.

    The new layers are identities, which rectifiers let pass, spread evenly among those between the first and the last:
    a deep network learns faster from where a shallow one has come (Chen, Goodfellow and Shlens, "Net2Net", ICLR 2016).
    Raises ValueError for weights of a deeper network.
    """
    known = len({name.split(".")[1] for name in weights})
    if known > depth:
        raise ValueError(f"weights of {known} layers do not fit a network of {depth}")
    width = len(weights["layers.0.bias"])
    identity = torch.zeros(width, width, 3, 3)
    identity[range(width), range(width), 1, 1] = 1
    inner, wanted = known - 2, depth - 2
    result = {}
    for i in range(depth):
        if i in (0, depth - 1):
            at = 0 if i == 0 else known - 1
        elif inner and (i - 1) * inner // wanted != (i - 2) * inner // wanted:
            at = 1 + (i - 1) * inner // wanted
        else:
            at = -1
        result[f"layers.{i}.weight"] = identity.clone() if at < 0 else weights[f"layers.{at}.weight"]
        result[f"layers.{i}.bias"] = torch.zeros(width) if at < 0 else weights[f"layers.{at}.bias"]
    return result


def initialise(network: nn.Module, last: nn.Module) -> None:
    """He initialisation of all convolutions but the last one, which begins at zero.

    After He et al., "Delving deep into rectifiers" (ICCV 2015).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    assert isinstance(last, nn.Conv2d)
    nn.init.zeros_(last.weight)
