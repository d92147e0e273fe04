"""Camera paths for synthetic clips: one homography a moment, from output pixels to the scene's plane.

The scene's plane is measured in output pixels, with its origin where the optical axis meets it at the start.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Doubles: TypeAlias = NDArray[np.float64]
CameraKind = Literal["static", "shake", "pan", "zoom", "rotate", "drive"]


@dataclass(frozen=True, slots=True)
class CameraMix:
    """How often each kind of camera motion occurs; the shares need not sum to one."""

    static: float = 0.30
    shake: float = 0.18
    pan: float = 0.22
    zoom: float = 0.07
    rotate: float = 0.05
    drive: float = 0.18

    def draw(self, rng: np.random.Generator) -> CameraKind:
        """One kind by its share."""
        names: list[CameraKind] = [f.name for f in fields(self)]  # type: ignore[misc]  # the fields are the kinds
        shares = np.array([getattr(self, name) for name in names], np.float64)
        return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between low and high whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def wobble(times: Doubles, rng: np.random.Generator, low: float = 0.02, high: float = 0.35) -> Doubles:
    """Smooth random motion of unit RMS: sinusoids whose amplitude falls as 1/f, as a hand's or a mast's does.

    times: (n,) in frames. low, high: cycles a frame.
    """
    count = 5
    frequency = np.exp(rng.uniform(np.log(low), np.log(high), count))
    amplitude = rng.uniform(0.3, 1, count) / frequency
    amplitude *= np.sqrt(2 / np.sum(amplitude**2))
    phase = rng.uniform(0, 2 * np.pi, count)
    return np.asarray(amplitude @ np.sin(2 * np.pi * frequency[:, None] * times + phase[:, None]), np.float64)


def translation(x: Doubles | float, y: Doubles | float) -> Doubles:
    """(..., 3, 3) homographies that add (x, y)."""
    x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
    matrix = np.zeros((*x.shape, 3, 3))
    matrix[..., [0, 1, 2], [0, 1, 2]] = 1
    matrix[..., 0, 2], matrix[..., 1, 2] = x, y
    return matrix


def similarity(angle: Doubles | float, scale: Doubles | float) -> Doubles:
    """(..., 3, 3) homographies that rotate by `angle` in radians and multiply by `scale` about the origin."""
    angle, scale = np.broadcast_arrays(np.asarray(angle, np.float64), np.asarray(scale, np.float64))
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., 0, 0] = matrix[..., 1, 1] = scale * np.cos(angle)
    matrix[..., 1, 0] = scale * np.sin(angle)
    matrix[..., 0, 1] = -matrix[..., 1, 0]
    matrix[..., 2, 2] = 1
    return matrix


def spell(times: Doubles, rng: np.random.Generator, chance: float) -> Doubles:
    """The times; or, with probability `chance`, times that run during one spell only, so that motion starts and stops.

    A spell has soft ends: speed rises and falls over some three frames; before and after it nothing moves.
    """
    if rng.random() >= chance:
        return times
    a, b = np.sort(rng.uniform(times.min() - 2, times.max() + 2, 2))
    soft = 1.5

    def ramp(t: Doubles) -> Doubles:  # integral of a logistic step
        return np.asarray(soft * np.logaddexp(0, t / soft), np.float64)

    # Exactly still where the speed is under a thousandth, so that standing things are pixel-identical.
    running = (times > a - 10 * soft) & (times < b + 10 * soft)
    moved = ramp(times - a) - ramp(times - b)
    return np.asarray(np.where(running, moved, np.where(times < (a + b) / 2, 0.0, b - a)), np.float64)


def camera_path(kind: CameraKind, size: tuple[int, int], times: Doubles, rng: np.random.Generator) -> Doubles:
    """Homographies (n, 3, 3) from output pixels to the scene's plane.

    size: (height, width) of the output. times: (n,) in frames, any order.
    Speeds are those of footage at 25 to 30 frames a second and some 360 lines: up to 10 pixels a frame.
    """
    height, width = size
    still = np.zeros_like(times)
    x, y, angle, zoom = still, still, still, still  # zoom: logarithm of the magnification
    centre: Doubles = np.zeros(2)
    if kind == "pan":
        speed, sideways = log_uniform(rng, 0.2, 10), rng.normal(0, 0.25) + np.pi * rng.integers(2)
        direction = rng.uniform(0, 2 * np.pi) if rng.random() < 0.25 else sideways
        way = spell(times, rng, 0.25) + rng.uniform(0, 1.5) * wobble(times, rng, high=0.06)
        x, y = speed * np.cos(direction) * way, speed * np.sin(direction) * way
    elif kind == "zoom":
        zoom = rng.choice([-1, 1]) * log_uniform(rng, 0.002, 0.02) * spell(times, rng, 0.3)
        centre = rng.normal(0, 0.15, 2) * (width, height)
    elif kind == "rotate":
        angle = rng.choice([-1, 1]) * np.deg2rad(log_uniform(rng, 0.05, 1.5)) * spell(times, rng, 0.2)
        centre = rng.normal(0, 0.2, 2) * (width, height)
    elif kind == "drive":
        zoom = log_uniform(rng, 0.003, 0.03) * times
        centre = rng.normal(0, 0.2, 2) * (width, height)  # the vanishing point
        x = rng.normal(0, 0.8) * times + rng.uniform(0, 1) * wobble(times, rng)
        y = log_uniform(rng, 0.1, 1.5) * wobble(times, rng)
    if kind == "shake" or (kind in ("pan", "zoom", "rotate") and rng.random() < 0.5):
        amplitude = log_uniform(rng, 0.1, 3)
        x = x + amplitude * wobble(times, rng)
        y = y + amplitude * wobble(times, rng)
        angle = angle + np.deg2rad(0.08 * amplitude) * wobble(times, rng)
    angle = angle + np.deg2rad(rng.normal(0, 2))
    view = translation(-(width - 1) / 2, -(height - 1) / 2)
    if rng.random() < 0.3:  # the plane is tilted
        tilt = np.eye(3)
        tilt[2, :2] = rng.normal(0, 0.06, 2) / (width, height)
        view = tilt @ view
    about = translation(*centre) @ similarity(angle, np.exp(-zoom)) @ translation(*-centre)
    return translation(x, y) @ about @ view
