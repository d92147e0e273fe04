"""Degraded clips and their clean originals: from photographs that a camera passes over, and from real clips."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamfix import UsageError
from streamfix.fusion import Noise
from streamfix.training.dataset.dataset import Decoded
from streamfix.training.degradations import gaussian, surveillance
from streamfix.training.planes420 import Planes420, quantise, to_planes, to_rgb
from streamfix.training.synthesis.animate import animate

_REAL = 0.3  # the share of clips that are cut from real ones
_STILLS = 4  # photographs that a synthetic clip is made of
# What the camera would have recorded without noise: its sharpening and its demosaicking are not a denoiser's to undo.
_CAMERAS = surveillance.Surveillance(target="developed")
_CODECS = surveillance.CodecShares(coded=1.0)
# Cameras that are plugged in, and what reads them before an encoder does: no codec, in light that suits them.
_PLUGGED_IN = surveillance.Surveillance(
    exposure=(0.2, 1.0),
    sharpen=0.3,
    soft_chroma=0.1,
    smear=0.1,
    infrared=0.15,
    weather=0.05,
    overlay=0.0,
    codec=surveillance.CodecShares(coded=0.0),
    target="developed",
)


@dataclass(frozen=True, slots=True)
class Degraded:
    """told: the noise that the filter is told of; None leaves it to measure."""

    noisy: Planes420
    clean: Planes420
    told: Noise | None


def make(kind: str, material: Decoded, rng: np.random.Generator, frames: int, side: int) -> Degraded:
    """A clip of `frames` pictures of side x side pixels. kind: one of `KINDS`."""
    return KINDS[kind](material, rng, frames, side)


def check(mix: Mapping[str, float]) -> Mapping[str, float]:
    """The mix, if it names kinds that there are and any of them is wanted. Raises UsageError."""
    for name in mix:
        if name not in KINDS:
            near = difflib.get_close_matches(name, KINDS, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise UsageError(f"denoise recipe: no kind of degradation {name!r}{hint}; there are: {', '.join(KINDS)}")
    if not sum(mix.values()) > 0 or min(mix.values()) < 0:
        raise UsageError(f"denoise recipe: mix {dict(mix)}: shares are positive")
    return mix


def clean_planes(material: Decoded, rng: np.random.Generator, frames: int, side: int) -> Planes420:
    """A clean clip in 4:2:0."""
    if material.clips and (not material.stills or rng.random() < _REAL):
        return _real(material, rng, frames, side)
    return to_planes(_synthetic(material, rng, frames, side))


def _clean_rgb(material: Decoded, rng: np.random.Generator, frames: int, side: int) -> NDArray[np.float32]:
    if material.clips and (not material.stills or rng.random() < _REAL):
        return to_rgb(_real(material, rng, frames, side))
    return _synthetic(material, rng, frames, side)


def _synthetic(material: Decoded, rng: np.random.Generator, frames: int, side: int) -> NDArray[np.float32]:
    stills = list(material.stills.values())
    area = np.array([still.size for still in stills], np.float64)  # small ones are many: textures, for the most part
    chosen = rng.choice(len(stills), _STILLS, p=area / area.sum())
    return animate([stills[i] for i in chosen], frames, (side, side), rng).clip


def _real(material: Decoded, rng: np.random.Generator, frames: int, side: int) -> Planes420:
    """A part of a real clip, at times backwards; a short or small one is taken as a mirror continues it."""
    clips = list(material.clips.values())
    clip = clips[int(rng.integers(len(clips)))]
    count, height, width = clip.y.shape
    first = int(rng.integers(max(count - frames, 0) + 1))
    times = _mirrored(np.arange(first, first + frames), count)
    if rng.random() < 0.5:
        times = times[::-1]
    top, left = (2 * int(rng.integers(max(size - side, 0) // 2 + 1)) for size in (height, width))
    rows, columns = _mirrored(np.arange(top, top + side), height), _mirrored(np.arange(left, left + side), width)
    half_rows, half_columns = rows[::2] // 2, columns[::2] // 2
    uv = np.stack([plane[np.ix_(times, half_rows, half_columns)] for plane in (clip.u, clip.v)], -1)
    return Planes420(_floats(clip.y[np.ix_(times, rows, columns)]), _floats(uv))


def _mirrored(at: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    period = at % (2 * size)
    return np.where(period < size, period, 2 * size - 1 - period)


def _floats(codes: NDArray[np.uint8]) -> NDArray[np.float32]:
    return codes.astype(np.float32) / np.float32(255)


def _sigma(rng: np.random.Generator) -> float:
    """A standard deviation from 1.5 to 55 codes, in [0, 1] units; half of them from 5 to 30."""
    codes = rng.uniform(5, 30) if rng.random() < 0.5 else np.exp(rng.uniform(np.log(1.5), np.log(55)))
    return float(codes) / 255


def _told(noise: Noise, rng: np.random.Generator) -> Noise | None:
    """What a user or a measurement would say of it: right, off by a third, or nothing."""
    draw = rng.random()
    if draw < 0.25:
        return None
    spread = (0.93, 1.07) if draw < 0.65 else (0.7, 1.4)
    return Noise(noise.luma * rng.uniform(*spread), noise.chroma * rng.uniform(*spread))


def _gaussian(material: Decoded, rng: np.random.Generator, frames: int, side: int) -> Degraded:
    """White noise of the planes, chroma's as strong as luma's or weaker."""
    clean = clean_planes(material, rng, frames, side)
    luma = _sigma(rng)
    noise = Noise(luma, luma * (1.0 if rng.random() < 0.6 else rng.uniform(0.3, 1.0)))
    noisy = quantise(gaussian.of_planes(clean, noise.luma, noise.chroma, rng))
    return Degraded(noisy, clean, _told(noise, rng))


def _gaussian_rgb(material: Decoded, rng: np.random.Generator, frames: int, side: int) -> Degraded:
    """White noise of R'G'B', before 4:2:0: chroma has about half as much as luma."""
    rgb = _clean_rgb(material, rng, frames, side)
    clean = to_planes(rgb)
    noisy = quantise(to_planes(gaussian.of_rgb(rgb, _sigma(rng), rng)))
    return Degraded(noisy, clean, _told(_measured(noisy, clean), rng))


