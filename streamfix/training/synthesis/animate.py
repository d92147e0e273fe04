"""Clips from still photographs, with exact optical flow and occlusion.

A camera path over a background photograph, and up to five moving layers in front of it, composited in order.
Everything is a homography of a texture, so the flow between two frames is known to the rounding of a float.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .camera_path import CameraMix, Doubles, camera_path, translation
from .compositing import composite, expose, truth, warp
from .layers import Bytes, Layer, area_prefilter, mover

Floats: TypeAlias = NDArray[np.float32]
Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Moving:
    """A clip and the truth about its motion.

    clip: (T, h, w, 3) float32 R'G'B' in [0, 1].
    flow: (T-1, h, w, 2) float32, pixels, x first: frame t at p shows what frame t-1 shows at p + flow[t-1][p].
    visible: (T-1, h, w) False where that is hidden or out of frame in t-1, or where p mixes two motions.
    cut: first frame of a second scene, 0 if there is none; flow is zero and nothing is visible across it.
    """

    clip: Floats
    flow: Floats
    visible: Bools
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Scenery:
    """What clips look like.

    camera: shares of the kinds of camera motion. movers: chance of 0, 1, ... moving layers.
    supersample: moments averaged in linear light for one frame, 1 for no motion blur.
    step: frames of time from one picture to the next: 1/8 makes eight moments of a frame, for a shutter that is applied
    later. shutter: part of a picture's time that it is exposed.
    flicker, cut: chance of an exposure change, of a second scene.
    """

    camera: CameraMix = field(default_factory=CameraMix)
    movers: tuple[float, ...] = (0.15, 0.25, 0.22, 0.18, 0.12, 0.08)
    supersample: int = 1
    step: float = 1.0
    shutter: float = 0.5
    flicker: float = 0.0
    cut: float = 0.0


def animate(
    stills: Sequence[Bytes],
    frames: int,
    size: tuple[int, int],
    rng: np.random.Generator,
    scenery: Scenery | None = None,
) -> Moving:
    """Make a clip of `frames` pictures of `size` (height, width) from photographs.

    stills: (H, W, 3) uint8 R'G'B', best 2 to 6 times as large as `size`; smaller ones are continued mirrored.
    The background is one of them, sampled at 1 to 2 of its pixels to an output pixel behind an area prefilter.
    Raises ValueError where there are no stills or no frames.
    """
    scenery = scenery or Scenery()
    if not stills or frames < 1:
        raise ValueError(f"a clip needs stills and frames, got {len(stills)} and {frames}")
    cut = int(rng.integers(1, frames)) if frames > 1 and rng.random() < scenery.cut else 0
    parts = [_scene(stills, n, size, rng, scenery) for n in ((cut, frames - cut) if cut else (frames,))]
    if cut:
        nothing = np.zeros((1, *size, 2), np.float32), np.zeros((1, *size), np.bool_)
        codes = np.concatenate([p[0] for p in parts])
        flow = np.concatenate([parts[0][1], nothing[0], parts[1][1]])
        visible = np.concatenate([parts[0][2], nothing[1], parts[1][2]])
    else:
        codes, flow, visible = parts[0]
    clip: Floats = np.multiply(codes, np.float32(1 / 255 if codes.dtype == np.uint8 else 1), dtype=np.float32)
    if rng.random() < scenery.flicker:
        clip *= _exposure(frames, rng)[:, None, None, None]
        np.minimum(clip, 1, out=clip)
    return Moving(clip, flow, visible, cut)


def _exposure(frames: int, rng: np.random.Generator) -> Floats:
    """Gain of each frame: mains flicker, or one step of automatic exposure."""
    t = np.arange(frames)
    if rng.random() < 0.5:
        gain = 1 + rng.uniform(0.01, 0.08) * np.sin(2 * np.pi * (rng.uniform(0.05, 0.5) * t + rng.random()))
    else:
        gain = np.where(t >= rng.integers(frames), rng.uniform(0.6, 1.4), 1.0)
    return np.asarray(gain, np.float32)


def _scene(
    stills: Sequence[Bytes], frames: int, size: tuple[int, int], rng: np.random.Generator, scenery: Scenery
) -> tuple[NDArray[Any], Floats, Bools]:
    moments = scenery.supersample
    within = (np.arange(moments, dtype=np.float64) - (moments - 1) / 2) / moments * scenery.shutter * scenery.step
    own_times = scenery.step * np.arange(frames, dtype=np.float64)  # after those of the moments
    times = np.append((own_times[:, None] + within).ravel(), own_times)
    camera = camera_path(scenery.camera.draw(rng), size, times, rng)
    background = _background(stills[int(rng.integers(len(stills)))], camera, size, rng)
    count = int(rng.choice(len(scenery.movers), p=np.array(scenery.movers) / sum(scenery.movers)))
    layers = [mover(stills, camera, times, size, rng) for _ in range(count)]
    layers = sorted(layers, key=lambda layer: layer.texture.shape[0]) if rng.random() < 0.7 else layers  # near is large
    alphas = np.zeros((count, frames, *size), np.uint16)
    codes: list[NDArray[Any]] = []
    plate = warp(background.texture, background.to_texture[0], size)
    for t in range(frames):
        pictures = []
        for k in range(t * moments, (t + 1) * moments):
            if k and not np.array_equal(background.to_texture[k], background.to_texture[k - 1]):
                plate = warp(background.texture, background.to_texture[k], size)
            picture = plate.copy()
            for layer, alpha in zip(layers, alphas[:, t], strict=True):
                composite(picture, layer, k, alpha)
            pictures.append(picture)
        codes.append(pictures[0] if moments == 1 else expose(pictures))
    own = slice(frames * moments, None)
    flow, visible = truth(background.to_texture[own], [layer.to_texture[own] for layer in layers], alphas // moments)
    return np.stack(codes), flow, visible


def _background(still: Bytes, camera: Doubles, size: tuple[int, int], rng: np.random.Generator) -> Layer:
    """The photograph as a layer, placed so that the camera's whole path lies inside it where that is possible."""
    height, width = size
    corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]], np.float64).T
    seen = camera @ corners
    seen = seen[:, :2] / seen[:, 2:]
    low, high = seen.min((0, 2)), seen.max((0, 2))
    # pixels of the scene's plane to an output pixel, along the path
    zoom = float(np.exp(np.mean(np.log(np.abs(np.linalg.det(camera[:, :2, :2])))) / 2))
    room = (np.array(still.shape[1::-1]) - 8) / (high - low)
    scale = max(min(rng.uniform(1, 2) / zoom, float(room.min())), 0.9 / zoom)
    spare = np.maximum(np.array(still.shape[1::-1]) - 8 - scale * (high - low), 0)
    shift = 4 - scale * low + rng.uniform(0, 1, 2) * spare
    mirror = np.diag([-1.0, 1, 1]) if rng.random() < 0.5 else np.eye(3)
    if mirror[0, 0] < 0:
        mirror[0, 2] = still.shape[1] - 1
    to_still = mirror @ translation(*shift) @ np.diag([scale, scale, 1]) @ camera
    # Only what the path sees is filtered; a margin keeps the crop's edge out of sight.
    seen = to_still @ corners
    seen = seen[:, :2] / seen[:, 2:]
    first = np.maximum(np.floor(seen.min((0, 2))).astype(int) - 8, 0)
    last = np.maximum(np.ceil(seen.max((0, 2))).astype(int) + 9, first + 16)
    first = np.minimum(first, np.maximum(np.array(still.shape[1::-1]) - 16, 0))
    texture = area_prefilter(still[first[1] : last[1], first[0] : last[0]], scale * zoom)
    return Layer(np.ascontiguousarray(texture), translation(*-first.astype(np.float64)) @ to_still)
