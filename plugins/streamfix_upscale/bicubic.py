"""Bicubic interpolation of packed 4:2:0 pictures: what the networks correct.

Keys' kernel with a = -0.5, see `streamfix.fusion.keys`, as in MATLAB and in the literature's tables. Luma is scaled
about its pixels' centres; chroma keeps its siting, level with the left luma sample (H.273, type 0).

The functions take NumPy arrays, for which PyTorch is not loaded, or tensors; both get the same formulas.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeAlias

import cv2
import numpy as np

from streamfix.fusion import Floats, Tile, each_tile, keys

Array: TypeAlias = Any  # a NumPy array of float32 or a tensor; a function gives the kind that it is given

_TAPS = 5  # two neighbours on both sides
_REACH = _TAPS // 2


def enlarged(packed: Array, scale: int) -> Array:
    """Packed pictures (B, 6, H, W) `scale` times as large: (B, 6, H * scale, W * scale). scale: 2 or 4."""
    batch, _, height, width = packed.shape
    result = empty(packed, (batch, 6, height * scale, width * scale))
    if isinstance(packed, np.ndarray):
        for picture, luma, larger in zip(packed, luma_of(packed)[:, 0], result, strict=True):
            _enlarge(picture, luma, scale, larger)
    elif packed.device.type == "cpu":  # OpenCV takes a sixth of the time that torch takes
        return _torch().from_numpy(enlarged(packed.numpy(), scale))
    else:
        add_luma(result[:, :4].zero_(), luma_planes(luma_of(packed), scale), scale)
        interleave(chroma_planes(packed[:, 4:], scale), scale, out=result[:, 4:])
    return result


def luma_planes(luma: Array, scale: int) -> Array:
    """The luma (B, 1, H, W) enlarged: (B, scale * scale, H, W), the pixels that lie in each old one, row by row."""
    return _phases(luma, scale, 0.0)


def chroma_planes(planes: Array, scale: int) -> Array:
    """Planes of chroma (B, 2, H, W) enlarged: (B, 2 * scale * scale, H, W), in the same order, plane by plane."""
    batch, count, height, width = planes.shape
    phases = _phases(planes.reshape(batch * count, 1, height, width), scale, 0.5)
    return phases.reshape(batch, count * scale * scale, height, width)


def luma_of(packed: Array) -> Array:
    """The luma (B, 1, 2H, 2W) of packed pictures (B, 6, H, W)."""
    return interleave(packed[:, :4], 2)


def add_luma(packed: Array, planes: Array, scale: int, step: float = 1.0) -> None:
    """Add `step` times `luma_planes` (B, scale * scale, H, W) to packed luma (B, 4, H * scale / 2, W * scale / 2)."""
    for at in range(scale * scale):
        place = packed[:, *_in_packed(at, scale)]
        place += step * planes[:, at]


def interleave(planes: Array, by: int, out: Array | None = None) -> Array:
    """(B, C * by * by, H, W) -> (B, C, H * by, W * by), as torch's pixel_shuffle; strided copies are much faster."""
    batch, count, height, width = planes.shape
    if out is None:
        out = empty(planes, (batch, count // by**2, height * by, width * by))
    for at in range(by * by):
        out[:, :, *in_larger(at, by)] = planes[:, at :: by * by]
    return out


def in_larger(at: int, by: int) -> tuple[slice, slice]:
    """Where, in a picture that is `by` times as large, those pixels lie that come at place `at` in each old one."""
    return slice(at // by, None, by), slice(at % by, None, by)


def empty(like: Any, shape: tuple[int, ...]) -> Any:
    """A new array of that shape, of the kind that `like` is."""
    return np.empty(shape, like.dtype) if isinstance(like, np.ndarray) else like.new_empty(shape)


def _in_packed(at: int, scale: int) -> tuple[int, slice, slice]:
    """Where, in packed luma of the new size, those pixels lie that come at place `at` in each old one."""
    row, column, half = at // scale, at % scale, scale // 2
    return row % 2 * 2 + column % 2, slice(row // 2, None, half), slice(column // 2, None, half)


def _enlarge(packed: Floats, luma: Floats, scale: int, out: Floats) -> None:
    """Fill `out` (6, H * scale, W * scale) with the enlargement of a packed picture (6, H, W); luma: its own."""

    def work(tile: Tile) -> None:
        wide = tile.around(_REACH)
        core, luma_wide = tile.core.inside(wide), tile.around(_REACH // 2)
        luma_core = tile.core.inside(luma_wide)
        for at, phase in enumerate(_each_phase(luma[luma_wide.full], scale, 0.0)):
            out[_in_packed(at, scale)][tile.core.full] = phase[luma_core.full]
        for plane, larger in zip(packed[4:], out[4:], strict=True):
            for at, phase in enumerate(_each_phase(plane[wide.half], scale, 0.5)):
                larger[in_larger(at, scale)][tile.core.half] = phase[core.half]

    each_tile(work, *packed.shape[1:])


def _phases(plane: Array, scale: int, left: float) -> Array:
    """(B, 1, H, W) -> (B, scale * scale, H, W). left: how far samples lie left of the middle of their cell."""
    batch, _, height, width = plane.shape
    if isinstance(plane, np.ndarray):
        made = np.empty((batch, scale * scale, height, width), np.float32)
        for picture, phases in zip(plane[:, 0], made, strict=True):
            for at, phase in enumerate(_each_phase(picture, scale, left)):
                phases[at] = phase
        return made
    torch = _torch()
    if plane.device.type == "cpu":
        return torch.from_numpy(_phases(plane.numpy(), scale, left))
    across, down = (torch.from_numpy(_kernels(scale, shift)).to(plane) for shift in (left, 0.0))
    padded = torch.nn.functional.pad(plane, (_REACH,) * 4, mode="replicate")
    rows = torch.nn.functional.conv2d(padded, down[:, None, :, None])
    both = torch.nn.functional.conv2d(rows.reshape(batch * scale, 1, height, -1), across[:, None, None])
    return both.reshape(batch, scale * scale, height, width)


def _each_phase(picture: Floats, scale: int, left: float) -> Iterator[Floats]:
    """The scale * scale planes (H, W) of one plane's enlargement; an array is overwritten by the one after it."""
    across, down = _kernels(scale, left), _kernels(scale, 0.0)
    phase = np.empty(picture.shape, np.float32)
    for at in range(scale * scale):
        taps = across[at % scale], down[at // scale]
        cv2.sepFilter2D(picture, -1, *taps, dst=phase, borderType=cv2.BORDER_REPLICATE)
        yield phase


@cache
def _kernels(scale: int, left: float) -> Floats:
    """Weights of the neighbours for each of the `scale` new samples, (scale, 5). left: 0, or 0.5 for left-sited ones.

    A left-sited sample of chroma lies half a luma pixel left of its cell's middle, a quarter of its own pitch. Scaled,
    new samples keep that distance in new pixels.
    """
    shift = left / 2  # of the pitch of chroma
    at = (np.arange(scale) + 0.5 - shift) / scale - 0.5 + shift
    return np.asarray(keys(at[:, None] - np.arange(-_REACH, _REACH + 1)), np.float32)


def _torch() -> Any:
    return sys.modules["torch"]
