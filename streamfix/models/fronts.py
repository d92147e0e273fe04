"""The front of all of a filter's streams: in NumPy and OpenCV on a CPU, on tensors on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..devices import Device
from ..devices import arrays_on as arrays_on  # part of this package's interface
from ..fusion import Noise
from .front import Front, stacked

if TYPE_CHECKING:
    import torch

    from ..devices.graphs import Graphed
    from .tensor_front import TensorFront


@dataclass(frozen=True, slots=True)
class Fusions:
    """What the front makes of several streams' frames; NumPy arrays or tensors.

    packed: (B, 6, H/2, W/2), fused. variance: (B, 1, H/2, W/2), the noise left, relative to one frame's. noise: (B, 2),
    of one frame, luma and chroma, measured or told.
    """

    packed: Any
    variance: Any
    noise: Any


class Fronts:
    """Makes the states of a filter's streams, and fuses their frames.

    fine, flicker: see `Front`. arrays: what it computes with, for `Filter.arrays`; "numpy" until `to`.
    """

    def __init__(self, *, fine: bool = True, flicker: float = 0.0) -> None:
        self.arrays: Literal["torch", "numpy"] = "numpy"
        self._fine, self._flicker = fine, flicker
        self._run: Graphed | None = None

    def to(self, device: torch.device | Device) -> Literal["torch", "numpy"]:
        """Compute there from now on. Returns `arrays`."""
        self.close()
        self.arrays = arrays_on(device)
        return self.arrays

    def new(self, told: Noise | None = None) -> Front | TensorFront:
        """The state of a stream. told: the noise of every frame; None measures it."""
        if self.arrays == "numpy":
            return Front(told, fine=self._fine, flicker=self._flicker)
        from .tensor_front import TensorFront

        return TensorFront(told, fine=self._fine, flicker=self._flicker)

    def step(self, windows: Any, states: Sequence[Any]) -> Fusions:
        """Take the next frame of each stream. windows: (B, 1 + ahead, 6, H/2, W/2) in [0, 1]. states: from `new`."""
        if isinstance(windows, np.ndarray):
            fusions = [state.step(window[0], window[1:]) for window, state in zip(windows, states, strict=True)]
            noise = np.array([[f.noise.luma, f.noise.chroma] for f in fusions], np.float32)
            return Fusions(*stacked(fusions), noise)
        if self.arrays == "numpy":  # tensors for a filter that was not moved: on a CPU NumPy is faster
            import torch

            known = self.step(windows.detach().float().cpu().numpy(), states)
            parts = (known.packed, known.variance, known.noise)
            return Fusions(*(torch.from_numpy(part).to(windows.device) for part in parts))
        from . import tensor_front

        if self._run is None:
            self._run = tensor_front.recorded(self._fine)
        return Fusions(*tensor_front.step(states, windows.float(), self._run))

    def close(self) -> None:
        """Release what it holds on the device."""
        if self._run is not None:
            self._run.close()
        self._run = None
