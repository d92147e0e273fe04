"""Blurred clips and what they were before; and clips that only look blurred, or that should stay for another reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from streamfix.training import (
    CodecShares,
    Coding,
    Material,
    Planes420,
    add_gaussian,
    clean_rgb,
    code_clip,
    convolve,
    defocus_kernel,
    from_linear,
    motion_kernel,
    quantise,
    shake_kernel,
    to_linear,
    to_planes,
)

Floats: TypeAlias = NDArray[np.float32]

_SPOT = 0.5  # pixels: standard deviation of the spot that `motion_kernel` draws with
_CODECS = CodecShares(coded=1.0, old=0.05, twice=0.1, rate=0.1)
_GRAIN = 4.0  # codes: most noise of a blurred clip


@dataclass(frozen=True, slots=True)
class BlurredClip:
    """A clip as recorded, and what `deblur` should make of it.

    clean: before the blur; as recorded where there was none. smooth: as recorded but for noise and codec.
    line: length times cosine and sine of twice the angle. disc: radius. Both are in pixels of luma. where: (H, W), 1
    where the blur is, 0 where the picture was left sharp.
    """

    recorded: Planes420
    clean: Planes420
    smooth: Planes420
    line: tuple[float, float]
    disc: float
    where: Floats


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel (k, k) that sums to 1, and the line and the disc nearest to it."""

    weights: Floats
    line: tuple[float, float]
    disc: float


def line_kernel(length: float, angle: float) -> Kernel:
    turned = length * np.cos(2 * angle), length * np.sin(2 * angle)
    return Kernel(motion_kernel(length, angle), (float(turned[0]), float(turned[1])), 0.0)


def nearest(weights: Floats) -> Kernel:
    """The line and the disc that have the kernel's second moments together; its spot counts for nothing.

    A line of length L has the variance L^2 / 12 along it, a disc of radius r has r^2 / 4 everywhere.
    """
    reach = weights.shape[0] // 2
    ys, xs = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    x, y = (xs * weights).sum(), (ys * weights).sum()
    xx, yy, xy = ((a * b * weights).sum() for a, b in ((xs - x, xs - x), (ys - y, ys - y), (xs - x, ys - y)))
    apart = np.hypot(xx - yy, 2 * xy)
    least = (xx + yy - apart) / 2 - _SPOT**2
    length, angle = np.sqrt(12 * apart), np.arctan2(2 * xy, xx - yy)  # twice the angle
    line = float(length * np.cos(angle)), float(length * np.sin(angle))
    return Kernel(weights, line, float(2 * np.sqrt(max(least, 0))))


def _motion(rng: np.random.Generator) -> Kernel:
    return line_kernel(float(np.exp(rng.uniform(np.log(3), np.log(20)))), float(rng.uniform(0, np.pi)))


def _shake(rng: np.random.Generator) -> Kernel:
    return nearest(shake_kernel(int(rng.integers(3, 10)), rng))


def _defocus(rng: np.random.Generator) -> Kernel:
    radius = float(np.exp(rng.uniform(np.log(1.5), np.log(5))))
    return Kernel(defocus_kernel(radius), (0.0, 0.0), radius)


_KERNELS: Mapping[str, Callable[[np.random.Generator], Kernel]] = {
    "motion": _motion,
    "shake": _shake,
    "defocus": _defocus,
}


def _scene(material: Material, rng: np.random.Generator, frames: int, side: int) -> Floats:
    """R'G'B' (frames, side, side, 3) as cameras make it look: soft, enlarged, sharpened or of low contrast at times."""
    clip = clean_rgb(material, rng, frames, side)
    if rng.random() < 0.4:
        clip = _look(clip, rng)
    if rng.random() < 0.2:
        contrast = np.float32(rng.uniform(0.4, 1.0))
        clip = np.float32(0.3) + (clip - np.float32(0.3)) * contrast
    return clip


