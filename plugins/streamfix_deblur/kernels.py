"""Which blur a picture has, and where: read from the stripes and rings that it leaves in the spectrum.

Motion along a line of length L takes the frequencies n / L along it away, a lens out of focus those on rings. Spectra
of pictures that are soft by their lens, their size or their codec fall smoothly. So each blur's logarithm, without what
falls smoothly in any picture, is compared with the picture's; after Ji & Liu, "Motion blur identification from image
gradients" (CVPR 2008), and Cannon, "Blind deconvolution of spatially invariant image blurs with phase" (1976), whose
cepstrum averages the logarithms of windows' spectra as is done here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from math import atan2, cos, degrees, exp, hypot, log, pi, sin
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .wiener import blur_transfer

Kind = Literal["auto", "motion", "defocus"]

WINDOW = 96  # pixels of luma on a side: the spectrum's resolution
_HOP, _WINDOWS, _LEAST_WINDOWS = 16, 160, 6
_FLAT = 3 / 255  # windows of lower contrast tell nothing
_ROUNDING = 0.25 / 255  # deviation of the least noise
_LOWEST, _HIGHEST, _AXIS = 0.03, 0.5, 1.5 / WINDOW  # cycles per pixel; the axes have the borders of what is upright
_DEPTH = 0.01  # how far down stripes are seen: noise fills them
_EULER = 0.5772  # the mean logarithm of a spectrum's estimate is too low by this
_QUIETEST, _NOISY_FROM = 0.05, 0.35  # quantile of the spectrum above this frequency that is noise
_LENGTHS = (3.0, 21.0, 28)  # pixels: from, to, and how many, in equal ratios
_ANGLES = 48
_RADII = (1.5, 6.5, 25)
_SOFTNESSES = (0.4, 3.0, 20)  # standard deviations of what falls smoothly, which discs must be told from

# How much alike a blur and the picture must be: 1 is the same. What stands upright, the edges of screens and a codec's
# blocks look like upright lines, what was enlarged like a short one.
_SURE, _SURE_UPRIGHT, _UPRIGHT_DEGREES = 0.5, 0.60, 5.0
# Without noise a line is seen better than that, and what is less alike is a crooked path, which a line makes worse.
_SURE_CLEAN, _CLEAN, _NOISY = 0.6, 0.55 / 255, 0.65 / 255
_SURE_HALF = 0.3  # in the upper and in the lower half
_DEEP = 0.2  # stripes must be so deep, where those of a picture without noise are 1
_SURE_DISC, _OVER_SOFTNESS = 0.55, 0.07
_SHORTEST, _SMALLEST = 3.4, 1.8  # pixels
# See `_steepness`: from the first number on a window counts as sharp, at the second nothing is undone there; the part
# of the windows that may be sharp. Blurred pictures measure up to 1.6, in linear light; photographs that look blurred
# by their stripes 1.6 to 7 in the middle.
_TOO_STEEP, _SHARP, _SHARP_PART = 1.6, 2.2, 0.25
_STEEP, _NOISE_SLOPES = 12, 2.1  # the slope of the so many-th pixel counts; so many deviations of noise are none
_RANGE, _SAMPLED = 0.002, 50_000  # quantile that is the picture's darkest; pixels it is taken of
_BETWEEN, _PEAK = 0.16, 0.02  # neighbours' distance, of a blur's size, and how much less alike counts less
_GONE_ON = 0.06  # less is enough for a blur that was there in the last frame
_ABSENT, _PRESENT = 0.05, 0.25  # the same for a single place, where the picture as a whole has it


@dataclass(frozen=True, slots=True)
class Blur:
    """line: length times cosine and sine of twice its angle, see `wiener`. disc: a radius. Pixels of luma.

    noise: standard deviation of the luma's, [0, 1] units. where: (h, w), how far each window has the blur, 0 to 1; the
    windows are `hop` pixels apart.
    """

    line: tuple[float, float]
    disc: float
    noise: float = 0.0
    where: Tensor = field(default_factory=lambda: torch.zeros(1, 1))
    hop: int = _HOP

    def share(self, height: int, width: int) -> Tensor:
        """How far each packed pixel has the blur, (height, width)."""
        down, across = (_between(n, size, self.hop) for n, size in zip(self.where.shape, (height, width), strict=True))
        return down @ self.where @ across.T

    @property
    def length(self) -> float:
        """Of the line, pixels."""
        return hypot(*self.line)

    @property
    def degrees(self) -> float:
        """The line's direction, from -90 to 90: 0 is along x, down is positive."""
        return degrees(atan2(self.line[1], self.line[0])) / 2

    def like(self, other: Blur) -> bool:
        """Whether both may be of one motion, or one lens."""
        apart = hypot(self.line[0] - other.line[0], self.line[1] - other.line[1]) + abs(self.disc - other.disc)
        return apart < 0.35 * (other.length + other.disc)


