"""Text that a camera burns into its pictures: date, time, a name. It belongs to the scene; no filter may smear it."""

from __future__ import annotations

import string
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..planes420 import Planes420

_BLACK, _WHITE, _GREY = 16 / 255, 235 / 255, 128 / 255


@dataclass(frozen=True, slots=True)
class Overlay:
    """Lines of text. at: left end of each baseline, (x, y) in pixels. scale: 1 is some 22 pixels high.

    seconds: the time of day that a first line "HH:MM:SS" begins at, and counts on from at 25 frames a second.
    """

    lines: tuple[str, ...]
    at: tuple[tuple[int, int], ...]
    scale: float
    thickness: int
    outlined: bool
    seconds: float

    @staticmethod
    def draw(rng: np.random.Generator, size: tuple[int, int]) -> Overlay:
        """A clock and up to two names, where they may be cut off by the picture's edge as in a crop of a larger one."""
        height, width = size
        letters = np.array(list(string.ascii_uppercase + string.digits + " -:/"))
        names = ["".join(rng.choice(letters, int(rng.integers(4, 14)))) for _ in range(int(rng.integers(3)))]
        count = 1 + len(names)
        xs, ys = rng.integers(-width // 4, width // 2, count), rng.integers(12, height, count)
        return Overlay(
            ("", *names),
            tuple((int(x), int(y)) for x, y in zip(xs, ys, strict=True)),
            float(rng.uniform(0.3, 0.9)),
            int(rng.integers(1, 3)),
            bool(rng.random() < 0.6),
            float(rng.uniform(0, 86400)),
        )

    def burn(self, planes: Planes420) -> Planes420:
        """The clip with the text on every frame: white, outlined in black or not, chroma taken out beneath it."""
        y, uv = planes.y.copy(), planes.uv.copy()
        for t in range(len(y)):
            now = int(self.seconds + t / 25)
            clock = f"{now // 3600 % 24:02d}:{now // 60 % 60:02d}:{now % 60:02d}"
            for line, at in zip((clock, *self.lines[1:]), self.at, strict=True):
                cover: NDArray[np.uint8] = np.zeros(y.shape[1:], np.uint8)
                if self.outlined:
                    self._put(cover, line, at, self.thickness + 2)
                    y[t] += (np.float32(_BLACK) - y[t]) * (cover * np.float32(1 / 255))
                inner = np.zeros_like(cover)
                self._put(inner, line, at, self.thickness)
                y[t] += (np.float32(_WHITE) - y[t]) * (inner * np.float32(1 / 255))
                hidden = np.maximum(cover, inner)
                share = cv2.resize(hidden, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) * np.float32(1 / 255)
                uv[t] += (np.float32(_GREY) - uv[t]) * share[..., None]
        return Planes420(y, uv)

    def _put(self, cover: NDArray[np.uint8], line: str, at: tuple[int, int], t: int) -> None:
        cv2.putText(cover, line, at, cv2.FONT_HERSHEY_SIMPLEX, self.scale, 255, t, cv2.LINE_AA)
