"""Community networks: recognised and built by spandrel from their weights alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from spandrel import ImageModelDescriptor, MaskedImageModelDescriptor, ModelLoader, UnsupportedModelError
from spandrel import canonicalize_state_dict as canonical
from torch import Tensor

from streamfix import ModelError, Network, TorchNetwork

from .weights import read

# What building a network from the wrong weights raises, besides spandrel's own error.
_MISFITS = (KeyError, IndexError, ValueError, TypeError, AttributeError, RuntimeError, AssertionError, ArithmeticError)


def load(path: Path, half: bool | None, sigma: float) -> Network:
    """The network of a weights file.

    half: fp16 on a GPU; None: where spandrel knows that the architecture bears it.
    sigma: noise for the networks that are told it, in 8-bit codes.
    Raises ModelError if the file or its network is of no kind that can run here.
    """
    weights = canonical(read(path))
    try:
        found = ModelLoader().load_from_state_dict(weights)
    except UnsupportedModelError as error:
        first = ", ".join(map(str, list(weights)[:3]))
        raise ModelError(
            f"{path}: spandrel knows no architecture with these weights ({first}, ...); "
            "export the network to .onnx where its code is, then model=net.onnx"
        ) from error
    except _MISFITS as error:
        raise ModelError(
            f"{path}: the weights do not fit the network they look like ({_line(error)}); download it again"
        ) from error
    name = found.architecture.name
    if isinstance(found, MaskedImageModelDescriptor):
        raise ModelError(f"{path}: {name} asks for a mask beside the picture; a video has none to give")
    if found.purpose == "FaceSR":
        raise ModelError(f"{path}: {name} restores cropped faces, not whole pictures; take a general network")
    network = _network(found, half, sigma)
    if network.channels not in (1, 3):
        raise ModelError(f"{path}: {name} takes {network.channels} channels; 1 (luma) or 3 (R, G, B) are needed")
    _try(path, name, network)
    return network


def _network(found: ImageModelDescriptor[Any], half: bool | None, sigma: float) -> TorchNetwork:
    needs = found.size_requirements
    channels, multiple = found.input_channels, needs.multiple_of
    call: Callable[[Tensor], Tensor] = found
    if found.architecture.id in ("DRUNet", "DnCNN") and _first_width(found.model) == found.output_channels + 1:
        # One more plane than pictures have: a map of the noise.
        call = _told(found.model, sigma, packed=channels > 3)
        if channels > 3:  # FFDNet has DnCNN's keys and works on the four sub-pixels of each 2x2 block
            channels, multiple = channels // 4, 2
    return TorchNetwork(
        found.model,
        scale=found.scale,
        channels=channels,
        multiple=multiple,
        minimum=max(1, needs.minimum),
        half=found.supports_half if half is None else half,
        call=call,
    )


def _told(module: Any, sigma: float, packed: bool) -> Callable[[Tensor], Tensor]:
    """The network with its noise map filled in. packed: FFDNet (Zhang et al., 2018, arXiv:1710.04026)."""

    def call(x: Tensor) -> Tensor:
        seen = F.pixel_unshuffle(x, 2) if packed else x
        noise = seen.new_full((len(seen), 1, *seen.shape[-2:]), sigma / 255)
        y: Tensor = module(torch.cat((seen, noise), 1))
        return F.pixel_shuffle(y, 2) if packed else y

    return call


def _first_width(module: torch.nn.Module) -> int:
    """Channels that the network's first convolution takes."""
    return next(int(m.in_channels) for m in module.modules() if isinstance(m, torch.nn.Conv2d))


def _try(path: Path, name: str, network: TorchNetwork) -> None:
    """Run it once on a small picture, and find out whether it takes two at a time."""
    side = max(network.minimum, -(-16 // network.multiple) * network.multiple)
    picture = torch.full((1, network.channels, side, side), 0.5)
    try:
        network(picture)
    except _MISFITS as error:
        raise ModelError(f"{path}: {name} cannot restore a {side}x{side} picture ({_line(error)})") from error
    try:
        network(torch.cat((picture, picture)))
    except _MISFITS:
        network.batched = False


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:160]}"
