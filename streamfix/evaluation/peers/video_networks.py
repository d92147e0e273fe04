"""Published video denoising networks as peers: they see R'G'B' and are told the noise."""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from ...filters.restorer import pad_to_multiple
from ..clip import Clip
from ..suites import Degraded
from .base import Axis, PeerError, PeerResult
from .dvdnet import DvdNet
from .fastdvdnet import FastDvdNet

_MULTIPLE = 4


class VideoNetwork(Protocol):
    """What restores a whole clip; see `FastDvdNet.denoise`."""

    def denoise(self, frames: Sequence[Tensor], sigma: float) -> list[Tensor]: ...


class VideoNetworkPeer:
    """One of them.

    Where the noise was added to R'G'B', the network sees that picture as it was, floating point, and is told exactly
    how strong the noise is: its home. Elsewhere it sees the noisy 4:2:0 clip converted, and the strength that it is
    told is tuned.
    """

    kind: Literal["classical", "network"] = "network"
    excerpt: tuple[int, int, int] | None = (7, 320, 180)

    def __init__(self, name: str, network: VideoNetwork, version: str) -> None:
        self.name, self.version = name, version
        self._network = network

    def axes(self, degraded: Degraded) -> list[Axis]:
        if degraded.sigma_rgb is not None:
            return [Axis("sigma", (degraded.sigma_rgb,), 0)]
        return [Axis.around("sigma", 1.2 * max(degraded.sigma_y, 1), most=75, ratio=1.2)]

    def __call__(self, degraded: Degraded, parameters: Mapping[str, float]) -> PeerResult:
        width, height = degraded.noisy.size
        shown = (degraded.rgb_picture(t) for t in range(len(degraded.noisy)))
        frames = [pad_to_multiple(torch.from_numpy(np.ascontiguousarray(p))[None, None], _MULTIPLE)[0] for p in shown]
        began = time.perf_counter()
        with torch.inference_mode():
            channels_last = [x.contiguous(memory_format=torch.channels_last) for x in frames]
            out = self._network.denoise(channels_last, parameters["sigma"] / 255)
        seconds = time.perf_counter() - began
        return PeerResult(Clip.from_rgb([x[0, :, :height, :width].clamp(0, 1).numpy() for x in out]), seconds)


def fast_dvdnet(path: Path) -> VideoNetworkPeer:
    """A network of the FastDVDnet family from its weights file. Raises PeerError."""
    weights, version = _read(path)
    try:
        return VideoNetworkPeer(path.stem, FastDvdNet.from_weights(weights), version)
    except (KeyError, RuntimeError) as e:
        raise PeerError(f"{path}: no weights of the FastDVDnet family: {str(e)[:300]}") from e


def dvdnet(spatial: Path, temporal: Path) -> VideoNetworkPeer:
    """DVDnet from its two weights files. Raises PeerError."""
    (first, first_version), (second, second_version) = _read(spatial), _read(temporal)
    try:
        return VideoNetworkPeer("dvdnet", DvdNet.from_weights(first, second), f"{first_version} {second_version}")
    except (KeyError, RuntimeError) as e:
        raise PeerError(f"{spatial} and {temporal}: no weights of DVDnet: {str(e)[:300]}") from e


def _read(path: Path) -> tuple[dict[str, Tensor], str]:
    """The tensors, by the names they have without `module.` of DataParallel, and what tells this file from another."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        found = torch.load(path, map_location="cpu", weights_only=True)  # never runs what a pickle asks for
    except OSError as e:
        raise PeerError(f"{path}: {e.strerror}") from e
    except (RuntimeError, ValueError, EOFError, KeyError, AttributeError, pickle.UnpicklingError) as e:
        raise PeerError(f"{path} is no file of tensors: {type(e).__name__}: {str(e)[:200]}") from e
    return {k.removeprefix("module."): v for k, v in found.items()}, f"{digest} 1"
