"""A known blur undone by division in the frequency domain, as far as noise allows.

Blur is told by a line and a disc, whose convolution it is taken for. line: (B, 2), length times cosine and sine of
twice its angle, so that a line and its opposite are one; angle 0 is along x, down is positive. disc: (B,), the radius.
Both are in pixels of luma.
"""

from __future__ import annotations

from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor

_SPOT = 0.4  # pixels: standard deviation of the spot that draws a line or a disc
_MARGIN = 48  # pixels around the picture, so that its opposite borders do not meet
_CURVE = 1e-4  # squared cycles per pixel: pictures' spectra fall no further towards frequency 0
# Kernels are never known exactly, least of all long ones: the least ratio of noise to signal, and how it grows with
# the square of their length.
_FLOOR, _CHROMA_FLOOR, _FLOOR_GROWS, _CEILING = 0.06, 0.4, 0.0045, 4.0
_LEAST_SIGNAL = 1e-8
_CHROMA_NOISE = 0.7  # of chroma, where luma's is 1
_NEAR, _NOISES, _FAINT = 5, 2.0, 1 / 255  # the window of contrasts, packed pixels, and those that are half noise


def sharpened(frame: Tensor, line: Tensor, disc: Tensor, noise: Tensor) -> Tensor:
    """Undo the blur of recorded pictures, as far as there is detail in them.

    frame: (B, 6, H, W), packed 4:2:0. noise: (B,), standard deviation of the luma's, [0, 1] units. Returns the same
    shape, not clipped.
    """
    luma = undone(F.pixel_shuffle(frame[:, :4], 2), line, disc, noise)
    chroma = undone(frame[:, 4:], line / 2, disc / 2, noise * _CHROMA_NOISE, _SPOT / 2, _CHROMA_FLOOR)
    return torch.lerp(frame, torch.cat((F.pixel_unshuffle(luma, 2), chroma), 1), _detail(frame, noise))


def undone(
    plane: Tensor, line: Tensor, disc: Tensor, noise: Tensor, spot: float = _SPOT, floor: float = _FLOOR
) -> Tensor:
    """Wiener's filter (1949) for pictures whose spectrum falls with the square of the frequency.

    plane: (B, C, H, W) in [0, 1]; line and disc in its own pixels. noise: (B,), its standard deviation. spot: of what
    drew the blur. floor: the least ratio of noise to signal. Returns the plane as before the blur.
    """
    height, width = plane.shape[-2:]
    more_down, more_across = (_quick(of + 2 * _MARGIN) - of - _MARGIN for of in (height, width))
    padded = F.pad(plane, (_MARGIN, more_across, _MARGIN, more_down), mode="replicate")
    inside = (..., slice(_MARGIN, _MARGIN + height), slice(_MARGIN, _MARGIN + width))
    size = padded.shape[-2], padded.shape[-1]
    fy = torch.fft.fftfreq(size[0], device=plane.device)[:, None]
    fx = torch.fft.rfftfreq(size[1], device=plane.device)[None]
    transfer = blur_transfer(line, disc, fy, fx, spot)
    power = transfer.square()
    signal = _signal(plane, noise) / power.mean((1, 2))
    length = torch.hypot(line[:, 0], line[:, 1]) + 2 * disc
    ratio = (floor + _FLOOR_GROWS * length.square() + noise.square() / signal).clamp(max=_CEILING)
    inverse = transfer / (power + ratio[:, None, None] * (fy.square() + fx.square() + _CURVE))
    # What was blurred into the picture from beyond its borders is not known. Around it stands what the blur makes of a
    # first estimate: with the mirrored picture, whose motion runs another way, echoes of it went far into the picture.
    around = torch.fft.irfft2(torch.fft.rfft2(padded) * (inverse * transfer)[:, None], size)
    around[inside] = plane
    sharp: Tensor = torch.fft.irfft2(torch.fft.rfft2(around) * inverse[:, None], size)[inside]
    return sharp


def blur_transfer(line: Tensor, disc: Tensor, fy: Tensor, fx: Tensor, spot: float = _SPOT) -> Tensor:
    """What the blur makes of each frequency: (B, H, W) for fy (H, 1) and fx (1, W) in cycles per pixel."""
    angle = torch.atan2(line[:, 1], line[:, 0])[:, None, None] / 2
    length = torch.hypot(line[:, 0], line[:, 1])[:, None, None]
    frequency = torch.hypot(fy, fx)
    transfer = torch.sinc(length * (fx * torch.cos(angle) + fy * torch.sin(angle)))
    transfer *= torch.exp(-2 * (pi * spot * frequency).square())
    if disc.any():
        at = 2 * pi * disc[:, None, None] * frequency
        transfer *= torch.where(at > 1e-3, 2 * torch.special.bessel_j1(at) / at.clamp_min(1e-3), torch.ones_like(at))
    return transfer


def _quick(size: int) -> int:
    """The next size that has no prime factors but 2, 3 and 5: Fourier transforms of it are quick."""
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 1


def _detail(frame: Tensor, noise: Tensor) -> Tensor:
    """Share of what was recorded around each pixel that is not noise, (B, 1, H, W).

    Where a blurred picture is flat the sharp one is flat as well: what Wiener's filter puts there is an edge's echo.
    """
    luma = frame[:, :4]
    means, squares = luma.mean(1, keepdim=True), luma.square().mean(1, keepdim=True)
    means, squares = (F.avg_pool2d(of, _NEAR, 1, _NEAR // 2, count_include_pad=False) for of in (means, squares))
    contrast = (squares - means.square()).clamp_min(0)
    return contrast / (contrast + (_NOISES * noise + _FAINT).square()[:, None, None, None])


def _signal(plane: Tensor, noise: Tensor) -> Tensor:
    """How strong detail is, by the blurred picture's gradient: the factor of 1 / frequency^2 in its spectrum, (B,)."""
    steps = plane.diff(dim=-1).square().mean((1, 2, 3)) + plane.diff(dim=-2).square().mean((1, 2, 3))
    return (steps - 4 * noise.square()).clamp_min(_LEAST_SIGNAL) / (4 * pi * pi)
