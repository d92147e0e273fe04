"""What filters need to know about an image network besides how to run it: sizes, channels, receptive field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# A change below a 16th of an 8-bit code is no influence; one above half a code always is.
_NO_INFLUENCE, _LEAST_INFLUENCE = 1 / 4096, 1 / 512


@dataclass(frozen=True, slots=True)
class NetworkInfo:
    """What an image network takes and returns, whatever runs it.

    scale: how many times larger its result is. channels: of the input. results: of the result, None for as many.
    multiple, minimum: height and width must be multiples of `multiple` and at least `minimum`.
    fixed_size: (height, width) if it takes no other size.
    receptive_field: how many pixels away an output pixel can see; None if unknown.
    batched: False if it takes only one picture at a time.
    """

    scale: int = 1
    channels: int = 3
    multiple: int = 1
    minimum: int = 1
    fixed_size: tuple[int, int] | None = None
    receptive_field: int | None = None
    batched: bool = True
    results: int | None = None


def measure_receptive_field(
    network: Callable[[Tensor], Tensor], info: NetworkInfo, device: torch.device | str = "cpu", limit: int = 128
) -> int | None:
    """How far, in input pixels, removing one half of a picture affects the other half.

    Cuts test pictures in two, as tiling does, so that whatever the network pads
    beyond an edge counts with its real effect. The result may be less than the
    layers add up to: influence fades with distance, and below 1/4096 it counts as
    none. An eighth is added as a margin for other pictures. None means more than
    `limit` pixels (global pooling, for example). Runs the network on pictures of
    at most 2 * limit x 64 pixels.
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
    """Like `measure_receptive_field`; None if the effect reached as far as `limit` pixels."""
    import torch

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
            # A network of one fixed size cannot take half a picture, so the other half is replaced instead.
            part = kept if info.fixed_size is None else near
            a, b = (network(x.to(device)).float().transpose(axis, -1) for x in (whole, part))
            inside = slice(edge * info.scale)
            change = (a[..., inside] - b[..., inside]).abs().amax((0, 1, 2))
            # Another size may be computed in another order; in half precision that alone exceeds 1/4096.
            rounding = float(change[: max(1, len(change) // 4)].max())
            reached = change > min(max(2 * rounding, _NO_INFLUENCE), _LEAST_INFLUENCE)
            if bool(reached.any()):
                farthest = max(farthest, edge - int(torch.nonzero(reached)[0]) // info.scale)
        if farthest >= min(limit, edge):
            return None
    return farthest + -(-farthest // 8)  # margin: other pictures may show more influence


def _pictures(shape: tuple[int, int, int, int]) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs of test pictures, near and far: detail and noise, bright and dark, dark and bright."""
    import torch
    import torch.nn.functional as F

    seeded = torch.Generator().manual_seed(1)
    noise, more = torch.rand(shape, generator=seeded), torch.rand(shape, generator=seeded)
    smooth = F.avg_pool2d(noise, 5, 1, 2)
    yield 0.5 * smooth + 0.5 * more, noise.round()
    yield 0.9 + 0.1 * more, torch.zeros(shape)
    yield 0.1 * noise, torch.ones(shape)


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
