"""What an image network is to the filters besides something that runs: sizes, channels, how far it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# A change of less than a 16th of an 8-bit code counts as no influence, one of more than half a code always as some.
_NO_INFLUENCE, _LEAST_INFLUENCE = 1 / 4096, 1 / 512


@dataclass(frozen=True, slots=True)
class NetworkInfo:
    """What an image network takes and gives, whatever runs it.

    scale: how many times larger its result is. channels: of its input and its result, 1 or 3.
    multiple, minimum: height and width it takes are multiples of `multiple` and at least `minimum`.
    fixed_size: (height, width) if it takes no other.
    receptive_field: how many pixels away from itself an output pixel looks; None if nobody said.
    batched: False if it takes one picture at a time.
    """

    scale: int = 1
    channels: int = 3
    multiple: int = 1
    minimum: int = 1
    fixed_size: tuple[int, int] | None = None
    receptive_field: int | None = None
    batched: bool = True


def measure_receptive_field(
    network: Callable[[Tensor], Tensor], info: NetworkInfo, device: torch.device | str = "cpu", limit: int = 128
) -> int | None:
    """How far, in input pixels, the loss of one half of a picture is felt in the other.

    Found by cutting pictures in two, as tiles are cut, so that what the
    network puts beyond an edge counts with its real weight. It may be less
    than what the layers add up to: influence fades with distance, and below
    1/4096 it counts as none. None: beyond `limit` pixels (a global pooling,
    say). An eighth is added, for pictures that weigh more. Runs the network on
    pictures of at most 2 * limit x 64 pixels.
    """
    reach = 16
    while reach < limit:
        reach = min(2 * reach, limit)
        found = _reach(network, info, device, reach)
        if found is not None:
            return found
    return None


def _reach(
    network: Callable[[Tensor], Tensor], info: NetworkInfo, device: torch.device | str, limit: int
) -> int | None:
    """As `measure_receptive_field`, None if the loss was felt as far as `limit` pixels."""
    multiple, farthest = info.multiple, 0
    half = _up(max(limit, info.minimum), multiple)
    across = _up(max(64, info.minimum), multiple)
    for axis in (-1, -2):
        height, width = info.fixed_size or ((across, 2 * half) if axis == -1 else (2 * half, across))
        length = (height, width)[axis]
        edge = length // 2
        for near, far in _pictures((1, info.channels, height, width)):
            kept = near.narrow(axis, 0, edge)
            whole = torch.cat((kept, far.narrow(axis, edge, length - edge)), axis)
            # one size only: it cannot be cut, so the other half is changed instead
            part = kept if info.fixed_size is None else near
            a, b = (network(x.to(device)).float().transpose(axis, -1) for x in (whole, part))
            inside = slice(edge * info.scale)
            change = (a[..., inside] - b[..., inside]).abs().amax((0, 1, 2))
            # Another size may be computed in another order: in half precision that alone is more than 1/4096.
            rounding = float(change[: max(1, len(change) // 4)].max())
            reached = change > min(max(2 * rounding, _NO_INFLUENCE), _LEAST_INFLUENCE)
            if bool(reached.any()):
                farthest = max(farthest, edge - int(torch.nonzero(reached)[0]) // info.scale)
        if farthest >= min(limit, edge):
            return None
    return farthest + -(-farthest // 8)  # other pictures may weigh more


def _pictures(shape: tuple[int, int, int, int]) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of test pictures, near and far: detail and noise, bright and dark, dark and bright."""
    seeded = torch.Generator().manual_seed(1)
    noise, more = torch.rand(shape, generator=seeded), torch.rand(shape, generator=seeded)
    smooth = F.avg_pool2d(noise, 5, 1, 2)
    yield 0.5 * smooth + 0.5 * more, noise.round()
    yield 0.9 + 0.1 * more, torch.zeros(shape)
    yield 0.1 * noise, torch.ones(shape)


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
