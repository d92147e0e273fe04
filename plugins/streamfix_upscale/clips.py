"""Clips at two sizes: what a camera with more pixels would have recorded, and what was recorded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from streamfix.networks import bicubic_reduced
from streamfix.training import CodecShares, Material, Planes420, add_gaussian, clean_rgb, quantise, to_planes

Floats: TypeAlias = NDArray[np.float32]
Kind: TypeAlias = "Callable[[Material, np.random.Generator, int, int], TwoSizes]"

_CODECS = CodecShares(coded=1.0)
_NOISE = 5.0  # codes, at most, before a codec
_SHARPENED = 2.2  # photographs are as soft as their cameras: by how much they are reduced at most
# How often each stands for the smaller sensor. Cameras take means over their pixels; the literature's stills are
# bicubic. A network has to guess which it was, and a still is told from video by its history: it has none.
_STILLS = {"bicubic": 0.9, "area": 0.1}
_CLIPS = {"bicubic": 0.2, "area": 0.65, "lens": 0.15}


@dataclass(frozen=True, slots=True)
class TwoSizes:
    """low: as recorded. high: the same scene with `scale` times the pixels on a side, without noise or codec."""

    low: Planes420
    high: Planes420


def kinds(scale: int) -> Mapping[str, Kind]:
    """Kinds of degradation for an enlargement, by name.

    still: cut from a photograph, which stands still. bicubic: the same, never reduced otherwise. clean: a clip, nothing
    but reduced. noisy: with a little noise, not coded. coded: with a little noise at times, behind one or two codecs.
    """
    found: dict[str, Callable[..., TwoSizes]] = {"still": _still, "clean": _clean, "noisy": _noisy, "coded": _coded}
    found["bicubic"] = partial(_still, ways={"bicubic": 1.0})
    return {name: partial(kind, scale=scale) for name, kind in found.items()}


def reduced(rgb: Floats, scale: int, how: str, radius: float = 0.0) -> Floats:
    """R'G'B' (T, H, W, 3) at 1 / scale of its size.

    how: bicubic, as MATLAB's imresize (antialiased, a = -0.5); area, the mean over what each pixel covers; lens, the
    same behind a lens whose blur has a standard deviation of `radius` new pixels.
    """
    pictures = torch.from_numpy(rgb).permute(0, 3, 1, 2)
    if how == "bicubic":
        small = bicubic_reduced(pictures, scale)
    else:
        if how == "lens":
            soft = np.stack([cv2.GaussianBlur(picture, (0, 0), radius * scale) for picture in rgb])
            pictures = torch.from_numpy(soft).permute(0, 3, 1, 2)
        small = F.avg_pool2d(pictures, scale)
    return np.ascontiguousarray(small.permute(0, 2, 3, 1).clamp(0, 1).numpy())


def _two(rgb: Floats, rng: np.random.Generator, scale: int, ways: Mapping[str, float] = _CLIPS) -> TwoSizes:
    how = str(rng.choice(list(ways), p=list(ways.values())))
    low = reduced(rgb, scale, how, float(rng.uniform(0.25, 0.6)))
    return TwoSizes(to_planes(low), to_planes(rgb))


def _still(
    material: Material,
    rng: np.random.Generator,
    frames: int,
    side: int,
    scale: int,
    ways: Mapping[str, float] = _STILLS,
) -> TwoSizes:
    """A part of a photograph, reduced at times so that it is sharp to the pixel, which a camera at rest sees.

    Of two parts the one with more detail is taken: sky teaches little.
    """
    taken = round(side * (rng.uniform(1.0, _SHARPENED) if rng.random() < 0.7 else 1.0))
    stills = [still for still in material.stills.values() if min(still.shape[:2]) >= taken]
    if not stills:
        return _clean(material, rng, frames, side, scale)
    area = np.array([still.size for still in stills], np.float64)
    parts = []
    for _ in range(2):
        still = stills[int(rng.choice(len(stills), p=area / area.sum()))]
        top, left = (int(rng.integers(size - taken + 1)) for size in still.shape[:2])
        part = cv2.resize(still[top : top + taken, left : left + taken], (side, side), interpolation=cv2.INTER_AREA)
        parts.append((float(cv2.Laplacian(part, cv2.CV_32F).std()), part))
    part = np.rot90(max(parts, key=lambda found: found[0])[1], int(rng.integers(4)))
    if rng.random() < 0.5:
        part = part[:, ::-1]
    rgb = np.ascontiguousarray(part, np.float32)[None] * np.float32(1 / 255)
    two = _two(rgb, rng, scale, ways)
    return TwoSizes(quantise(_repeated(two.low, frames)), _repeated(two.high, frames))


def _clean(material: Material, rng: np.random.Generator, frames: int, side: int, scale: int) -> TwoSizes:
    two = _two(clean_rgb(material, rng, frames, side), rng, scale)
    return TwoSizes(quantise(two.low), two.high)


def _noisy(material: Material, rng: np.random.Generator, frames: int, side: int, scale: int) -> TwoSizes:
    two = _two(clean_rgb(material, rng, frames, side), rng, scale)
    return TwoSizes(quantise(_grained(two.low, rng)), two.high)


def _coded(material: Material, rng: np.random.Generator, frames: int, side: int, scale: int) -> TwoSizes:
    two = _two(clean_rgb(material, rng, frames, side), rng, scale)
    low = _grained(two.low, rng) if rng.random() < 0.7 else two.low
    coded, _ = _CODECS(quantise(low), rng)
    return TwoSizes(coded, two.high)


def _grained(planes: Planes420, rng: np.random.Generator) -> Planes420:
    sigma = float(rng.uniform(0.5, _NOISE)) / 255
    return add_gaussian(planes, sigma, sigma * float(rng.uniform(0.3, 1.0)), rng)


def _repeated(planes: Planes420, frames: int) -> Planes420:
    return Planes420(np.repeat(planes.y, frames, 0), np.repeat(planes.uv, frames, 0))
