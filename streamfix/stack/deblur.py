"""A blur whose kernel is told, undone by Wiener's filter; nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin
from typing import Literal

import numpy as np

from ..errors import BadOption
from .region import Floats

KINDS = ("gauss", "disc", "line")
NOISE = 0.01  # power of noise over that of the picture, at every frequency
_PAD = 3  # kernels: how far the picture is continued around, so that its opposite sides do not meet


@dataclass(frozen=True, slots=True)
class Kernel:
    """A blur, in recorded pixels.

    kind: "gauss" of standard deviation `size`, "disc" of radius `size`, "line" of length `size` at `degrees`, 0 along
    x, counted towards y, down.
    """

    kind: Literal["gauss", "disc", "line"]
    size: float
    degrees: float = 0.0

    def __str__(self) -> str:
        return f"{self.kind}:{self.size:g}" + (f":{self.degrees:g}" if self.kind == "line" else "")

    def drawn(self, scale_x: float, scale_y: float) -> Floats:
        """The kernel on a grid of that many pixels for each recorded one: odd sides, sum 1."""
        reach = int(np.ceil(self.size * (3 if self.kind == "gauss" else 1) * max(scale_x, scale_y))) + 1
        at = np.arange(-reach, reach + 1, dtype=np.float64)
        x, y = at[None] / scale_x, at[:, None] / scale_y
        if self.kind == "gauss":
            values = np.exp(-(x**2 + y**2) / (2 * self.size**2))
        elif self.kind == "disc":
            values = np.clip((self.size - np.hypot(x, y)) * min(scale_x, scale_y) + 0.5, 0, 1)
        else:
            c, s = cos(radians(self.degrees)), sin(radians(self.degrees))
            along, across = x * c + y * s, np.abs(-x * s + y * c)
            unit = min(scale_x, scale_y)
            values = np.clip((self.size / 2 - np.abs(along)) * unit + 0.5, 0, 1) * np.clip(1 - across * unit, 0, 1)
        return np.asarray(values / values.sum(), np.float32)


def kernel(text: str) -> Kernel:
    """A kernel as it is written: gauss:0.8, disc:1.5, line:4:30. Raises BadOption."""
    kind, *numbers = text.split(":")
    try:
        values = [float(number) for number in numbers]
    except ValueError:
        values = []
    if kind not in KINDS or len(values) != (2 if kind == "line" else 1) or not 0 < values[0] <= 32:
        raise BadOption(
            f"deblur={text}: it takes gauss:SIGMA, disc:RADIUS or line:LENGTH:DEGREES, in recorded pixels up to 32"
        )
    return Kernel(kind, *values)  # type: ignore[arg-type]  # one of KINDS


def undone(values: Floats, drawn: Floats) -> Floats:
    """A plane, (H, W) of any unit, as before a blur by the kernel.

    Source: N. Wiener 1949, with `NOISE` as the ratio of noise to signal.
    """
    reach = drawn.shape[0] // 2
    margin = _PAD * reach
    mean = np.float32(values.mean(dtype=np.float64))
    padded = np.pad(values - mean, margin, mode="symmetric" if margin <= min(values.shape) else "edge")
    blur = np.zeros(padded.shape, np.float64)
    blur[: drawn.shape[0], : drawn.shape[1]] = drawn
    transfer = np.fft.rfft2(np.roll(blur, (-reach, -reach), (0, 1)))
    inverse = transfer.conj() * (1 + NOISE) / (np.abs(transfer) ** 2 + NOISE)
    sharp = np.fft.irfft2(np.fft.rfft2(padded) * inverse, padded.shape)
    h, w = values.shape
    return np.asarray(sharp[margin : margin + h, margin : margin + w] + mean, np.float32)
