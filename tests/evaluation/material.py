"""Clips for the evaluation's tests: detail that moves, beside detail that stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np

from streamfix.evaluation.clip import Bytes, Clip, Floats
from streamfix.evaluation.peers import Axis, PeerResult
from streamfix.evaluation.suites import Degraded


def texture(height: int, width: int, seed: int = 0) -> Floats:
    """Smooth random detail between 40 and 200 codes."""
    noise = np.random.default_rng(seed).standard_normal((height, width), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return np.asarray(np.interp(smooth, (smooth.min(), smooth.max()), (40, 200)), np.float32)


def moving(frames: int = 12, width: int = 64, height: int = 48, step: int = 2, seed: int = 0) -> Clip:
    """Texture that moves `step` (even) pixels a frame to the left, in all of the picture."""
    wide = texture(height, width + step * frames, seed)
    chroma = 128 + (texture(height // 2, (width + step * frames) // 2, seed + 1) - 120) / 8  # in gamut
    y = np.stack([wide[:, step * t : step * t + width] for t in range(frames)])
    u = np.stack([chroma[:, step * t // 2 : (step * t + width) // 2] for t in range(frames)])
    return Clip(np.rint(y).astype(np.uint8), np.rint(u).astype(np.uint8), np.rint(255 - u).astype(np.uint8))


def flat(value: int = 128, frames: int = 12, width: int = 64, height: int = 48) -> Clip:
    """One grey, and no colour."""

    def plane(code: int, divisor: int) -> Bytes:
        return np.full((frames, height // divisor, width // divisor), code, np.uint8)

    return Clip(plane(value, 1), plane(128, 2), plane(128, 2))


def shifted(clip: Clip, codes: int) -> Clip:
    """The clip with every luma code larger by `codes`."""
    return Clip((clip.y.astype(np.int16) + codes).clip(0, 255).astype(np.uint8), clip.u, clip.v)


@dataclass
class Blur:
    """A peer of our own: a Gaussian blur, its deviation to be tuned. calls: how often it was asked."""

    name: str = "blur"
    kind: Literal["classical", "network"] = "classical"
    version: str = "1"
    excerpt: tuple[int, int, int] | None = (4, 32, 32)
    calls: list[tuple[int, tuple[int, int]]] = field(default_factory=list)

    def axes(self, degraded: Degraded) -> list[Axis]:
        return [Axis("deviation", (0.25, 0.5, 0.75, 1.0, 1.5, 2.0), 1)]

    def __call__(self, degraded: Degraded, parameters: Mapping[str, float]) -> PeerResult:
        self.calls.append((len(degraded.noisy), degraded.noisy.size))

        def blurred(plane: Bytes) -> Bytes:
            return np.stack([cv2.GaussianBlur(p, (0, 0), parameters["deviation"]) for p in plane]).astype(np.uint8)

        return PeerResult(Clip(*map(blurred, degraded.noisy.planes())), 1.0)
