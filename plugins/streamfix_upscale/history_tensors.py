"""The history on tensors, for several streams at once and any device: the twin of `history`, with its constants."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from streamfix.fusion import batched

from .history import DOUBT, FRESH, TRUSTED

_WINDOW = 5  # pixels in which it is seen whether a place moves


class TensorHistory:
    """One stream's state: the last frame's luma (1, 1, H, W), and the history (1, 1, H * scale, W * scale)."""

    def __init__(self) -> None:
        self.kept: tuple[Tensor, Tensor] | None = None


def step(states: Sequence[TensorHistory], luma: Tensor, enlarged: Tensor) -> tuple[Tensor, Tensor]:
    """Take the next frame of each stream. luma: (B, 1, H, W) in [0, 1]; enlarged: the same at the new size.

    Returns `more` (B, 1, H * scale, W * scale) and `trust` (B, 1, H, W), see `history.Remembered`.
    """
    last, pictures, begun = [], [], []
    for i, state in enumerate(states):
        goes_on = state.kept is not None and state.kept[1].shape[1:] == enlarged.shape[1:]
        before, picture = state.kept if goes_on and state.kept is not None else (luma[i : i + 1], enlarged[i : i + 1])
        last.append(before)
        pictures.append(picture)
        begun.append(goes_on)
    more, trust, history = _step(luma, enlarged, torch.cat(last), torch.cat(pictures))
    for i, goes_on in enumerate(begun):
        if not goes_on:
            more[i], trust[i], history[i] = 0, 0, enlarged[i]
    for i, state in enumerate(states):
        state.kept = luma[i : i + 1].clone(), history[i : i + 1].clone()
    return more, trust


def _step(luma: Tensor, enlarged: Tensor, last: Tensor, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    scale = enlarged.shape[-1] // luma.shape[-1]
    flow = batched.flow_between(luma, last)
    standing, moving = (batched.box((luma - other).abs(), _WINDOW) for other in (last, batched.sampled(last, flow)))
    flow = flow * batched.box((standing > moving).float(), 3)
    moved = batched.sampled(picture, scale * _grown(flow, scale), cubic=True)
    missed = luma - F.avg_pool2d(moved, scale)
    error = (batched.box(missed.abs(), 3) - TRUSTED).clamp(min=0)
    trust = torch.exp(error.square() * (-1 / DOUBT**2))
    more = moved + _grown(missed, scale) - enlarged
    return more, trust, enlarged + (1 - FRESH) * more * _grown(trust, scale)


def _grown(picture: Tensor, by: int) -> Tensor:
    return F.interpolate(picture, scale_factor=by, mode="bilinear", align_corners=False)
