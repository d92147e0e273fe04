"""Moving layers of synthetic clips: soft shapes cut from photographs, each with a motion of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera_path import Doubles, log_uniform, similarity, spell, translation

Bytes: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A texture and where it is.

    texture: (H, W, 4) uint8, R'G'B' multiplied by the alpha in the fourth channel.
    to_texture: (n, 3, 3), from output pixels to the texture's pixels, one for each moment.
    """

    texture: Bytes
    to_texture: Doubles


def area_prefilter(picture: Bytes, scale: float) -> Bytes:
    """Blur so that sampling every `scale`-th pixel by bicubic interpolation is as sharp as an area resize.

    A box of `scale` pixels has the variance scale^2 / 12; that of one pixel is there already.
    """
    sigma = np.sqrt(max(scale**2 - 1, 0) / 12)
    if sigma < 0.2:
        return picture
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def mover(
    stills: Sequence[Bytes], camera: Doubles, times: Doubles, size: tuple[int, int], rng: np.random.Generator
) -> Layer:
    """A random shape with a random path that crosses the view at some moment.

    camera: (n, 3, 3) from output pixels to the scene's plane, at `times` (n,) in frames.
    """
    radius = log_uniform(rng, 4, 0.35 * min(size))
    scale = rng.uniform(1, 2)
    texture = _cut(stills[int(rng.integers(len(stills)))], radius, scale, rng)
    speed = 0.0 if rng.random() < 0.1 else log_uniform(rng, 0.1, 7)
    direction = rng.uniform(0, 2 * np.pi) if rng.random() < 0.4 else rng.normal(0, 0.15) + np.pi * rng.integers(2)
    way = spell(times, rng, 0.4)
    x, y = speed * np.cos(direction) * way, speed * np.sin(direction) * way
    growth = rng.normal(0, 0.006) * way if rng.random() < 0.4 else 0 * way
    turn = np.deg2rad(rng.normal(0, 0.8)) * way if rng.random() < 0.3 else 0 * way
    seen = int(rng.integers(len(times)))
    at = camera[seen] @ (rng.uniform(0, size[1]), rng.uniform(0, size[0]), 1)
    at /= at[2]
    centre = (texture.shape[0] - 1) / 2
    to_texture = (
        translation(centre, centre)
        @ similarity(-turn, scale * np.exp(growth[seen] - growth))
        @ translation(-(at[0] + x - x[seen]), -(at[1] + y - y[seen]))
        @ camera
    )
    return Layer(texture, to_texture)


def _cut(still: Bytes, radius: float, scale: float, rng: np.random.Generator) -> Bytes:
    side = min(int(2 * scale * (radius + 3)), *still.shape[:2])
    radius = min(radius, side / (2 * scale) - 1)
    top, left = (int(rng.integers(n - side + 1)) for n in still.shape[:2])
    colour = area_prefilter(still[top : top + side, left : left + side], scale)
    if rng.random() < 0.5:
        gain = rng.uniform(0.5, 1.4)
        colour = np.asarray(cv2.convertScaleAbs(colour, alpha=gain), np.uint8)
    alpha = _shape(side, radius * scale, rng)
    alpha = np.asarray(cv2.GaussianBlur(alpha, (0, 0), scale * rng.uniform(0.35, 0.7)), np.uint8)
    alpha3 = np.asarray(cv2.merge([alpha, alpha, alpha]), np.uint8)
    return np.dstack((cv2.multiply(colour, alpha3, scale=1 / 255), alpha))


def _shape(side: int, radius: float, rng: np.random.Generator) -> Bytes:
    """A filled outline (side, side), 0 or 255: a blob, a standing figure, a box or a pole."""
    kind = rng.choice(4, p=(0.4, 0.25, 0.2, 0.15))
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    c, s = np.cos(angle), np.sin(angle)
    if kind == 0:
        wave = sum(rng.normal(0, 0.25 / n) * np.cos(n * angle + rng.uniform(0, 2 * np.pi)) for n in range(2, 7))
        outline = np.stack([c, s], 1) * np.clip(1 + np.asarray(wave), 0.3, 1.5)[:, None]
    elif kind == 1:  # an upright oval with a head
        body = np.stack([0.4 * c, 0.25 + 0.75 * s], 1)
        head = np.stack([0.22 * c, -0.72 + 0.28 * s], 1)
        outline = np.concatenate([body, head])
    else:
        ratio = rng.uniform(0.35, 0.9) if kind == 2 else rng.uniform(0.04, 0.2)
        corner = np.stack([np.sign(c) * np.abs(c) ** 0.3, ratio * np.sign(s) * np.abs(s) ** 0.3], 1)
        outline = corner if kind == 2 else corner[:, ::-1]
    outline = outline / max(1.0, float(np.abs(outline).max()))
    points = np.round((outline * radius + (side - 1) / 2) * 16).astype(np.int32)
    mask = np.zeros((side, side), np.uint8)
    for part in (points[:64], points[64:]):
        if len(part):
            cv2.fillPoly(mask, [part], 255, lineType=cv2.LINE_AA, shift=4)
    return mask
