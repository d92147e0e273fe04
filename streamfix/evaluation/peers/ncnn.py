"""Networks of super-resolution that are published for ncnn (SPAN, Real-ESRGAN's compact ones), run by PyTorch.

A .param file lists the layers, a .bin file beside it holds their weights in the same order, as 16-bit or 32-bit floats.
Source: ncnn's wiki, "param and model file structure", and modelbin.cpp.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..clip import Clip
from ..suites import Degraded
from .base import Axis, PeerError, PeerResult

_MAGIC = "7767517"
_HALF = 0x01306B47  # before weights of 16 bits; 0 stands before those of 32

Parameters = Mapping[int, float]
Layer = Callable[[Sequence[Tensor]], Tensor]


@dataclass(frozen=True, slots=True)
class _Step:
    """One layer: names of what it takes and of what it gives (all the same)."""

    run: Layer
    takes: Sequence[str]
    gives: Sequence[str]


class NcnnNetwork:
    """A network from pictures (1, 3, h, w) to pictures (1, 3, H, W), R'G'B' in [0, 1].

    Raises PeerError when a file is missing or damaged, or holds a layer that is not known here.
    """

    def __init__(self, param: Path) -> None:
        weights = param.with_suffix(".bin")
        try:
            lines = param.read_text(encoding="ascii").split("\n")
            self._bytes = weights.read_bytes()
        except OSError as e:
            raise PeerError(f"{e.filename}: {e.strerror}; name a .param file with its .bin beside it") from e
        except UnicodeDecodeError as e:
            raise PeerError(f"{param}: no .param file of ncnn in text form; name the one that is") from e
        if lines[0].strip() != _MAGIC:
            raise PeerError(f"{param}: it does not begin with {_MAGIC}; name a .param file of ncnn in text form")
        self._at, self._where = 0, weights
        self.version = hashlib.sha256(self._bytes).hexdigest()[:16]
        try:
            steps = [self._step(line.split()) for line in lines[2:] if line.strip()]
        except (ValueError, IndexError) as e:
            raise PeerError(f"{param}: {e}; download it and {weights.name} again") from e
        self._input = next((step.gives[0] for step in steps if not step.takes), "data")
        self._steps = [step for step in steps if step.gives[0] != self._input]
        if self._at != len(self._bytes):
            raise PeerError(
                f"{weights}: {len(self._bytes) - self._at} bytes are left over; it belongs to another .param"
            )

    def __call__(self, x: Tensor) -> Tensor:
        held = {self._input: x}
        result = x
        for step in self._steps:
            result = step.run([held[name] for name in step.takes])
            held |= dict.fromkeys(step.gives, result)
        return result

    def _step(self, words: Sequence[str]) -> _Step:
        kind, takes, gives = words[0], int(words[2]), int(words[3])
        names, rest = words[4 : 4 + takes + gives], words[4 + takes + gives :]
        p = {int(k): float(v) for k, v in (word.split("=") for word in rest)}
        if kind not in _LAYERS:
            raise PeerError(f"layer {kind} is not known here; there are: {', '.join(_LAYERS)}")
        try:
            return _Step(_LAYERS[kind](self, p), names[:takes], names[takes:])
        except KeyError as e:
            raise PeerError(f"layer {kind} lacks its value {e.args[0]}, or has one that is not known here") from e

    def plain(self, count: int) -> Tensor:
        """The next `count` weights, as 32-bit floats."""
        return self._floats(count, np.dtype("<f4"))

    def tagged(self, count: int) -> Tensor:
        """The next `count` weights, whose kind is told before them."""
        (tag,) = np.frombuffer(self._take(4), "<u4")
        if tag not in (0, _HALF):
            raise PeerError(f"{self._where}: weights of kind {tag:#x}; only 16 and 32-bit floats are known here")
        found = self._floats(count, np.dtype("<f2" if tag else "<f4"))
        self._at = -(-self._at // 4) * 4
        return found

    def _floats(self, count: int, kind: np.dtype[np.floating]) -> Tensor:
        found: NDArray[np.float32] = np.frombuffer(self._take(count * kind.itemsize), kind).astype(np.float32)
        return torch.from_numpy(found)

    def _take(self, size: int) -> bytes:
        taken = self._bytes[self._at : self._at + size]
        if len(taken) < size:
            raise PeerError(f"{self._where}: it ends {size - len(taken)} bytes early; download it again")
        self._at += size
        return taken


def _input(network: NcnnNetwork, p: Parameters) -> Layer:
    return lambda x: x[0]


def _memory(network: NcnnNetwork, p: Parameters) -> Layer:
    w, h, c = (max(int(p.get(i, 0)), 1) for i in range(3))
    value = network.plain(w * h * c).reshape(1, c, h, w)
    return lambda x: value


def _convolution(network: NcnnNetwork, p: Parameters) -> Layer:
    out, kernel, pad, stride = int(p[0]), int(p[1]), int(p.get(4, 0)), int(p.get(3, 1))
    weight = network.tagged(int(p[6])).reshape(out, -1, kernel, kernel)
    bias = network.plain(out) if p.get(5) else None
    return lambda x: F.conv2d(x[0], weight, bias, stride=stride, padding=pad)


def _prelu(network: NcnnNetwork, p: Parameters) -> Layer:
    slope = network.plain(int(p[0]))
    return lambda x: F.prelu(x[0], slope)


def _binary(network: NcnnNetwork, p: Parameters) -> Layer:
    operation = (torch.add, torch.sub, torch.mul, torch.div)[int(p.get(0, 0))]
    number = torch.tensor(p.get(2, 0.0)) if p.get(1) else None
    return lambda x: operation(x[0], x[1] if number is None else number)


def _interpolation(network: NcnnNetwork, p: Parameters) -> Layer:
    mode = {1: "nearest", 2: "bilinear", 3: "bicubic"}[int(p[0])]
    factors = (p[1], p[2])
    smooth = {} if mode == "nearest" else {"align_corners": False}
    return lambda x: F.interpolate(x[0], scale_factor=factors, mode=mode, **smooth)


_LAYERS: Mapping[str, Callable[[NcnnNetwork, Parameters], Layer]] = {
    "Input": _input,
    "MemoryData": _memory,
    "Convolution": _convolution,
    "PReLU": _prelu,
    "BinaryOp": _binary,
    "Interp": _interpolation,
    "Split": lambda network, p: lambda x: x[0],
    "Swish": lambda network, p: lambda x: F.silu(x[0]),
    "Sigmoid": lambda network, p: lambda x: torch.sigmoid(x[0]),
    "ReLU": lambda network, p: lambda x: F.leaky_relu(x[0], p.get(0, 0.0)),
    "Concat": lambda network, p: lambda x: torch.cat(tuple(x), 1 + int(p.get(0, 0))),
    "PixelShuffle": lambda network, p: lambda x: F.pixel_shuffle(x[0], int(p[0])),
}


class NcnnPeer:
    """Such a network on each frame. It has nothing to be tuned."""

    kind: Literal["classical", "network"] = "network"
    excerpt: tuple[int, int, int] | None = None

    def __init__(self, param: Path) -> None:
        self._network = NcnnNetwork(param)
        self.name = param.stem
        self.version = f"torch {torch.__version__} {self._network.version} 1"

    def axes(self, degraded: Degraded) -> list[Axis]:
        return []

    def __call__(self, degraded: Degraded, parameters: Mapping[str, float]) -> PeerResult:
        began = time.perf_counter()
        pictures = []
        with torch.inference_mode():
            for t in range(len(degraded.noisy)):
                x = torch.from_numpy(np.ascontiguousarray(degraded.rgb_picture(t)))[None]
                pictures.append(self._network(x)[0].clamp(0, 1).numpy())
        seconds = time.perf_counter() - began
        return PeerResult(Clip.from_rgb(pictures), seconds)
