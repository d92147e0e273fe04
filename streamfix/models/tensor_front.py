"""The front on tensors: `front.Front` for several streams at once, on any device, see `fusion.batched`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from ..devices.graphs import Graphed
from ..fusion import Noise, batched
from ..threads import alone
from .front import MOVED


class TensorFront:
    """One stream's state. Not thread-safe. told, fine, flicker: see `front.Front`.

    history: what is fused so far, None before the first frame.
    """

    def __init__(self, told: Noise | None = None, *, fine: bool = True, flicker: float = 0.0) -> None:
        self.fine, self.flicker = fine, flicker
        self.history: batched.History | None = None
        self._measures = told is None
        self._told = told or Noise(0.0, 0.0)
        self._estimate: batched.Estimate | None = None

    @property
    def noise(self) -> Noise:
        """Of one frame, as of the last step. Waits for the device."""
        if not self._measures or self._estimate is None:
            return self._told
        luma, chroma = self._estimate.told[0].tolist()
        return Noise(luma, chroma)

    def tell(self, noise: Noise) -> None:
        """The noise of the frames from the next one on, [0, 1] units; it is not measured any more."""
        self._measures, self._told = False, noise

    def begin(self, size: tuple[int, int], device: torch.device) -> batched.History:
        """What is remembered of frames of that luma size: nothing after a change of it."""
        history = self.history
        if history is None or history.luma.shape[-2:] != size or history.luma.device != device:
            history = self.history = batched.History.empty(*size, device)
        return history

    def measured(self, device: torch.device) -> batched.Estimate | None:
        """What is known of its noise, to be followed; None if it is told."""
        if self._measures and self._estimate is None:
            self._estimate = batched.Estimate.empty(device)
        return self._estimate if self._measures else None

    def told(self, device: torch.device) -> Tensor:
        """(1, 2)"""
        return torch.tensor([[self._told.luma, self._told.chroma]], device=device)


def recorded(fine: bool) -> Graphed:
    """The step of all streams with that setting, replayed as CUDA graphs where there is a GPU."""
    return Graphed(partial(_step, fine))


@alone  # on a CPU the number of threads would change last bits
def step(fronts: Sequence[TensorFront], windows: Tensor, run: Graphed) -> tuple[Tensor, Tensor, Tensor]:
    """Take the next frame of each stream. windows: (B, 1 + ahead, 6, H/2, W/2) in [0, 1]. run: from `recorded`.

    Returns the fused frames (B, 6, H/2, W/2), the noise left in them relative to one frame's (B, 1, H/2, W/2), and the
    noise of one frame, luma and chroma, (B, 2).
    """
    packed, device = windows[:, 0], windows.device
    size = (2 * packed.shape[-2], 2 * packed.shape[-1])
    history = batched.joined([front.begin(size, device) for front in fronts])
    noise = _noise(fronts, packed, history.still)
    changes = torch.stack([row.clamp(min=front.flicker) for front, row in zip(fronts, noise, strict=True)])
    fused, variance, *kept = run(windows.contiguous(), changes, *history.tensors)
    for front, own in zip(fronts, batched.parted(batched.History(*kept)), strict=True):
        # parts of a batch's tensors would keep all of them
        front.history = own if len(fronts) == 1 else batched.History(*(tensor.clone() for tensor in own.tensors))
    return fused, variance, noise


def _noise(fronts: Sequence[TensorFront], packed: Tensor, still: Tensor) -> Tensor:
    luma, chroma = batched.unpack420(packed)
    rows = []
    for i, front in enumerate(fronts):
        estimate, at = front.measured(packed.device), slice(i, i + 1)
        if estimate is None:
            rows.append(front.told(packed.device))
        else:
            rows.append(batched.follow([estimate], luma[at], chroma[at], still[at]))
    return torch.cat(rows)


def _step(fine: bool, windows: Tensor, noise: Tensor, *history: Tensor) -> tuple[Tensor, ...]:
    packed, ahead = windows[:, 0], [windows[:, i] for i in range(1, windows.shape[1])]
    sigma, sigma_uv = noise[:, :1, None, None], noise[:, 1:, None, None]
    seen = batched.fuse(batched.History(*history), *batched.unpack420(packed), sigma, sigma_uv, fine=fine)
    now = seen.history
    fused = batched.Fused(now.luma, now.chroma, now.variance)
    if ahead:
        fused = batched.look_ahead(seen, packed, ahead, sigma, sigma_uv, moved=MOVED, fine=fine)
    return batched.pack420(fused.luma, fused.chroma), fused.variance, *now.tensors
