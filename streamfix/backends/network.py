"""What an image network is to the filters, however it is run."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

#: A change smaller than this, a 16th of an 8-bit code, counts as no influence.
_NO_INFLUENCE = 1 / 4096


class Network(Protocol):
    """A network from pictures to pictures.

    scale: how many times larger its result is. channels: of the input, 1 or 3.
    multiple, minimum: height and width it takes are multiples of `multiple` and at least `minimum`.
    fixed_size: (height, width) if it takes no other.
    receptive_field: how many pixels away from itself an output pixel looks; None if nobody said.
    batched: False if it takes one picture at a time.
    """

    @property
    def scale(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def multiple(self) -> int: ...
    @property
    def minimum(self) -> int: ...
    @property
    def fixed_size(self) -> tuple[int, int] | None: ...
    @property
    def receptive_field(self) -> int | None: ...
    @property
    def batched(self) -> bool: ...

    def to(self, device: torch.device) -> None:
        """Compute on `device` from now on."""

    def __call__(self, x: Tensor) -> Tensor:
        """x: (B, channels, H, W) floating point in [0, 1]. Returns (B, channels, H * scale, W * scale) of x's dtype.

        Raises torch.OutOfMemoryError if memory is short, on any device.
        """


def measure_receptive_field(network: Network, device: torch.device | str = "cpu", limit: int = 128) -> int | None:
    """How far, in input pixels, a change reaches in the output, found by changing half of a picture.

    This is the reach that matters in practice: what it finds may be far less
    than what the layers add up to, because influence fades with distance. A
    change below 1/4096 counts as none. None: beyond `limit` pixels (a global
    pooling, say). Runs the network on pictures of at most 2 * limit x 64 pixels.
    """
    reach = 16
    while reach < limit:
        reach = min(2 * reach, limit)
        found = _reach(network, device, reach)
        if found is not None:
            return found
    return None


def _reach(network: Network, device: torch.device | str, limit: int) -> int | None:
    """As `measure_receptive_field`, None if the change reached `limit` pixels."""
    seeded = torch.Generator().manual_seed(limit)
    multiple, farthest = network.multiple, 0
    half = _up(max(limit, -(-network.minimum // 2)), multiple)
    across = _up(max(64, network.minimum), multiple)
    for axis in (-1, -2):
        height, width = network.fixed_size or ((across, 2 * half) if axis == -1 else (2 * half, across))
        length = (height, width)[axis]
        edge = length // 2

        def random() -> Tensor:
            return torch.rand(1, network.channels, height, width, generator=seeded)  # noqa: B023  # used at once

        base = 0.5 * random() + 0.5 * F.avg_pool2d(random(), 5, 1, 2)
        first = network(base.to(device)).float()
        for other in (torch.zeros_like(base), torch.ones_like(base), random().round()):
            kept = base.narrow(axis, 0, edge)
            changed = torch.cat((kept, other.narrow(axis, edge, length - edge)), axis)
            change = (network(changed.to(device)).float() - first).abs()
            reached = change.transpose(axis, -1).amax((0, 1, 2))[: edge * network.scale] > _NO_INFLUENCE
            if bool(reached.any()):
                farthest = max(farthest, edge - int(torch.nonzero(reached)[0]) // network.scale)
        if farthest >= min(limit, edge):
            return None
    return farthest


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
