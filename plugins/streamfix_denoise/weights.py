"""The weights that are shipped: where they lie, that they are what they were, and which to take."""

from __future__ import annotations

import hashlib
import logging
from functools import cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read
from torch import nn

from streamfix import ModelError

from .tiers import SIZES, Tier, build

FOLDER = Path(__file__).parent / "weights"
SUMS = "SHA256SUMS"
_PREFERENCE: dict[str, tuple[Tier, ...]] = {"cuda": ("m", "s", "xs"), "cpu": ("s", "xs", "m")}

_log = logging.getLogger(__name__)


def choose(wanted: Tier | str, device: torch.device) -> Tier:
    """The tier to use there. auto: the best for the device that there are weights for. Raises ModelError."""
    there = shipped()
    order = _PREFERENCE["cuda" if device.type == "cuda" else "cpu"]
    for tier in order if wanted == "auto" else tuple(t for t in order if t == wanted):
        if tier in there:
            return tier
    if wanted == "auto":
        raise ModelError(f"denoise: no weights at all in {FOLDER}, or no {SUMS}; install streamfix again")
    recipe = Path(__file__).parent / "recipes" / f"{wanted}.toml"
    raise ModelError(
        f"denoise: no weights of tier {wanted} in {FOLDER}; there are: {', '.join(there) or 'none'}. Train them: "
        f"streamfix train denoise --config {recipe} --data SET.tar --out RUN, "
        f"then put RUN/weights.safetensors there as {wanted}.safetensors, and its sha256 into {SUMS}"
    )


def smallest_tier() -> Tier:
    """The tier of the smallest network that there are weights for; there is always one where `choose` finds any."""
    return min((tier for tier in SIZES if tier in shipped()), key=lambda tier: SIZES[tier].kmac)


def shipped(folder: Path = FOLDER) -> dict[str, str]:
    """Tiers that there are weights of, and the sha256 each file must have."""
    path = folder / SUMS
    if not path.is_file():
        return {}
    lines = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    if not all(len(line) == 2 for line in lines):
        raise ModelError(f"{path}: it is damaged, a line is not `sha256 name`; install streamfix again")
    return {name.removesuffix(".safetensors"): digest for digest, name in lines if name.endswith(".safetensors")}


def load(tier: Tier, folder: Path = FOLDER) -> tuple[nn.Module, str]:
    """The network with its weights, and their hash. Raises ModelError if the file is not the one that was shipped."""
    path = folder / f"{tier}.safetensors"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; install streamfix again") from error
    got, want = hashlib.sha256(data).hexdigest(), shipped(folder).get(tier, "none")
    if got != want:
        raise ModelError(f"{path}: sha256 is {got[:12]}, expected {want[:12]}; install streamfix again")
    network = build(tier)
    try:
        network.load_state_dict(read(data))
    except (SafetensorError, RuntimeError) as error:
        raise ModelError(f"{path}: not the weights of tier {tier}: {error}; install streamfix again") from error
    return network.eval().requires_grad_(False), got


def quantised(tier: Tier, folder: Path = FOLDER) -> Path | None:
    """The int8 graph of the tier's weights, if one was shipped. It knows the weights it was made from."""
    path = folder / f"{tier}.int8"
    return path if path.is_file() else None


@cache
def example() -> torch.Tensor:
    """What the network sees of a picture with detail and noise, (1, 19, 180, 320): for timing."""
    from .correction import seen, sigma_left

    seeded = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 6, 23, 40, generator=seeded)
    clean = nn.functional.interpolate(coarse, (180, 320), mode="bilinear") * 0.6 + 0.2
    variance = torch.rand(1, 1, 180, 320, generator=seeded) * 0.5 + 0.05
    sigma = torch.tensor([[20 / 255, 15 / 255]])
    noise = torch.randn(1, 6, 180, 320, generator=seeded) * 20 / 255
    left = sigma_left(variance, sigma)
    return seen(clean + noise * variance.sqrt(), clean + noise, left, sigma)
