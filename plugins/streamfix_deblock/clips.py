"""Coded clips and what they were before: clean or noisy footage, cameras, and what was coded well or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from streamfix.training import (
    CodecShares,
    Coding,
    Material,
    Planes420,
    Surveillance,
    add_gaussian,
    clean_planes,
    clean_rgb,
    code_clip,
    degrade_surveillance,
    quantise,
)

Floats: TypeAlias = NDArray[np.float32]
_Clean: TypeAlias = Callable[[Material, np.random.Generator, int, int], Planes420]

_BLACK, _NEUTRAL = np.float32(16 / 255), np.float32(128 / 255)
_CODECS = CodecShares(coded=1.0)
_CAMERAS = Surveillance(exposure=(0.2, 1.0), shot=(1e-4, 0.004), weather=0.1, codec=_CODECS, target="developed")
_SMEARED = 10.0  # most noise, codes, that goes together with the artifacts of a strong codec
_SMEARS = 26  # crf from which a codec smears noise rather than keeps it
_GRAIN = 4.0  # most grain, codes, that counts as the picture's own where it was coded well


@dataclass(frozen=True, slots=True)
class CodedClip:
    """A clip behind a codec, and what `deblock` should make of it."""

    coded: Planes420
    clean: Planes420


def _looking(material: Material, rng: np.random.Generator, frames: int, side: int) -> Planes420:
    """A clean clip as cameras make them look: soft, enlarged, sharpened or of low contrast at times."""
    return look(clean_planes(material, rng, frames, side), rng)


def look(clean: Planes420, rng: np.random.Generator) -> Planes420:
    """The clip as cameras make them look; the codec comes later, and softness of its own is none of its artifacts."""
    if rng.random() < 0.12:
        by = float(rng.uniform(1.3, 2.2))
        clean = _each_plane(clean, lambda plane: _enlarged(plane, by))
    if rng.random() < 0.3:
        radius = float(rng.uniform(0.4, 1.6))
        clean = _each_plane(clean, lambda plane: cv2.GaussianBlur(plane, (0, 0), radius))
    if rng.random() < 0.2:
        amount, radius = float(rng.uniform(0.2, 1.0)), float(rng.uniform(0.6, 1.5))
        clean = Planes420(np.stack([y + amount * (y - cv2.GaussianBlur(y, (0, 0), radius)) for y in clean.y]), clean.uv)
    if rng.random() < 0.25:
        contrast = np.float32(rng.uniform(0.4, 1.0))
        clean = Planes420(_BLACK + (clean.y - _BLACK) * contrast, _NEUTRAL + (clean.uv - _NEUTRAL) * contrast)
    return clean


def _each_plane(planes: Planes420, work: Callable[[Floats], Any]) -> Planes420:
    return Planes420(
        np.stack([np.asarray(work(y), np.float32) for y in planes.y]),
        np.stack([np.asarray(work(uv), np.float32) for uv in planes.uv]),
    )


def _enlarged(plane: Floats, by: float) -> Any:
    height, width = plane.shape[:2]
    small = cv2.resize(plane, (round(width / by), round(height / by)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def _grained(clean: Planes420, rng: np.random.Generator, most: float) -> Planes420:
    luma = rng.uniform(0, most) / 255
    return add_gaussian(clean, luma, luma * rng.uniform(0.3, 1.0), rng)


def _coded(
    material: Material, rng: np.random.Generator, frames: int, side: int, base: _Clean = clean_planes
) -> CodedClip:
    """A clean clip behind one or two codecs: see `CodecShares`."""
    clean = base(material, rng, frames, side)
    coded, _ = _CODECS(quantise(clean), rng)
    return CodedClip(coded, clean)


def _noisy(
    material: Material, rng: np.random.Generator, frames: int, side: int, base: _Clean = clean_planes
) -> CodedClip:
    """White noise that a codec has lost or smeared; what is left of it should go as well."""
    clean = base(material, rng, frames, side)
    shares = replace(_CODECS, rate=0.0)
    while True:
        coded, done = shares(quantise(_grained(clean, rng, _SMEARED)), rng)
        if done[-1]["codec"] not in ("libx264", "libx265") or done[-1]["quality"] >= _SMEARS:
            return CodedClip(coded, clean)


def _camera(material: Material, rng: np.random.Generator, frames: int, side: int) -> CodedClip:
    """A camera's sensor and processing, and a codec: see `degrade_surveillance`."""
    made = degrade_surveillance(clean_rgb(material, rng, frames, side), rng, _CAMERAS)
    return CodedClip(made.noisy, made.clean)


def _light(material: Material, rng: np.random.Generator, frames: int, side: int) -> CodedClip:
    """Coded well: next to nothing is to be done, and grain is the picture's own."""
    clean = _looking(material, rng, frames, side)
    if rng.random() < 0.4:
        clean = _grained(clean, rng, _GRAIN)
    h265, quality = rng.random() < 0.25, round(rng.uniform(8, 23), 1)
    coding = Coding("libx265", quality, preset="ultrafast") if h265 else Coding("libx264", quality)
    return CodedClip(code_clip(quantise(clean), coding).planes, clean)


def _clean(material: Material, rng: np.random.Generator, frames: int, side: int) -> CodedClip:
    """Not coded, with grain at times: nothing is to be done."""
    clean = _looking(material, rng, frames, side)
    if rng.random() < 0.5:
        clean = _grained(clean, rng, _GRAIN)
    clean = quantise(clean)
    return CodedClip(clean, clean)


#: What the restorer learns from. Softness is in what should stay as it is alone: it learns less where clips are soft.
KINDS: Mapping[str, Callable[[Material, np.random.Generator, int, int], CodedClip]] = {
    "coded": _coded,
    "noisy": _noisy,
    "camera": _camera,
    "light": _light,
    "clean": _clean,
}

#: What the levels are learnt from: softness is no artifact, wherever it is.
LEVEL_KINDS: Mapping[str, Callable[[Material, np.random.Generator, int, int], CodedClip]] = {
    **KINDS,
    "coded": partial(_coded, base=_looking),
    "noisy": partial(_noisy, base=_looking),
}
