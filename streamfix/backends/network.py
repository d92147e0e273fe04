"""What an image network is to the filters, however it is run."""

from __future__ import annotations

from typing import Protocol

import torch
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
    step = network.multiple
    half = max(-(-limit // step) * step, -(-network.minimum // (2 * step)) * step)
    across = max(64 // step * step, step, network.minimum)
    if network.fixed_size is not None:
        across = network.fixed_size[0]
        half = network.fixed_size[1] // 2
        if network.fixed_size[0] != network.fixed_size[1]:
            return None  # the other direction cannot be tried
    width = 2 * half if network.fixed_size is None else network.fixed_size[1]
    farthest = 0
    for direction in (False, True):
        fine = torch.rand(1, network.channels, across, width, generator=seeded)
        near = 0.5 * fine + 0.5 * torch.nn.functional.avg_pool2d(fine, 5, 1, 2)
        pictures = [near, near.clone(), near.clone(), near.clone()]
        pictures[1][..., half:] = 0.0
        pictures[2][..., half:] = 1.0
        pictures[3][..., half:] = torch.rand(1, network.channels, across, width - half, generator=seeded).round()
        if direction:
            pictures = [p.transpose(-1, -2).contiguous() for p in pictures]
        results = [network(p.to(device)).float() for p in pictures]
        for other in results[1:]:
            change = (other - results[0]).abs().amax(dim=(0, 1, 3) if direction else (0, 1, 2))
            touched = torch.nonzero(change[: half * network.scale] > _NO_INFLUENCE)
            if len(touched):
                farthest = max(farthest, half - int(touched[0]) // network.scale)
    return farthest if farthest < min(limit, half) else None
