"""Small filters that keep every law: a window, a recurrence, several frames a call, one that computes in NumPy.

They are what the project's own tests run, and a place to start a filter from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..filters.base import Filter


class Mean(Filter[None]):
    """The mean of five frames, two of them from the future."""

    past = future = 2

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return x.mean(1, keepdim=True)


class Sharpest(Filter[None]):
    """A mean of two frames in which the sharper one counts more; computes in NumPy."""

    arrays = "numpy"
    past = 1

    def __call__(self, x: NDArray[np.float32], states: Sequence[None]) -> NDArray[np.float32]:
        contrast = x.std((2, 3, 4), keepdims=True) + np.float32(0.001)
        return np.asarray((x * contrast).sum(1, keepdims=True) / contrast.sum(1, keepdims=True))


@dataclass
class Trace:
    """Echo's memory of a stream: its last result (C, H, W)."""

    last: Tensor | None = None


class Echo(Filter[Trace]):
    """A recursive average: each result leaves a trace in the next. No window, only state."""

    layout = "rgb"

    def __init__(self, weight: float = 0.5) -> None:
        self.weight = weight

    def init_state(self) -> Trace:
        return Trace()

    def __call__(self, x: Tensor, states: Sequence[Trace]) -> Tensor:
        results = []
        for frame, state in zip(x[:, 0], states, strict=True):
            state.last = frame if state.last is None else torch.lerp(frame, state.last, self.weight)
            results.append(state.last)
        return torch.stack(results)[:, None]


class Chunk(Filter[None]):
    """Four frames a call, each averaged with its two neighbours; and twice as large."""

    layout = "luma"
    past, step, future = 1, 4, 1
    scale = 2

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        y = (x[:, :-2] + x[:, 1:-1] + x[:, 2:]) / 3
        return y.repeat_interleave(2, -1).repeat_interleave(2, -2)
