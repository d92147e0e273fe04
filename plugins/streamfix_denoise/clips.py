"""NoisyClip clips and their clean originals: from photographs that a camera passes over, and from real clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from streamfix.fusion import Noise
from streamfix.training import (
    CodecShares,
    Material,
    Planes420,
    Surveillance,
    add_gaussian,
    add_gaussian_rgb,
    clean_planes,
    clean_rgb,
    degrade_surveillance,
    quantise,
    to_planes,
)

# What the camera would have recorded without noise: its sharpening and its demosaicking are not a denoiser's to undo.
_CAMERAS = Surveillance(target="developed")
_CODECS = CodecShares(coded=1.0)
# Cameras that are plugged in, and what reads them before an encoder does: no codec, in light that suits them.
_PLUGGED_IN = Surveillance(
    exposure=(0.2, 1.0),
    sharpen=0.3,
    soft_chroma=0.1,
    smear=0.1,
    infrared=0.15,
    weather=0.05,
    overlay=0.0,
    codec=CodecShares(coded=0.0),
    target="developed",
)


@dataclass(frozen=True, slots=True)
class NoisyClip:
    """A noisy clip and its clean original. told: the noise that the filter is told of; None lets it measure."""

    noisy: Planes420
    clean: Planes420
    told: Noise | None


def _sigma(rng: np.random.Generator) -> float:
    """A standard deviation from 1.5 to 55 codes, in [0, 1] units; half of them from 5 to 30."""
    codes = rng.uniform(5, 30) if rng.random() < 0.5 else np.exp(rng.uniform(np.log(1.5), np.log(55)))
    return float(codes) / 255


def _told(noise: Noise, rng: np.random.Generator) -> Noise | None:
    """What a user or a measurement would say of the noise: right, off by a third, or nothing."""
    draw = rng.random()
    if draw < 0.25:
        return None
    spread = (0.93, 1.07) if draw < 0.65 else (0.7, 1.4)
    return Noise(noise.luma * rng.uniform(*spread), noise.chroma * rng.uniform(*spread))


def _gaussian(material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    """White noise of the planes, chroma's as strong as luma's or weaker."""
    clean = clean_planes(material, rng, frames, side)
    luma = _sigma(rng)
    noise = Noise(luma, luma * (1.0 if rng.random() < 0.6 else rng.uniform(0.3, 1.0)))
    noisy = quantise(add_gaussian(clean, noise.luma, noise.chroma, rng))
    return NoisyClip(noisy, clean, _told(noise, rng))


def _gaussian_rgb(material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    """White noise of R'G'B', before 4:2:0: chroma has about half as much as luma."""
    rgb = clean_rgb(material, rng, frames, side)
    clean = to_planes(rgb)
    noisy = quantise(to_planes(add_gaussian_rgb(rgb, _sigma(rng), rng)))
    return NoisyClip(noisy, clean, _told(_measured(noisy, clean), rng))


def _surveillance(material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    """A sensor's noise through its camera's processing, and most often a codec: see `degrade_surveillance`."""
    return _recorded(_CAMERAS, material, rng, frames, side)


def _sensor(material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    """A sensor's noise through its camera's processing, and nothing after it."""
    return _recorded(_PLUGGED_IN, material, rng, frames, side)


def _recorded(shares: Surveillance, material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    made = degrade_surveillance(clean_rgb(material, rng, frames, side), rng, shares)
    return NoisyClip(made.noisy, made.clean, _mostly_blind(made.noisy, made.clean, rng))


def _coded(material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    """White noise, and then a codec that has lost or smeared a part of it."""
    clean = clean_planes(material, rng, frames, side)
    luma = rng.uniform(2, 22) / 255
    noisy, _ = _CODECS(quantise(add_gaussian(clean, luma, luma * rng.uniform(0.4, 1.0), rng)), rng)
    return NoisyClip(noisy, clean, _mostly_blind(noisy, clean, rng))


def _mostly_blind(noisy: Planes420, clean: Planes420, rng: np.random.Generator) -> Noise | None:
    """Behind a camera's processing and a codec the noise is seldom known."""
    return _told(_measured(noisy, clean), rng) if rng.random() < 0.3 else None


def _clean(material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    """A clean clip, as recorded: there is nothing to do."""
    clean = quantise(clean_planes(material, rng, frames, side))
    return NoisyClip(clean, clean, None if rng.random() < 0.7 else Noise(0.5 / 255, 0.5 / 255))


def _measured(noisy: Planes420, clean: Planes420) -> Noise:
    """Standard deviations of the difference."""
    return Noise(float(np.std(noisy.y - clean.y)), float(np.std(noisy.uv - clean.uv)))


KINDS: Mapping[str, Callable[[Material, np.random.Generator, int, int], NoisyClip]] = {
    "gaussian": _gaussian,
    "gaussian_rgb": _gaussian_rgb,
    "sensor": _sensor,
    "surveillance": _surveillance,
    "coded": _coded,
    "clean": _clean,
}
