"""From what each macroblock seems to be blurred by to the one or two blurs that a picture has, and where they are."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, degrees, hypot
from typing import Literal

import torch
from torch import Tensor

from .kernels import LONGEST, WIDEST, Blurs

Kind = Literal["auto", "motion", "defocus"]

# Lines and discs that are too short or small to be told from softness are left alone; from the second number on all of
# a blur is undone. Pixels.
_LINE_OFF, _LINE_ON = 2.2, 3.4
_DISC_OFF, _DISC_ON = 1.4, 2.0
_MOST = 2  # blurs of one picture: what moves, and what is behind it
_LEAST_PART = 0.02  # of the picture that a blur must have
_ROUNDS = 4
_NEAR, _NEAR_OF = 1.0, 0.3  # pixels, and share of the blur's size: macroblocks that differ by this much are of one blur


@dataclass(frozen=True, slots=True)
class Blur:
    """line, disc: see `wiener`, pixels; line is (2,). noise: standard deviation there, [0, 1] units.

    where: (h, w), how far each macroblock has it, 0 to 1.
    """

    line: Tensor
    disc: float
    noise: float
    where: Tensor

    @staticmethod
    def none() -> Blur:
        return Blur(torch.zeros(2), 0.0, 0.0, torch.zeros(0, 0))

    @property
    def length(self) -> float:
        """Of the line, pixels."""
        return hypot(*self.line.tolist())

    @property
    def degrees(self) -> float:
        """The line's direction, from -90 to 90: 0 is along x, down is positive."""
        cosine, sine = self.line.tolist()
        return degrees(atan2(sine, cosine)) / 2


def found(blurs: Blurs, kind: Kind = "auto") -> list[list[Blur]]:
    """The blurs of each picture that are worth undoing, the most widespread first; none where a picture is sharp."""
    line, disc = blurs.line, blurs.disc.clamp_min(0)
    if kind == "motion":
        disc = torch.zeros_like(disc)
    if kind == "defocus":
        line = torch.zeros_like(line)
    pictures = zip(torch.cat((line, disc[:, None]), 1), blurs.noise, strict=True)
    return [_of_picture(at, noise) for at, noise in pictures]


def _of_picture(at: Tensor, noise: Tensor) -> list[Blur]:
    """at: (3, h, w), line and disc."""
    length = torch.hypot(at[0], at[1])
    worth = torch.maximum(_ramp(length, _LINE_OFF, _LINE_ON), _ramp(at[2], _DISC_OFF, _DISC_ON))
    left, results = worth.clone(), []
    for _ in range(_MOST):
        if float(left.mean()) < _LEAST_PART:
            break
        middle, near = _gathered(at, left)
        left = left * (1 - near)
        size = hypot(float(middle[0]), float(middle[1]))
        line = middle[:2] * min(1.0, LONGEST / max(size, 1e-6))
        where = worth * near
        mean_noise = float((noise * where).sum() / where.sum().clamp_min(1e-6))
        results.append(Blur(line, min(float(middle[2]), WIDEST), mean_noise, where))
    return results


def _gathered(at: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """The blur (3,) that most of the weight (h, w) is near to, and how near each macroblock is: mean shift.

    Source: Comaniciu & Meer, "Mean shift" (2002).
    """
    middle = _mean(at, weight)
    near = torch.ones_like(weight)
    for round in range(_ROUNDS):
        reach = (_NEAR + _NEAR_OF * float(torch.linalg.vector_norm(middle))) * 2 ** max(1 - round, 0)
        apart = (at - middle[:, None, None]).square().sum(0)
        near = torch.exp(-0.5 * apart / reach**2)
        middle = _mean(at, weight * near)
    return middle, near


def _mean(at: Tensor, weight: Tensor) -> Tensor:
    return (at * weight).sum((1, 2)) / weight.sum().clamp_min(1e-6)


def _ramp(value: Tensor, off: float, on: float) -> Tensor:
    return ((value - off) / (on - off)).clamp(0, 1)