def _surveillance(material: Decoded, rng: np.random.Generator, frames: int, side: int) -> Degraded:
    """A sensor's noise through its camera's processing, and most often a codec: see `degradations.surveillance`."""
    return _recorded(_CAMERAS, material, rng, frames, side)


def _sensor(material: Decoded, rng: np.random.Generator, frames: int, side: int) -> Degraded:
    """A sensor's noise through its camera's processing, and nothing after it."""
    return _recorded(_PLUGGED_IN, material, rng, frames, side)


def _recorded(
    shares: surveillance.Surveillance, material: Decoded, rng: np.random.Generator, frames: int, side: int
) -> Degraded:
    made = surveillance.degrade(_clean_rgb(material, rng, frames, side), rng, shares)
    return Degraded(made.noisy, made.clean, _mostly_blind(made.noisy, made.clean, rng))


def _coded(material: Decoded, rng: np.random.Generator, frames: int, side: int) -> Degraded:
    """White noise, and then a codec that has lost or smeared a part of it."""
    clean = clean_planes(material, rng, frames, side)
    luma = rng.uniform(2, 22) / 255
    noisy, _ = _CODECS(quantise(gaussian.of_planes(clean, luma, luma * rng.uniform(0.4, 1.0), rng)), rng)
    return Degraded(noisy, clean, _mostly_blind(noisy, clean, rng))


def _mostly_blind(noisy: Planes420, clean: Planes420, rng: np.random.Generator) -> Noise | None:
    """Behind a camera's processing and a codec the noise is seldom known."""
    return _told(_measured(noisy, clean), rng) if rng.random() < 0.3 else None


def _clean(material: Decoded, rng: np.random.Generator, frames: int, side: int) -> Degraded:
    """Nothing to do: as recorded."""
    clean = quantise(clean_planes(material, rng, frames, side))
    return Degraded(clean, clean, None if rng.random() < 0.7 else Noise(0.5 / 255, 0.5 / 255))


def _measured(noisy: Planes420, clean: Planes420) -> Noise:
    """Standard deviations of the difference."""
    return Noise(float(np.std(noisy.y - clean.y)), float(np.std(noisy.uv - clean.uv)))


KINDS: dict[str, Callable[[Decoded, np.random.Generator, int, int], Degraded]] = {
    "gaussian": _gaussian,
    "gaussian_rgb": _gaussian_rgb,
    "sensor": _sensor,
    "surveillance": _surveillance,
    "coded": _coded,
    "clean": _clean,
}
