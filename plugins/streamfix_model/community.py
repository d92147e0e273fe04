"""Community networks, which spandrel recognises and builds from their weights alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from spandrel import ImageModelDescriptor, MaskedImageModelDescriptor, ModelLoader, UnsupportedModelError
from spandrel import canonicalize_state_dict as canonical
from torch import Tensor, nn

from streamfix import ModelError, NetworkInfo

from .weights import read

# Raised when a network is built from the wrong weights, besides spandrel's own error.
_MISFITS = (KeyError, IndexError, ValueError, TypeError, AttributeError, RuntimeError, AssertionError, ArithmeticError)


@dataclass(frozen=True, slots=True, eq=False)
class Community:
    """module: from pictures (B, C, H, W) in [0, 1] to pictures. half: whether it tolerates fp16 on a GPU."""

    module: nn.Module
    info: NetworkInfo
    half: bool


def load(path: Path, half: bool | None, sigma: float) -> Community:
    """Load the network of a weights file.

    half: None uses what spandrel knows about the architecture.
    sigma: noise in 8-bit codes, for networks that take it as an input.
    Raises ModelError if the file or its network is of a kind that cannot run here.
    """
    weights = canonical(read(path))
    try:
        found = ModelLoader().load_from_state_dict(weights)
    except UnsupportedModelError as error:
        first = ", ".join(map(str, list(weights)[:3]))
        raise ModelError(
            f"{path}: spandrel knows no architecture with these weights ({first}, ...); "
            "export the network to .onnx with its own code, then use model=net.onnx"
        ) from error
    except _MISFITS as error:
        raise ModelError(
            f"{path}: the weights do not fit the network they look like ({_line(error)}); download it again"
        ) from error
    name = found.architecture.name
    if isinstance(found, MaskedImageModelDescriptor):
        raise ModelError(f"{path}: {name} needs a mask besides the picture; a video has none")
    if found.purpose == "FaceSR":
        raise ModelError(f"{path}: {name} restores cropped faces, not whole pictures; take a general network")
    module, info = _network(found, sigma)
    if info.channels not in (1, 3):
        raise ModelError(f"{path}: {name} takes {info.channels} channels; 1 (luma) or 3 (R, G, B) are needed")
    module.eval().requires_grad_(False)
    info = replace(info, batched=_is_batched(path, name, module, info))
    return Community(module, info, found.supports_half if half is None else half)


def _network(found: ImageModelDescriptor[Any], sigma: float) -> tuple[nn.Module, NetworkInfo]:
    needs = found.size_requirements
    channels, multiple = found.input_channels, needs.multiple_of
    module: nn.Module = _Described(found)
    if found.architecture.id in ("DRUNet", "DnCNN") and _first_width(found.model) == found.output_channels + 1:
        # One more channel than a picture has: a noise map.
        module = _Told(found.model, sigma, packed=channels > 3)
        if channels > 3:  # FFDNet has DnCNN's keys, but works on the four sub-pixels of each 2x2 block
            channels, multiple = channels // 4, 2
    return module, NetworkInfo(found.scale, channels, multiple, minimum=max(1, needs.minimum))


class _Described(nn.Module):
    """A network as spandrel calls it: padded to a valid size, clipped to [0, 1]."""

    def __init__(self, found: ImageModelDescriptor[Any]) -> None:
        super().__init__()
        self.model: nn.Module = found.model  # so that moving or converting this module also moves that of `found`
        self._found = found

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self._found(x)
        return y


class _Told(nn.Module):
    """A network that gets its noise map filled in.

    sigma: in 8-bit codes. packed: works on sub-pixels, like FFDNet (Zhang et al., 2018, arXiv:1710.04026).
    """

    def __init__(self, model: nn.Module, sigma: float, packed: bool) -> None:
        super().__init__()
        self.model, self._sigma, self._packed = model, sigma, packed

    def forward(self, x: Tensor) -> Tensor:
        seen = F.pixel_unshuffle(x, 2) if self._packed else x
        noise = torch.full_like(seen[:, :1], self._sigma / 255)
        y: Tensor = self.model(torch.cat((seen, noise), 1))
        return F.pixel_shuffle(y, 2) if self._packed else y

    def extra_repr(self) -> str:
        return f"sigma={self._sigma}"  # part of the cache key, because an exported graph contains it


def _first_width(module: nn.Module) -> int:
    """Input channels of the network's first convolution."""
    return next(int(m.in_channels) for m in module.modules() if isinstance(m, nn.Conv2d))


def _is_batched(path: Path, name: str, module: nn.Module, info: NetworkInfo) -> bool:
    """Run the network once on a small picture, and find out whether it takes two at a time. Raises ModelError."""
    side = max(info.minimum, -(-16 // info.multiple) * info.multiple)
    picture = torch.full((1, info.channels, side, side), 0.5)
    with torch.inference_mode():
        try:
            module(picture)
        except _MISFITS as error:
            raise ModelError(f"{path}: {name} cannot restore a {side}x{side} picture ({_line(error)})") from error
        try:
            module(torch.cat((picture, picture)))
        except _MISFITS:
            return False
    return True


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:160]}"
