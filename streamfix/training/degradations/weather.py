"""Fog, rain, and water on the lens. Clips are linear light (T, H, W, 3) float32; what is added belongs to the scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from .blur import motion_kernel

Floats: TypeAlias = NDArray[np.float32]


def fog(linear: Floats, transmission: Floats, airlight: Floats) -> Floats:
    """J t + A (1 - t) (Koschmieder's law). transmission: (H, W) in [0, 1]; airlight: (3,), linear."""
    t = transmission[..., None]
    out = linear * t
    out += airlight * (1 - t)
    return out


def depth(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """A likely depth map (H, W) in [0, 1]: near at the bottom, 1 above a horizon, with smooth swells."""
    height, width = size
    horizon = rng.uniform(0.0, 0.5)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    plane = np.clip((1 - rows) / (1 - horizon), 0, 1) ** 2
    swell = np.asarray(cv2.resize(rng.random((4, 5), np.float32), (width, height), interpolation=cv2.INTER_CUBIC))
    return np.asarray(np.clip(0.75 * plane + 0.5 * swell - 0.1, 0.02, 1), np.float32)


def transmission(depth_map: Floats, density: float) -> Floats:
    """exp(-density depth), Beer and Lambert's law."""
    return np.asarray(np.exp(-np.float32(density) * depth_map), np.float32)


@dataclass(frozen=True, slots=True)
class RainLayer:
    """Drops at one distance. length, width, speed (a frame) in pixels; angle in radians from the vertical.

    drops: of them in a thousand pixels. strength: opacity of a streak at its middle. light: of the drops, linear.
    """

    length: float
    width: float
    angle: float
    speed: float
    drops: float
    strength: float
    light: float


def draw_rain(rng: np.random.Generator) -> list[RainLayer]:
    """One to four layers that fall along one wind; near ones are larger, faster and fewer."""
    wind, heavy, light = rng.normal(0, 0.2), rng.uniform(0.2, 1), rng.uniform(0.3, 0.9)
    layers = []
    for near in np.sort(rng.uniform(0.15, 1, int(rng.integers(1, 5)))):
        length = 3 + 22 * near * rng.uniform(0.6, 1.2)
        layers.append(
            RainLayer(
                float(length),
                float(0.3 + 0.6 * near),
                float(wind + rng.normal(0, 0.03)),
                float(length * rng.uniform(1, 2)),  # a shutter of half to all of the frame's time
                float(heavy * rng.uniform(0.5, 1.5) / near**0.5),
                float(rng.uniform(0.1, 0.5)),
                float(light),
            )
        )
    return layers


def rain(linear: Floats, layers: list[RainLayer], rng: np.random.Generator) -> Floats:
    """Streaks laid over each frame, moving on from frame to frame: J + a (light - J)."""
    T, H, W, _ = linear.shape
    out = linear.copy()
    for layer in layers:
        height, width = int(2 * H + layer.length), int(1.5 * W + layer.length)
        count = rng.poisson(layer.drops * height * width / 1000)
        seeds = np.zeros((height, width), np.float32)
        rows, columns = rng.integers(0, height, count), rng.integers(0, width, count)
        seeds[rows, columns] = rng.uniform(0.3, 1, count).astype(np.float32)
        kernel = motion_kernel(layer.length, np.pi / 2 + layer.angle, layer.width)
        opacity = cv2.filter2D(seeds, -1, kernel * np.float32(layer.strength / kernel.max()))
        np.minimum(opacity, 0.9, out=opacity)
        step = layer.speed * np.array([-np.sin(layer.angle), np.cos(layer.angle)])
        for t in range(T):
            x, y = np.round(step * t).astype(int)
            seen = opacity[(np.arange(H) - y) % height][:, (np.arange(W) - x) % width][..., None]
            out[t] += seen * (np.float32(layer.light) - out[t])
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Drops:
    """Water on the lens. at: (H, W, 2) where each pixel looks instead, x first. opacity: (H, W), 1 in a drop."""

    at: Floats
    opacity: Floats


def draw_drops(size: tuple[int, int], rng: np.random.Generator) -> Drops:
    """One to twelve drops of 2 to 10 % of the smaller side; each shows its surroundings small and upside down."""
    height, width = size
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    at, opacity = np.stack([xs, ys], -1), np.zeros(size, np.float32)
    for _ in range(int(rng.integers(1, 13))):
        radius = np.float32(min(size) * rng.uniform(0.02, 0.1))
        x, y = np.float32(rng.uniform(0, width)), np.float32(rng.uniform(0, height))
        distance = np.hypot((xs - x) * np.float32(rng.uniform(1, 1.4)), ys - y) / radius
        cover = np.clip((1 - distance) * radius / 2, 0, 1)  # the edge is two pixels soft: a drop is out of focus
        bend = -rng.uniform(2, 6) * (0.5 + distance**2)
        inside = cover > 0
        at[inside, 0], at[inside, 1] = (x + (xs - x) * bend)[inside], (y + (ys - y) * bend)[inside]
        opacity = np.maximum(opacity, cover)
    return Drops(at, opacity.astype(np.float32))


def look_through(linear: Floats, drops: Drops, wet: Floats | None = None) -> Floats:
    """The clip seen through drops. wet: (T, H, W) in [0, 1], where the glass is wet; all of it if None."""
    out = np.empty_like(linear)
    for t, (frame, to) in enumerate(zip(linear, out, strict=True)):
        soft = cv2.GaussianBlur(frame, (0, 0), 1.5)
        bent = cv2.remap(soft, drops.at[..., 0], drops.at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        share = drops.opacity if wet is None else drops.opacity * wet[t]
        np.subtract(bent, frame, out=to)
        to *= share[..., None]
        to += frame
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Wiper:
    """A blade that turns about a point under the picture. pivot: (x, y) in parts of the width and height.

    angles: (T,) radians from the horizontal at the right. width: of the blade, in parts of the height.
    """

    pivot: tuple[float, float]
    angles: NDArray[np.float64]
    width: float


def draw_wiper(frames: int, rng: np.random.Generator) -> Wiper:
    """A wiper with one sweep to and fro in 20 to 45 frames, begun at any moment of it."""
    period, begin = rng.uniform(20, 45), rng.random()
    sweep = (1 - np.cos(2 * np.pi * (np.arange(frames) / period + begin))) / 2
    return Wiper(
        (float(rng.uniform(-0.2, 1.2)), float(rng.uniform(1.1, 1.6))), np.pi * sweep, float(rng.uniform(0.03, 0.1))
    )


def wipe(linear: Floats, wiper: Wiper) -> Floats:
    """The clip behind the dark, soft-edged blade."""
    H, W = linear.shape[1:3]
    turn, radius = _polar(wiper, (H, W))
    away = np.abs(turn[None] - wiper.angles[:, None, None]) * radius
    clear = np.clip((away - wiper.width * H / 2) / (0.02 * H) + 0.5, 0.03, 1)
    return np.asarray(linear * clear[..., None], np.float32)


def wet(wiper: Wiper, size: tuple[int, int]) -> Floats:
    """(T, H, W) how wet the glass is: 1 at first, 0 behind the blade, and slowly 1 again."""
    turn, _ = _polar(wiper, size)
    glass = np.ones((len(wiper.angles), *size), np.float32)
    for t in range(1, len(glass)):
        low, high = np.sort(wiper.angles[t - 1 : t + 1])
        glass[t] = np.where((turn >= low) & (turn <= high), 0, np.minimum(glass[t - 1] + np.float32(0.03), 1))
    return glass


def _polar(wiper: Wiper, size: tuple[int, int]) -> tuple[Floats, Floats]:
    ys, xs = np.mgrid[: size[0], : size[1]].astype(np.float32)
    x, y = xs - wiper.pivot[0] * size[1], wiper.pivot[1] * size[0] - ys
    return np.arctan2(y, x), np.hypot(x, y)
