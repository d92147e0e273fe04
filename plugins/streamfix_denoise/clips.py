"""Noisy clips and their clean originals: from photographs that a simulated camera moves over, and from real footage."""

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

# The target is what the camera would record without noise: undoing its sharpening or demosaicking is not denoising.
_CAMERAS = Surveillance(target="developed")
_CODECS = CodecShares(coded=1.0)
# Cameras attached directly, read before any encoder: no codec, and lighting that suits them.
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
    """A noisy clip and its clean original. told: the noise given to the filter; None lets it measure."""

    noisy: Planes420
    clean: Planes420
    told: Noise | None


def _sigma(rng: np.random.Generator) -> float:
    """A standard deviation of 1.5 to 55 codes, in [0, 1] units; at least half of the draws are from 5 to 30."""
    codes = rng.uniform(5, 30) if rng.random() < 0.5 else np.exp(rng.uniform(np.log(1.5), np.log(55)))
    return float(codes) / 255


def _told(noise: Noise, rng: np.random.Generator) -> Noise | None:
    """What a user or a measurement would say about the noise: about right, off by a third, or nothing."""
    draw = rng.random()
    if draw < 0.25:
        return None
    spread = (0.93, 1.07) if draw < 0.65 else (0.7, 1.4)
    return Noise(noise.luma * rng.uniform(*spread), noise.chroma * rng.uniform(*spread))


def _gaussian(material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    """White noise on the planes; chroma noise as strong as luma noise or weaker."""
    clean = clean_planes(material, rng, frames, side)
    luma = _sigma(rng)
    noise = Noise(luma, luma * (1.0 if rng.random() < 0.6 else rng.uniform(0.3, 1.0)))
    noisy = quantise(add_gaussian(clean, noise.luma, noise.chroma, rng))
    return NoisyClip(noisy, clean, _told(noise, rng))


def _gaussian_rgb(material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    """White noise on R'G'B', before 4:2:0: chroma gets about half as much as luma."""
    rgb = clean_rgb(material, rng, frames, side)
    clean = to_planes(rgb)
    noisy = quantise(to_planes(add_gaussian_rgb(rgb, _sigma(rng), rng)))
    return NoisyClip(noisy, clean, _told(_measured(noisy, clean), rng))


def _surveillance(material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    """Sensor noise, processed by its camera and usually by a codec: see `degrade_surveillance`."""
    return _recorded(_CAMERAS, material, rng, frames, side)


def _sensor(material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    """Sensor noise, processed by its camera and nothing else."""
    return _recorded(_PLUGGED_IN, material, rng, frames, side)


def _recorded(shares: Surveillance, material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    made = degrade_surveillance(clean_rgb(material, rng, frames, side), rng, shares)
    return NoisyClip(made.noisy, made.clean, _mostly_blind(made.noisy, made.clean, rng))


def _coded(material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    """White noise, part of which a codec has then removed or smeared."""
    clean = clean_planes(material, rng, frames, side)
    luma = rng.uniform(2, 22) / 255
    noisy, _ = _CODECS(quantise(add_gaussian(clean, luma, luma * rng.uniform(0.4, 1.0), rng)), rng)
    return NoisyClip(noisy, clean, _mostly_blind(noisy, clean, rng))


def _mostly_blind(noisy: Planes420, clean: Planes420, rng: np.random.Generator) -> Noise | None:
    """After a camera's processing and a codec, the noise is seldom known."""
    return _told(_measured(noisy, clean), rng) if rng.random() < 0.3 else None


def _clean(material: Material, rng: np.random.Generator, frames: int, side: int) -> NoisyClip:
    """A clean clip as recorded: there is nothing to do."""
    clean = quantise(clean_planes(material, rng, frames, side))
    return NoisyClip(clean, clean, None if rng.random() < 0.7 else Noise(0.5 / 255, 0.5 / 255))


def _measured(noisy: Planes420, clean: Planes420) -> Noise:
    """Standard deviations of the difference between the two."""
    return Noise(float(np.std(noisy.y - clean.y)), float(np.std(noisy.uv - clean.uv)))


KINDS: Mapping[str, Callable[[Material, np.random.Generator, int, int], NoisyClip]] = {
    "gaussian": _gaussian,
    "gaussian_rgb": _gaussian_rgb,
    "sensor": _sensor,
    "surveillance": _surveillance,
    "coded": _coded,
    "clean": _clean,
}
