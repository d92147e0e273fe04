"""Runs an image network on each frame separately."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from streamfix import (
    BackendName,
    BadOption,
    Filter,
    Layout,
    ModelError,
    NetworkInfo,
    Runner,
    Tiler,
    check_backend,
    graph_info,
    open_runner,
)

_EXAMPLE = (96, 128)  # least height and width of the picture on which backends and precisions are timed
_WEIGHTS = (".pth", ".pt", ".ckpt", ".safetensors")


class Model(Filter[None]):
    """Any image network: model=net.pth (also .pt, .ckpt, .safetensors) or model=net.onnx.

    Weights files are recognised by spandrel: restoration (DnCNN, DRUNet, SCUNet,
    NAFNet, SwinIR, ...) and super-resolution by any whole factor (ESRGAN, SPAN,
    Compact, DAT, ...). An ONNX graph must take one float picture (N, C, H, W) in
    [0, 1] and return one. Networks with 3 channels get R'G'B'. Networks with 1
    channel get the luma, and chroma is resampled to match.

    Each frame is restored separately, so results may flicker: put `smooth` after
    it. Networks trained with a GAN loss invent detail, and the file does not say
    so: set generative=1 for them. Results then count as Reconstructed, not as
    Restored; never use them as evidence.

    path: the file. From pickled files only tensors are read; a file that asks for
    anything else is refused, because it could run any program.
    tile: largest side of a tile in pixels; 0 for automatic.
    overlap: overlap of tiles in pixels; default: the network's receptive field, which is measured.
    half: 16-bit floats on a GPU; default: if the architecture is known to tolerate it.
    sigma: noise in 8-bit codes, for networks that take it as an input (FFDNet, DRUNet, FDnCNN).
    generative: 1 if the network invents detail.
    backend: how the network runs: torch, openvino, onnx, or another that is installed; auto: on a CPU the fastest here,
    as measured, of those whose pictures agree to half a 10-bit code.
    precision: fp32, bf16 or int8; auto: the fastest here at practically the same quality. int8 needs a network that was
    made with it.
    """

    layout: Layout = "rgb"  # luma if the network takes one channel
    thread_safe = True
    two_parts = True  # the second is all of it: frames are converted meanwhile
    ends_apart = True

    def __init__(
        self,
        path: str,
        tile: int = 0,
        overlap: int | None = None,
        half: bool | None = None,
        sigma: float = 15.0,
        generative: bool = False,
        backend: BackendName = "auto",
        precision: Literal["auto", "fp32", "bf16", "int8"] = "auto",
    ) -> None:
        if tile < 0 or 0 < tile < 32:
            raise BadOption(f"model: tile={tile}: 0 for automatic, or at least 32 pixels")
        if overlap is not None and overlap < 0:
            raise BadOption(f"model: overlap={overlap}: at least 0 pixels")
        if not 0 <= sigma <= 255:
            raise BadOption(f"model: sigma={sigma:g}: 0 to 255, in 8-bit codes")
        if half and precision != "auto":
            raise BadOption(f"model: half=1 and precision={precision} are two precisions; give one of them")
        check_backend("model", backend)
        self._backend: str = backend
        self._precision: Literal["auto", "fp32", "bf16", "int8"] = precision
        self._path = Path(path).expanduser()
        self._network, self.info, self._half = _load(self._path, half, sigma)
        self.scale = self.info.scale
        self.layout = "luma" if self.info.channels == 1 else "rgb"
        self.generative = generative
        self._tiler = Tiler(self._run, self.info, tile, overlap)
        self._runner: Runner | None = None
        self._opening = threading.Lock()

    @property
    def runs_on(self) -> str:
        """Backend and precision, such as "openvino fp32"; empty until the network is open."""
        return "" if self._runner is None else self._runner.name

    def to(self, device: torch.device) -> None:
        self.close()
        self._runner = open_runner(
            self._network,
            self._example().to(device),
            key=hashlib.sha256(self._path.read_bytes()).hexdigest(),
            backend=self._backend,
            precision=self._precision,
            half=self._half,
            foreign=True,
        )

    def close(self) -> None:
        if self._runner is not None:
            self._runner.close()
        self._runner = None

    def resolved(self) -> Mapping[str, str]:
        backend, _, precision = self.runs_on.rpartition(" ")
        opened = {"backend": backend, "precision": precision} if backend else {}
        return {"weights": hashlib.sha256(self._path.read_bytes()).hexdigest(), **opened}

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return self._tiler(x[:, 0])[:, None]

    def _run(self, x: Tensor) -> Tensor:
        with self._opening:
            if self._runner is None:
                self.to(x.device)
            runner = self._runner
        assert runner is not None
        return runner(x)

    def _example(self) -> Tensor:
        """A picture with detail, of a size the network takes: (1, C, h, w) in [0, 1], with h and w different."""
        info = self.info
        size = [-(-max(side, info.minimum) // info.multiple) * info.multiple for side in _EXAMPLE]
        if size[0] == size[1]:
            size[1] += info.multiple
        seeded = torch.Generator().manual_seed(1)
        coarse = torch.rand(1, info.channels, 9, 13, generator=seeded)
        smooth = nn.functional.interpolate(coarse, info.fixed_size or size, mode="bicubic")
        return (0.8 * smooth + 0.2 * torch.rand(smooth.shape, generator=seeded)).clamp(0, 1)


def _load(path: Path, half: bool | None, sigma: float) -> tuple[nn.Module | Path, NetworkInfo, bool]:
    """The network or the path of its graph, what it takes and returns, and whether it may run in fp16 on a GPU."""
    if not path.is_file():
        raise ModelError(f"{path}: {'is a directory, not a file' if path.is_dir() else 'there is no such file'}")
    kind = path.suffix.lower()
    if kind == ".onnx":
        return path, graph_info(path), False
    if kind in _WEIGHTS:
        from .community import load  # spandrel takes seconds to import

        found = load(path, half, sigma)
        return found.module, found.info, found.half
    raise ModelError(f"{path}: {kind or 'no suffix'} is no known kind of file; there are: {', '.join(_WEIGHTS)}, .onnx")
