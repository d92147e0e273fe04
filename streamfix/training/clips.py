"""Clean clips to train on: made from photographs that a camera passes over, and cut from real footage."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .dataset.dataset import Material
from .planes420 import Planes420, to_planes, to_rgb
from .synthesis.animate import Scenery, animate

Floats: TypeAlias = NDArray[np.float32]

REAL_SHARE = 0.3  # of clips are cut from real footage
_STILLS = 4  # photographs that a synthetic clip is made of


def clean_planes(
    material: Material, rng: np.random.Generator, frames: int, side: int, real_share: float = REAL_SHARE
) -> Planes420:
    """A clean clip in 4:2:0: `frames` pictures of side x side pixels, `side` even.

    material: at least one photograph or one clip. real_share: how many clips are cut from real footage where there is
    footage and there are photographs.
    """
    if _takes_real(material, rng, real_share):
        return real_clip(material, rng, frames, side)
    return to_planes(synthetic_clip(material, rng, frames, side))


def clean_rgb(
    material: Material, rng: np.random.Generator, frames: int, side: int, real_share: float = REAL_SHARE
) -> Floats:
    """As `clean_planes`, but R'G'B' (frames, side, side, 3) in [0, 1]: for a camera that comes before 4:2:0."""
    if _takes_real(material, rng, real_share):
        return to_rgb(real_clip(material, rng, frames, side))
    return synthetic_clip(material, rng, frames, side)


def synthetic_clip(
    material: Material, rng: np.random.Generator, frames: int, side: int, scenery: Scenery | None = None
) -> Floats:
    """R'G'B' (frames, side, side, 3) in [0, 1] that a camera sees as it passes over photographs; see `animate`.

    The material must have photographs; larger ones are drawn more often.
    """
    stills = list(material.stills.values())
    area = np.array([still.size for still in stills], np.float64)  # small ones are many: textures, for the most part
    chosen = rng.choice(len(stills), _STILLS, p=area / area.sum())
    return animate([stills[i] for i in chosen], frames, (side, side), rng, scenery).clip


def real_clip(material: Material, rng: np.random.Generator, frames: int, side: int) -> Planes420:
    """A part of a real clip, (frames, side, side) of luma, at times backwards. The material must have clips.

    A clip that is too short or too small goes on mirrored at its edges.
    """
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


def _takes_real(material: Material, rng: np.random.Generator, share: float) -> bool:
    return bool(material.clips) and (not material.stills or rng.random() < share)


def _mirrored(at: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    period = at % (2 * size)
    return np.where(period < size, period, 2 * size - 1 - period)


def _floats(codes: NDArray[np.uint8]) -> Floats:
    return codes.astype(np.float32) / np.float32(255)