def _look(clip: Floats, rng: np.random.Generator) -> Floats:
    side = clip.shape[1]
    kind = rng.integers(3)
    if kind == 0:
        radius = float(rng.uniform(0.4, 1.8))
        pictures = [cv2.GaussianBlur(picture, (0, 0), radius) for picture in clip]
    elif kind == 1:
        small = round(side / float(rng.uniform(1.2, 3.0)))
        how = (cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_LANCZOS4)[rng.integers(3)]
        pictures = [
            cv2.resize(
                cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA), (side, side), interpolation=how
            )
            for picture in clip
        ]
    else:
        amount, radius = float(rng.uniform(0.2, 1.2)), float(rng.uniform(0.6, 1.5))
        pictures = [p + amount * (p - cv2.GaussianBlur(p, (0, 0), radius)) for p in clip]
    return np.clip(np.stack(pictures), 0, 1).astype(np.float32)


def _blurred_light(clip: Floats, kernel: Kernel, linear: bool) -> Floats:
    """The clip blurred; in linear light, as it is, or in code values, as tests mostly do it."""
    return (
        from_linear(convolve(to_linear(clip, False), kernel.weights), False)
        if linear
        else convolve(clip, kernel.weights)
    )


def _recorded(smooth: Planes420, rng: np.random.Generator) -> Planes420:
    """With a little noise or none, and a codec or none."""
    noisy = smooth
    if rng.random() < 0.5:
        sigma = float(rng.uniform(0, _GRAIN)) / 255
        noisy = add_gaussian(noisy, sigma, sigma * float(rng.uniform(0.3, 1.0)), rng)
    noisy = quantise(noisy)
    draw = rng.random()
    if draw < 0.3:
        return code_clip(noisy, Coding("libx264", round(float(rng.uniform(14, 26)), 1))).planes
    if draw < 0.5:
        return _CODECS(noisy, rng)[0]
    return noisy


def _region(rng: np.random.Generator, side: int) -> Floats:
    """(side, side): 1 in an ellipse or half of the picture, or outside of it, with soft edges."""
    ys, xs = np.mgrid[:side, :side].astype(np.float32) / side - rng.uniform(0.25, 0.75, (2, 1, 1)).astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    along, across = xs * np.cos(angle) + ys * np.sin(angle), ys * np.cos(angle) - xs * np.sin(angle)
    reach = rng.uniform(0.2, 0.5, 2)
    inside = 1 - np.hypot(along / reach[0], across / reach[1]) if rng.random() < 0.7 else along
    mask = np.clip(0.5 + inside * side / 8, 0, 1)
    return np.asarray(mask if rng.random() < 0.6 else 1 - mask, np.float32)


def _blurred(kind: str) -> Callable[[Material, np.random.Generator, int, int], BlurredClip]:
    def make(material: Material, rng: np.random.Generator, frames: int, side: int) -> BlurredClip:
        scene, kernel = _scene(material, rng, frames, side), _KERNELS[kind](rng)
        blurred = _blurred_light(scene, kernel, rng.random() < 0.5)
        smooth = to_planes(blurred)
        return BlurredClip(
            _recorded(smooth, rng),
            to_planes(scene),
            smooth,
            kernel.line,
            kernel.disc,
            np.ones((side, side), np.float32),
        )

    return make


def _parted(material: Material, rng: np.random.Generator, frames: int, side: int) -> BlurredClip:
    """Blurred in one part of the picture alone: something moves, or is out of focus."""
    scene, kernel = _scene(material, rng, frames, side), _motion(rng) if rng.random() < 0.7 else _defocus(rng)
    where = _region(rng, side)
    share = convolve(where[None, :, :, None].repeat(3, -1), kernel.weights)[0, :, :, :1]
    blurred = scene + share * (_blurred_light(scene, kernel, rng.random() < 0.5) - scene)
    smooth = to_planes(np.asarray(blurred, np.float32))
    return BlurredClip(_recorded(smooth, rng), to_planes(scene), smooth, kernel.line, kernel.disc, where)


def _unblurred(material: Material, rng: np.random.Generator, frames: int, side: int) -> BlurredClip:
    """Sharp or soft by itself, with noise or a codec at times: it should stay as it is."""
    scene = to_planes(_scene(material, rng, frames, side))
    recorded = _recorded(scene, rng)
    return BlurredClip(recorded, recorded, scene, (0.0, 0.0), 0.0, np.zeros((side, side), np.float32))


KINDS: Mapping[str, Callable[[Material, np.random.Generator, int, int], BlurredClip]] = {
    **{kind: _blurred(kind) for kind in _KERNELS},
    "parted": _parted,
    "unblurred": _unblurred,
}
