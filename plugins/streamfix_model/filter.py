"""Runs an image network on each frame by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from streamfix import BadOption, Filter, Layout, ModelError, Network, OnnxNetwork, Tiler

_WEIGHTS = (".pth", ".pt", ".ckpt", ".safetensors")


class Model(Filter[None]):
    """Any image network: model=net.pth (also .pt, .ckpt, .safetensors) or model=net.onnx.

    Weights files are recognised by spandrel: restorers (DnCNN, DRUNet, SCUNet,
    NAFNet, SwinIR, ...) and super-resolution of any whole scale (ESRGAN, SPAN,
    Compact, DAT, ...). An ONNX graph takes one float picture (N, C, H, W) in
    [0, 1] and gives one. Networks of 3 channels see R'G'B', networks of 1
    channel the luma, chroma then follows by resampling.

    Each frame is restored by itself, so results may flicker: put `smooth`
    after it. Networks trained with a GAN loss invent detail, which a file does
    not tell: say generative=1, and the result counts as Reconstructed, not as
    Restored; never take it for evidence.

    path: the file. Pickled files are read as tensors only; one that asks for
    anything else is refused, because it could run any program.
    tile: largest side of a tile in pixels, 0 for automatic.
    overlap: of tiles in pixels; default: the network's receptive field, measured.
    half: 16-bit floats on a GPU; default: where the architecture is known to bear it.
    sigma: noise, in 8-bit codes, for networks that are told it (FFDNet, DRUNet, FDnCNN).
    generative: 1 if the network invents detail.
    """

    layout: Layout = "rgb"  # luma, if the network takes one channel

    def __init__(
        self,
        path: str,
        tile: int = 0,
        overlap: int | None = None,
        half: bool | None = None,
        sigma: float = 15.0,
        generative: bool = False,
    ) -> None:
        if tile < 0 or 0 < tile < 32:
            raise BadOption(f"model: tile={tile}: 0 for automatic, or at least 32 pixels")
        if overlap is not None and overlap < 0:
            raise BadOption(f"model: overlap={overlap}: at least 0 pixels")
        if not 0 <= sigma <= 255:
            raise BadOption(f"model: sigma={sigma:g}: 0 to 255, in 8-bit codes")
        self.network = _open(Path(path).expanduser(), half, sigma)
        self.scale = self.network.scale
        self.layout = "luma" if self.network.channels == 1 else "rgb"
        self.generative = generative
        self._tiler = Tiler(self.network, tile, overlap)

    def to(self, device: torch.device) -> None:
        self.network.to(device)

    def __call__(self, x: Tensor, states: Sequence[None]) -> Tensor:
        return self._tiler(x[:, 0])[:, None]


def _open(path: Path, half: bool | None, sigma: float) -> Network:
    if not path.is_file():
        raise ModelError(f"{path}: {'is a directory, not a file' if path.is_dir() else 'there is no such file'}")
    kind = path.suffix.lower()
    if kind == ".onnx":
        return OnnxNetwork(path)
    if kind in _WEIGHTS:
        from .community import load  # spandrel takes seconds to import

        return load(path, half, sigma)
    raise ModelError(f"{path}: {kind or 'no suffix'} is no known kind of file; there are: {', '.join(_WEIGHTS)}, .onnx")