def find_blur(luma: Tensor, kind: Kind = "auto", before: Blur | None = None) -> Blur | None:
    """The blur of a picture, (H, W) in [0, 1]; None where it is sharp, only soft, too flat or too small to tell.

    before: what was found in the frame before.
    """
    spectra = _spectra(luma)
    if spectra is None:
        return None
    logarithms, useful, hop = spectra
    if int(useful.sum()) < _LEAST_WINDOWS:
        return None
    model = _model()
    windows = logarithms[useful]
    whole = windows.mean(0)
    rest = model.rest(whole)
    alike = model.templates @ _unit(rest)
    best = _best(model, alike, kind, before)
    if best is None:
        return None
    template, blur = model.templates[best], model.blur(best)
    noise = max(exp((float(torch.quantile(whole[model.high], _QUIETEST)) + _EULER) / 2), _ROUNDING)
    cleanness = min(max((_NOISY - noise) / (_NOISY - _CLEAN), 0.0), 1.0)
    lower = 0.0 if before is None or not blur.like(before) else _GONE_ON
    if blur.length and float(alike[best]) < _SURE + cleanness * (_SURE_CLEAN - _SURE) - lower:
        return None
    steepness = _steepness(luma, blur, noise, hop)
    if float((steepness[useful] > _TOO_STEEP).float().mean()) > _SHARP_PART:
        return None
    halves = torch.stack([half.mean(0) for half in windows.chunk(2)])
    if float((_unit(model.rest(halves)) @ template).min()) < _SURE_HALF - lower:
        return None
    if float(rest @ template) < (_DEEP - lower) * float(model.depths[best]):
        return None
    each = model.rest(logarithms) @ template / torch.linalg.vector_norm(rest)
    where = torch.where(useful, each, torch.ones_like(each))
    where = F.avg_pool2d(where[None, None], 3, 1, 1, count_include_pad=False)[0, 0]
    share = ((where - _ABSENT) / (_PRESENT - _ABSENT)).clamp(0, 1)
    share *= (1 - (steepness - _TOO_STEEP) / (_SHARP - _TOO_STEEP)).clamp(0, 1)
    return model.between(best, alike, noise, share, hop)


def _best(model: _Model, alike: Tensor, kind: Kind, before: Blur | None) -> int | None:
    """The number of the template that is to be believed."""
    ends = model.lines, len(model.blurs)
    line, disc = int(alike[: ends[0]].argmax()), ends[0] + int(alike[ends[0] : ends[1]].argmax())
    softness = max(float(alike[ends[1] :].max()), 0.0)
    of_line, of_disc = model.blur(line), model.blur(disc)

    def sure(score: Tensor, blur: Blur, least: float) -> bool:
        return float(score) > least - (_GONE_ON if before is not None and blur.like(before) else 0.0)

    off = abs(of_line.degrees) % 90
    upright = min(off, 90 - off) < _UPRIGHT_DEGREES
    is_line = kind != "defocus" and of_line.length > _SHORTEST and float(alike[line]) > softness
    is_line = is_line and sure(alike[line], of_line, _SURE_UPRIGHT if upright else _SURE)
    is_disc = kind != "motion" and of_disc.disc > _SMALLEST
    is_disc = is_disc and sure(alike[disc], of_disc, max(_SURE_DISC, softness + _OVER_SOFTNESS))
    if is_line and not (is_disc and alike[disc] > alike[line]):
        return line
    return disc if is_disc else None


@dataclass(frozen=True, slots=True)
class _Model:
    """templates: (N, F), of unit length, lines first, then discs, then softnesses. depths: (N,), their lengths before
    that. blurs: lines and discs of the first of them. lines: how many these are.

    smooth: (F, K), an orthonormal basis of what falls smoothly. used: (WINDOW, WINDOW/2 + 1), frequencies that count.
    high: (F,), which of these are high.
    """

    templates: Tensor
    depths: Tensor
    blurs: list[tuple[tuple[float, float], float]]
    lines: int
    smooth: Tensor
    used: Tensor
    high: Tensor

    def rest(self, logarithms: Tensor) -> Tensor:
        """Spectra (..., F) without what falls smoothly."""
        return logarithms - (logarithms @ self.smooth) @ self.smooth.T

    def blur(self, number: int) -> Blur:
        return Blur(*self.blurs[number])

    def between(self, best: int, alike: Tensor, noise: float, where: Tensor, hop: int) -> Blur:
        """The blur between the best template and its neighbours, by how much alike each is to the picture."""
        blurs = torch.tensor([(*line, disc) for line, disc in self.blurs])
        apart = torch.linalg.vector_norm(blurs - blurs[best], dim=1)
        near = apart < _BETWEEN * torch.linalg.vector_norm(blurs[best])
        near &= (blurs[:, 2] > 0) == (blurs[best, 2] > 0)
        weights = torch.softmax((alike[: len(blurs)][near] - alike[best]) / _PEAK, 0)
        x, y, disc = (weights @ blurs[near]).tolist()
        return Blur((x, y), disc, noise, where, hop)


