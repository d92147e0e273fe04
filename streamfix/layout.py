"""The three ways a filter may see a picture, and the exact conversions between them.

- `yuv420`, (6, ceil H/2, ceil W/2): the luma's four sub-pixels (top left, top
  right, bottom left, bottom right) and the two chroma planes, code value /
  (2**depth - 1). 4:2:0 video as it is: nothing is converted.
- `rgb`, (3, H, W): R'G'B' in [0, 1] by the frame's own matrix and range.
- `luma`, (1, H, W): code value / (2**depth - 1); chroma follows by resampling.

Chroma is sited as MPEG-2, H.264 and HEVC do by default: level with the left
luma sample, half-way between two lines (H.273, chroma sample location type 0).
It is brought to luma size by linear interpolation, and back by the
least-squares inverse of that interpolation, so a round trip returns what came
in and no detail is lost on the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .frame import Color, Frame, Layout, Picture, PixelFormat, Planes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class TensorPicture:
    """A picture as a filter made it.

    tensor: (C, H, W) of `layout`, any float dtype, any device; may be padded
    beyond the picture at the right and bottom only for odd sizes in `yuv420`.
    format: the pixel format it is to become again.
    chroma: where `layout` is "luma", the chroma planes (2, h, w) in [0, 1], of any size.
    """

    tensor: Tensor
    layout: Layout
    format: PixelFormat
    width: int
    height: int
    chroma: Tensor | None = None

    def planes(self, color: Color) -> Planes:
        """Code values, rounded and clipped, on the CPU."""
        return to_planes(self, color)


def to_layout(
    frame: Frame, layout: Layout, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> Tensor:
    """The frame's picture as `layout`, (C, H, W) in [0, 1]; the tensor itself where it is there already."""
    dtype = dtype or torch.float32
    picture = frame.picture
    if isinstance(picture, TensorPicture) and picture.layout == layout:
        return picture.tensor.to(device=device, dtype=dtype)
    y, uv, rgb = _components(picture, frame.color, device)
    color = frame.color
    if layout == "rgb":
        if rgb is None:
            rgb = ycbcr_to_rgb(y, _chroma_to_444(uv, y, picture.format), color, picture.format.depth)
        return rgb.to(dtype)
    if rgb is not None:
        y, uv = rgb_to_ycbcr(rgb, color, picture.format.depth)
    if layout == "luma":
        return y.to(dtype)
    return pack420(y, _resize_chroma(uv, y, (-(-y.shape[-2] // 2), -(-y.shape[-1] // 2)), picture.format)).to(dtype)


def from_tensor(frame: Frame, tensor: Tensor, layout: Layout, scale: int = 1) -> Frame:
    """The frame with a filter's output as its picture.

    tensor: (C, H*scale, W*scale) of `layout`. Pixel format and tags stay as
    they were; chroma that `layout` does not show is resampled from the frame.
    """
    old = frame.picture
    width, height = old.width * scale, old.height * scale
    if layout == "yuv420":
        want = (6, -(-height // 2), -(-width // 2))
        # an odd size times an even scale leaves one packed row or column more than is needed
        tensor = tensor[..., : want[1], : want[2]]
    else:
        want = (3 if layout == "rgb" else 1, height, width)
    if tuple(tensor.shape) != want:
        raise ValueError(f"a {layout} picture of {width}x{height} is {want}, got {tuple(tensor.shape)}")
    format = old.format
    chroma = None
    if layout == "luma" and format.kind != "gray":
        y, uv, rgb = _components(old, frame.color, tensor.device)
        if rgb is not None:
            y, uv = rgb_to_ycbcr(rgb, frame.color, format.depth)
        assert uv is not None
        chroma = uv if scale == 1 else _scale_chroma(uv, scale, (height, width), format)
    return frame.with_picture(TensorPicture(tensor, layout, format, width, height, chroma))


def to_rgb8(frame: Frame) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 R'G'B', full range, rounded."""
    rgb = to_layout(frame, "rgb").clamp(0, 1).mul(255).round_().to(torch.uint8)
    array: NDArray[np.uint8] = rgb.permute(1, 2, 0).contiguous().cpu().numpy()
    return array


def to_planes(picture: TensorPicture, color: Color) -> Planes:
    """Quantise to the picture's pixel format: rounded to nearest, clipped to the codes there are."""
    f = picture.format
    y, uv, rgb = _components(picture, color, picture.tensor.device)
    if f.kind == "rgb":
        if rgb is None:
            rgb = ycbcr_to_rgb(y, _chroma_to_444(uv, y, _native(picture)), color, f.depth)
        if color.full_range is False:
            black, span, _, _ = _excursions(False, f.depth)
            rgb = rgb * span + black
        channels = [rgb[1], rgb[2], rgb[0]]
    else:
        if rgb is not None:
            y, uv = rgb_to_ycbcr(rgb, color, f.depth)
            source = PixelFormat("", "yuv", f.depth)
        else:
            source = _native(picture)
        channels = [y[0]]
        if f.kind == "yuv":
            shape = f.plane_shapes(picture.width, picture.height)[1]
            resized = _resize_chroma(uv, y, shape, source)
            channels += [resized[0], resized[1]]
    return Planes(f, picture.width, picture.height, tuple(_quantise(c, f) for c in channels))


def pack420(y: Tensor, uv: Tensor) -> Tensor:
    """(..., 1, H, W) luma and (..., 2, ceil H/2, ceil W/2) chroma to (..., 6, ceil H/2, ceil W/2).

    Odd sizes repeat the last row and column.
    """
    h, w = y.shape[-2:]
    if h % 2 or w % 2:
        y = F.pad(y.reshape(1, -1, h, w), (0, w % 2, 0, h % 2), mode="replicate").reshape(
            *y.shape[:-2], h + h % 2, w + w % 2
        )
    return torch.cat((F.pixel_unshuffle(y, 2), uv), dim=-3)


def unpack420(packed: Tensor, width: int, height: int) -> tuple[Tensor, Tensor]:
    """The inverse of `pack420`: luma (..., 1, height, width) and chroma (..., 2, h, w)."""
    y = F.pixel_shuffle(packed[..., :4, :, :], 2)
    return y[..., :height, :width], packed[..., 4:, :, :]


def ycbcr_to_rgb(y: Tensor, uv: Tensor, color: Color, depth: int = 8) -> Tensor:
    """Y'CbCr to R'G'B'.

    y: (1, H, W), uv: (2, H, W), code value / (2**depth - 1).
    Returns (3, H, W) in [0, 1]; out-of-gamut values are clipped.
    Source: ITU-T H.273 (2021), equations 1 to 76; ITU-R BT.601-7, BT.709-6, BT.2020-2.
    """
    kr, kb = color.kr_kb(y.shape[-2])
    black, luma, chroma, neutral = _excursions(color.is_full(), depth)
    luma_01 = (y - black) / luma
    pb, pr = (uv[:1] - neutral) / chroma, (uv[1:] - neutral) / chroma
    r = luma_01 + 2 * (1 - kr) * pr
    b = luma_01 + 2 * (1 - kb) * pb
    g = (luma_01 - kr * r - kb * b) / (1 - kr - kb)
    return torch.cat((r, g, b)).clamp(0, 1)


def rgb_to_ycbcr(rgb: Tensor, color: Color, depth: int = 8) -> tuple[Tensor, Tensor]:
    """The inverse of `ycbcr_to_rgb`: (3, H, W) in [0, 1] to luma (1, H, W) and chroma (2, H, W)."""
    kr, kb = color.kr_kb(rgb.shape[-2])
    black, luma, chroma, neutral = _excursions(color.is_full(), depth)
    r, g, b = rgb[:1], rgb[1:2], rgb[2:]
    y = kr * r + (1 - kr - kb) * g + kb * b
    pb, pr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    return y * luma + black, torch.cat((pb, pr)) * chroma + neutral


def _excursions(full: bool, depth: int) -> tuple[float, float, float, float]:
    """Black, luma span, chroma span and neutral chroma, as parts of the largest code."""
    top = (1 << depth) - 1
    neutral = (1 << (depth - 1)) / top
    if full:
        return 0.0, 1.0, 1.0, neutral
    unit = (1 << (depth - 8)) / top
    return 16 * unit, 219 * unit, 224 * unit, neutral


def _components(picture: Picture, color: Color, device: torch.device | str) -> tuple[Any, Any, Tensor | None]:
    """(y, uv, None) or (None, None, rgb), float32 on `device`; uv at its own size, None for gray."""
    if isinstance(picture, TensorPicture):
        tensor = picture.tensor.to(device=device, dtype=torch.float32)
        if picture.layout == "rgb":
            return None, None, tensor
        if picture.layout == "luma":
            uv = None if picture.chroma is None else picture.chroma.to(device=device, dtype=torch.float32)
            return tensor, uv, None
        y, uv = unpack420(tensor, picture.width, picture.height)
        return y, (None if picture.format.kind == "gray" else uv), None
    planes = picture.planes(color)
    scale = 1.0 / planes.format.max_code
    floats = [p.to(device).to(torch.float32).mul_(scale) for p in planes.data]
    if planes.format.kind == "rgb":
        rgb = torch.stack((floats[2], floats[0], floats[1]))
        if color.full_range is False:
            black, span, _, _ = _excursions(False, planes.format.depth)
            rgb = (rgb - black) / span
        return None, None, rgb
    y = floats[0][None]
    return y, (torch.stack(floats[1:]) if planes.format.kind == "yuv" else None), None


def _native(picture: TensorPicture) -> PixelFormat:
    """The subsampling that a picture's chroma has now, whatever format it is to become."""
    f = picture.format
    if picture.layout == "yuv420":
        return PixelFormat("", "yuv", f.depth, 1, 1)
    return f if f.kind == "yuv" else PixelFormat("", "yuv", f.depth)


def _neutral(y: Tensor, shape: tuple[int, int], depth: int) -> Tensor:
    return y.new_full((2, *shape), (1 << (depth - 1)) / ((1 << depth) - 1))


def _chroma_to_444(uv: Tensor | None, y: Tensor, format: PixelFormat) -> Tensor:
    h, w = y.shape[-2:]
    if uv is None:
        return _neutral(y, (h, w), format.depth)
    return _resize_chroma(uv, y, (h, w), format)


def _resize_chroma(uv: Tensor | None, y: Tensor, shape: tuple[int, int], source: PixelFormat) -> Tensor:
    """Chroma (2, h, w) of a picture as large as `y` at another subsampling, each axis by its siting."""
    if uv is None:
        return _neutral(y, shape, source.depth)
    for axis in (-2, -1):
        have, want = uv.shape[axis], shape[axis + 2]
        full = y.shape[axis]
        if have == want:
            continue
        while uv.shape[axis] < want:  # one octave at a time: 4:1:1 has two
            step = _size_above(full, uv.shape[axis])
            uv = _upsample(uv, axis, step)
        while uv.shape[axis] > want:
            uv = _downsample(uv, axis)
    return uv


def _size_above(full: int, size: int) -> int:
    """The chroma size one octave above `size` on the way to `full`."""
    while -(-full // 2) > size:
        full = -(-full // 2)
    return full


def _upsample(x: Tensor, axis: int, size: int) -> Tensor:
    """Twice as long along `axis` by linear interpolation. x: (2, h, w)."""
    x = x.movedim(axis, -1)
    before = torch.cat((x[..., :1], x[..., :-1]), -1)
    after = torch.cat((x[..., 1:], x[..., -1:]), -1)
    if axis == -1:  # co-sited with the even samples
        pair = (x, (x + after) / 2)
    else:  # half-way between two lines
        pair = (0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after)
    out = torch.stack(pair, -1).flatten(-2)[..., :size]
    return out.movedim(-1, axis)


# The least-squares inverse of `_upsample` along one axis is the adjoint followed by the inverse of the
# tridiagonal (a, b, a) = U'U. That inverse is two-sided exponential: gain * ratio**|n|, where ratio solves
# a r^2 + b r + a = 0 and gain = 1 / sqrt(b^2 - 4 a^2).
_INVERSE = {-1: (1 / 2**0.5, 8**0.5 - 3), -2: (1.0, -1 / 3)}
_ADJOINT = {-1: (0, (0.5, 1.0, 0.5)), -2: (1, (0.25, 0.75, 0.75, 0.25))}
_REACH = 9  # taps each side; (1/3)**9 is a fifth of a 12-bit code


def _downsample(x: Tensor, axis: int) -> Tensor:
    """Half as long along `axis`: the samples from which `_upsample` comes nearest to x. x: (2, h, w)."""
    gain, ratio = _INVERSE[axis]
    _, adjoint = _ADJOINT[axis]
    taps = torch.zeros(4 * _REACH + len(adjoint), dtype=torch.float64)
    for n in range(-_REACH, _REACH + 1):
        for k, a in enumerate(adjoint):
            taps[2 * (n + _REACH) + k] += gain * ratio ** abs(n) * a
    taps = (taps / taps.sum()).to(x)
    x = x.movedim(axis, -1)
    size = x.shape[-1]
    if axis == -2 and size % 2 and size > 1:
        # The line that an even height would have, so that the last chroma line is found exactly.
        x = torch.cat((x, 1.5 * x[..., -1:] - 0.5 * x[..., -2:-1]), -1)
    left = 2 * _REACH + 1
    right = len(taps) - left
    flat = x.reshape(-1, 1, x.shape[-1])
    out = F.conv1d(F.pad(flat, (left, right), mode="replicate"), taps[None, None], stride=2)
    return out[..., : -(-size // 2)].reshape(*x.shape[:-1], -1).movedim(-1, axis)


def _scale_chroma(uv: Tensor, scale: int, shape: tuple[int, int], format: PixelFormat) -> Tensor:
    """Chroma for a picture `scale` times as large, at the size `format` gives it there; its siting is kept."""
    _, (h, w), _ = PixelFormat("", "yuv", 8, format.log2_w, format.log2_h).plane_shapes(shape[1], shape[0])
    step = 1 / scale
    # Left-sited chroma sample i lies on luma column i * 2**log2_w; the luma grid itself is scaled about pixel centres.
    sub = 1 << format.log2_w
    columns = ((torch.arange(w, dtype=torch.float32) * sub + 0.5) * step - 0.5) / sub if format.log2_w else None
    at_x = columns if columns is not None else (torch.arange(w, dtype=torch.float32) + 0.5) * step - 0.5
    at_y = (torch.arange(h, dtype=torch.float32) + 0.5) * step - 0.5
    grid_x = (2 * at_x + 1) / uv.shape[-1] - 1
    grid_y = (2 * at_y + 1) / uv.shape[-2] - 1
    grid = torch.stack(torch.meshgrid(grid_y, grid_x, indexing="ij")[::-1], -1)[None].to(uv)
    return F.grid_sample(uv[None], grid, mode="bicubic", padding_mode="border", align_corners=False)[0].clamp(0, 1)


def _quantise(x: Tensor, format: PixelFormat) -> Tensor:
    codes = x.detach().to(torch.float32).clamp(0, 1).mul(format.max_code).round_()
    return codes.to(torch.uint8 if format.depth == 8 else torch.uint16).contiguous().cpu()
