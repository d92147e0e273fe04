"""Published networks as peers: image networks through the filter `model`, and video denoisers that see R'G'B'."""

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

from ... import __version__
from ...chainspec import FilterSpec
from ...filters.tensors import pad_to_multiple
from ..clip import Clip
from ..subjects import run_chain
from ..suites import Degraded
from .base import Axis, PeerError, PeerResult
from .dvdnet import DvdNet
from .fastdvdnet import FastDvdNet

_MULTIPLE = 4


class ImageNetworkPeer:
    """An image network that spandrel or ONNX Runtime reads, frame by frame, through the filter `model`.

    A network of 1 channel sees the luma and leaves the chroma, one of 3 sees R'G'B'.

    The noise is told to those that ask for it; a network that was trained for one strength has nothing to tune.
    """

    kind: Literal["classical", "network"] = "network"
    excerpt: tuple[int, int, int] | None = (4, 320, 180)

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise PeerError(f"{path}: there is no such file; name a file of weights")
        self.name = path.stem
        self.version = f"streamfix {__version__} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"
        self._path = path

    def axes(self, degraded: Degraded) -> list[Axis]:
        if degraded.scale > 1:  # what enlarges is told no noise
            return [Axis("sigma", (15.0,), 0)]
        return [Axis.around("sigma", max(degraded.sigma_y, 1), most=75, ratio=1.2)]

    def __call__(self, degraded: Degraded, parameters: Mapping[str, float]) -> PeerResult:
        path = str(self._path).replace("\\", "\\\\").replace("'", "\\'").replace(":", "\\:")
        run = run_chain(
            [FilterSpec("model", f"path={path}:sigma={parameters['sigma']}")], degraded.noisy, scale=degraded.scale
        )
        return PeerResult(run.clip, len(run.clip) / run.fps)


class VideoNetwork(Protocol):
    """What restores a whole clip; see `FastDvdNet.denoise`."""

    def denoise(self, frames: Sequence[Tensor], sigma: float) -> list[Tensor]: ...


class VideoNetworkPeer:
    """A video denoising network.

    Where the noise was added to R'G'B', the network sees that picture as it was, floating point, and is told exactly
    how strong the noise is, as in its training. Elsewhere it sees the noisy 4:2:0 clip converted, and the strength that
    it is told is tuned.
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
    """The tensors, by their names without DataParallel's `module.`, and a version that tells this file from others."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        found = torch.load(path, map_location="cpu", weights_only=True)  # never runs what a pickle asks for
    except OSError as e:
        raise PeerError(f"{path}: {e.strerror}; name a file of weights") from e
    except (RuntimeError, ValueError, EOFError, KeyError, AttributeError, pickle.UnpicklingError) as e:
        raise PeerError(f"{path} is not a file of tensors: {type(e).__name__}: {str(e)[:200]}") from e
    return {k.removeprefix("module."): v for k, v in found.items()}, f"{digest} 1"