@cache
def _model() -> _Model:
    fy, fx = torch.fft.fftfreq(WINDOW)[:, None], torch.fft.rfftfreq(WINDOW)[None]
    frequency, angle = torch.hypot(fy, fx), torch.atan2(fy, fx)
    used = (frequency > _LOWEST) & (frequency < _HIGHEST) & (fy.abs() > _AXIS) & (fx.abs() > _AXIS)
    fall, way = frequency[used].log(), angle[used]
    smooth = torch.stack(
        [torch.ones_like(fall), fall, fall**2, fall**3, (2 * way).cos(), (2 * way).sin(), (4 * way).cos()], 1
    )
    smooth = torch.linalg.qr(smooth.double())[0].float()
    lines = [
        ((length * cos(2 * at), length * sin(2 * at)), 0.0)
        for length in _steps(*_LENGTHS)
        for at in (pi * i / _ANGLES for i in range(_ANGLES))
    ]
    blurs = [*lines, *(((0.0, 0.0), radius) for radius in _steps(*_RADII))]
    transfers = [
        blur_transfer(torch.tensor([line]), torch.tensor([disc]), fy, fx)[0][used].square() for line, disc in blurs
    ]
    transfers += [torch.exp(-4 * (pi * s * frequency[used]).square()) for s in _steps(*_SOFTNESSES)]
    logarithms = (torch.stack(transfers) + _DEPTH).log()
    templates = logarithms - (logarithms @ smooth) @ smooth.T
    depths = torch.linalg.vector_norm(templates, dim=1)
    return _Model(_unit(templates), depths, blurs, len(lines), smooth, used, frequency[used] > _NOISY_FROM)


def _steepness(luma: Tensor, blur: Blur, noise: float, hop: int) -> Tensor:
    """Gradients along the blur, as a share of the steepest that it leaves, for each window, (h, w).

    A mean over L pixels changes by the L-th part of the picture's range from one pixel to the next, at most; over a
    disc of radius r by 2 / (pi r) of it. What is above 1 by more than gamma makes of it was not blurred so, whatever
    its spectrum looks like: facades and fences have stripes there too.
    """
    angle = torch.tensor(blur.degrees).deg2rad()
    across, down = (F.pad(of / 2, (1, 1, 1, 1)) for of in _slopes(luma))
    slope = (across * angle.cos() + down * angle.sin()).abs() if blur.length else torch.hypot(across, down)
    values = luma.flatten()[:: max(luma.numel() // _SAMPLED, 1)]
    low, high = torch.quantile(values, _RANGE), torch.quantile(values, 1 - _RANGE)
    steepest = torch.clamp(high - low, min=_FLAT) / (blur.length or pi * blur.disc / 2)
    windows = slope.unfold(0, WINDOW, hop).unfold(1, WINDOW, hop).flatten(2)
    return (torch.topk(windows, _STEEP, -1).values[..., -1] - _NOISE_SLOPES * noise) / steepest


def _slopes(luma: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of the neighbours of each pixel inside the border: along x, along y."""
    return luma[1:-1, 2:] - luma[1:-1, :-2], luma[2:, 1:-1] - luma[:-2, 1:-1]


def _spectra(luma: Tensor) -> tuple[Tensor, Tensor, int] | None:
    """Logarithms of windows' spectra, (h, w, F), which windows count, (h, w), and how many pixels they are apart.

    The spectrum of white noise is its variance. None if the picture is smaller than a window.
    """
    height, width = luma.shape
    if min(height, width) < WINDOW:
        return None
    hop = max(_HOP, round((height * width / _WINDOWS) ** 0.5))
    windows = luma.unfold(0, WINDOW, hop).unfold(1, WINDOW, hop)
    windows = windows - windows.mean((2, 3), keepdim=True)
    useful = windows.square().mean((2, 3)) > _FLAT**2
    bell = torch.hann_window(WINDOW)
    taper = bell[:, None] * bell
    power = torch.fft.rfft2(windows * taper).abs().square() / taper.square().sum()
    return (power[..., _model().used] + _ROUNDING**2).log(), useful, hop


def _between(count: int, size: int, hop: int) -> Tensor:
    """Linear interpolation from `count` windows to `size` packed pixels along one axis, (size, count)."""
    at = ((2 * torch.arange(size) + 0.5 - (WINDOW - 1) / 2) / hop).clamp(0, count - 1)
    return (1 - (at[:, None] - torch.arange(count)).abs()).clamp(min=0)


def _unit(vectors: Tensor) -> Tensor:
    return F.normalize(vectors, dim=-1)


def _steps(first: float, last: float, count: int) -> list[float]:
    return [exp(log(first) + (log(last) - log(first)) * i / (count - 1)) for i in range(count)]
