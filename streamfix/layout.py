"""The three layouts in which a filter can see a picture, and exact conversions between them.

- `yuv420`, (6, ceil H/2, ceil W/2): the luma's four sub-pixels (top left, top
  right, bottom left, bottom right) and the two chroma planes, code value /
  (2**depth - 1). 4:2:0 video as it is: nothing is converted.
- `rgb`, (3, H, W): R'G'B' in [0, 1], by the frame's own matrix and range.
- `luma`, (1, H, W): code value / (2**depth - 1); chroma is resampled to follow.

Colour conversion and chroma resampling are in `streamfix.color`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor

from . import color_cpu, yuv420
from .color import chroma_to_444, resize_chroma, rgb_to_ycbcr, scale_chroma, ycbcr_to_rgb
from .color_cpu import excursions
from .forking import check_threads
from .frame import Color, Frame, Layout, Picture, PixelFormat, Planes, scaled
from .rgb8 import Order, converted
from .threads import quiet
from .transfer import downloaded, uploaded
from .yuv420 import ArrayPicture, is_420

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class FinerChroma:
    """Where a `yuv420` picture came from, if its chroma was finer than 4:2:0: that keeps its detail.

    Filters see the chroma at half size; what they change in it is applied to the chroma as it was recorded.
    recorded: the picture before the first such filter. packed: its chroma as the filter saw it, (2, h, w).
    """

    recorded: Picture
    packed: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class TensorPicture:
    """A picture as a filter made it.

    tensor: (C, H, W) of `layout`, any float dtype, any device. Only `yuv420` may
    have padding, at the right and bottom, for odd sizes.
    format: the pixel format to convert back to.
    chroma: if `layout` is "luma", the chroma planes (2, h, w) in [0, 1], of any size.
    finer: if `layout` is "yuv420" and the recorded chroma was finer than that.
    """

    tensor: Tensor
    layout: Layout
    format: PixelFormat
    width: int
    height: int
    chroma: Tensor | None = None
    finer: FinerChroma | None = None

    def planes(self, color: Color) -> Planes:
        """Code values, rounded and clipped, on the CPU."""
        return to_planes(self, color)


def as_tensors(picture: Picture) -> Picture:
    """The picture, as a tensor if it is an array; nothing is copied."""
    if not isinstance(picture, ArrayPicture):
        return picture
    was = picture.finer
    finer = None if was is None else FinerChroma(was.recorded, torch.from_numpy(was.packed))
    tensor = torch.from_numpy(picture.array)
    return TensorPicture(tensor, "yuv420", picture.format, picture.width, picture.height, finer=finer)


@quiet
def to_layout(
    frame: Frame, layout: Layout, device: torch.device | str = "cpu", dtype: torch.dtype | None = None
) -> Tensor:
    """The frame's picture as `layout`, (C, H, W) in [0, 1]; no copy if it already has that layout, dtype and device."""
    check_threads()
    dtype = dtype or torch.float32
    picture = as_tensors(frame.picture)
    if isinstance(picture, TensorPicture) and picture.layout == layout:
        return picture.tensor.to(device=device, dtype=dtype)
    color = frame.color
    if layout == "luma" and isinstance(picture, TensorPicture) and picture.layout == "yuv420":
        return unpack420(picture.tensor.to(device=device, dtype=dtype), picture.width, picture.height)[0]
    if not isinstance(picture, TensorPicture):
        if layout == "yuv420" and is_420(picture.format):
            return uploaded(picture.planes(color), device).to(dtype)
        if layout == "rgb" and torch.device(device).type == "cpu" and _at_most_halved(picture.format):
            return torch.from_numpy(_rgb_of_codes(picture.planes(color), color)).to(dtype)
    y, uv, rgb = _components(picture, color, device)
    if layout == "rgb":
        if rgb is None:
            rgb = ycbcr_to_rgb(y, chroma_to_444(uv, y, picture.format), color, picture.format.depth)
        return rgb.to(dtype)
    if rgb is not None:
        y, uv = rgb_to_ycbcr(rgb, color, picture.format.depth)
    if layout == "luma":
        luma: Tensor = y.to(dtype)
        return luma
    return pack420(y, resize_chroma(uv, y, (-(-y.shape[-2] // 2), -(-y.shape[-1] // 2)), picture.format)).to(dtype)


def _at_most_halved(format: PixelFormat) -> bool:
    """True for Y'CbCr whose chroma is at most half as wide and half as high as its luma."""
    return format.kind == "yuv" and max(format.log2_w, format.log2_h) <= 1


def _rgb_of_codes(planes: Planes, color: Color) -> NDArray[np.float32]:
    f = planes.format
    y, u, v = planes.data
    return color_cpu.rgb_of_codes(
        *(y, (u, v)),
        top=float(f.max_code),
        levels=excursions(color.is_full(), f.depth),
        kr_kb=color.kr_kb(planes.height),
        halved=(bool(f.log2_w), bool(f.log2_h)),
    )


@quiet
def from_tensor(frame: Frame, tensor: Tensor, layout: Layout, scale: int | Fraction = 1) -> Frame:
    """The frame with a filter's output as its picture.

    tensor: (C, H*scale, W*scale) of `layout`, see `scaled`. Pixel format and tags stay the
    same; chroma that `layout` does not include is resampled from the frame.
    Chroma finer than 4:2:0 keeps its detail: only what the filter changed in
    `yuv420` is applied to it.
    """
    old = as_tensors(frame.picture)
    width, height = scaled(old.width, scale), scaled(old.height, scale)
    if layout == "yuv420":
        want = (6, -(-height // 2), -(-width // 2))
        # An odd size times an even scale leaves one packed row or column too many.
        tensor = tensor[..., : want[1], : want[2]]
    else:
        want = (3 if layout == "rgb" else 1, height, width)
    if tuple(tensor.shape) != want:
        raise ValueError(f"a {layout} picture of {width}x{height} is {want}, got {tuple(tensor.shape)}")
    format = old.format
    if layout == "yuv420":
        finer = None
        if scale == 1 and isinstance(old, TensorPicture) and old.layout == layout:
            finer = old.finer
        elif scale == 1 and _is_finer(format):
            finer = FinerChroma(old, to_layout(frame, layout, tensor.device)[4:])
        return frame.with_picture(TensorPicture(tensor, layout, format, width, height, finer=finer))
    chroma = None
    if layout == "luma" and format.kind != "gray":
        _, uv, rgb = _components(old, frame.color, tensor.device)
        if rgb is not None:
            _, uv = rgb_to_ycbcr(rgb, frame.color, format.depth)
        assert uv is not None
        chroma = uv if scale == 1 else scale_chroma(uv, scale, (height, width), format)
    return frame.with_picture(TensorPicture(tensor, layout, format, width, height, chroma))


@quiet
def in_layout(frame: Frame, layout: Layout, device: torch.device | str = "cpu") -> Frame:
    """The frame with its picture as a tensor of that layout, unchanged."""
    tensor, old = to_layout(frame, layout, device), as_tensors(frame.picture)
    is_packed = isinstance(old, TensorPicture) and old.layout == "yuv420"
    if layout == "yuv420" and not is_packed and _is_finer(old.format):
        finer = FinerChroma(old, tensor[4:])
        return frame.with_picture(TensorPicture(tensor, layout, old.format, old.width, old.height, finer=finer))
    return from_tensor(frame, tensor, layout)


def _is_finer(format: PixelFormat) -> bool:
    """True if a format's chroma is finer than 4:2:0."""
    return format.kind != "gray" and not is_420(format)


def _chroma_changed(picture: TensorPicture, y: Tensor, now: Tensor, color: Color) -> Tensor:
    """The recorded chroma, (2, h, w) of its own size, with what filters have changed in it since."""
    finer = picture.finer
    assert finer is not None
    _, uv, rgb = _components(finer.recorded, color, y.device)
    if rgb is not None:
        _, uv = rgb_to_ycbcr(rgb, color, picture.format.depth)
    was = finer.packed.to(device=y.device, dtype=torch.float32)
    subsampled = PixelFormat("", "yuv", picture.format.depth, 1, 1)
    change = resize_chroma(now - was, y, (uv.shape[-2], uv.shape[-1]), subsampled)
    changed: Tensor = change.add_(uv)
    return changed


@quiet
def tensor_rgb8(picture: TensorPicture, color: Color, order: Order) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 R'G'B' of that order, full range, rounded once; see `rgb8`."""
    check_threads()
    if picture.layout == "yuv420" and picture.finer is None and picture.format.kind != "gray":
        y, chroma = unpack420(picture.tensor.to("cpu", torch.float32), picture.width, picture.height)
        uv = (chroma[0].numpy(), chroma[1].numpy())
        return converted(y[0].numpy(), uv, 1.0, (True, True), color, picture.format.depth, order)
    y, uv, rgb = _components(picture, color, "cpu")
    if rgb is not None:
        red, green, blue = (_quantise(c, _EIGHT_BITS) for c in rgb)
        return np.asarray(cv2.merge([red, green, blue] if order == "rgb" else [blue, green, red]), np.uint8)
    if uv is not None:
        u, v = chroma_to_444(uv, y, _native(picture))
        uv = (u.numpy(), v.numpy())
    return converted(y[0].numpy(), uv, 1.0, (False, False), color, picture.format.depth, order)


_EIGHT_BITS = PixelFormat("gray", "gray", 8)


@quiet
def to_planes(picture: TensorPicture, color: Color) -> Planes:
    """Quantise to the picture's pixel format: rounded to nearest, clipped to valid codes."""
    check_threads()
    f = picture.format
    if picture.layout == "yuv420" and is_420(f):
        codes = _quantise(picture.tensor, f)
        return Planes(f, picture.width, picture.height, yuv420.unpacked(codes, picture.width, picture.height))
    y, uv, rgb = _components(picture, color, picture.tensor.device)
    if f.kind == "rgb":
        if rgb is None:
            rgb = ycbcr_to_rgb(y, chroma_to_444(uv, y, _native(picture)), color, f.depth)
        if color.full_range is False:
            black, span, _, _ = excursions(False, f.depth)
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
            resized = resize_chroma(uv, y, shape, source)
            channels += [resized[0], resized[1]]
    return Planes(f, picture.width, picture.height, tuple(_quantise(c, f) for c in channels))


def pack420(y: Tensor, uv: Tensor) -> Tensor:
    """Pack luma (1, H, W) and chroma (2, ceil H/2, ceil W/2), of any dtype, into (6, ceil H/2, ceil W/2).

    Odd sizes repeat the last row and column.
    """
    if y.shape[-2] % 2:
        y = torch.cat((y, y[:, -1:]), -2)
    if y.shape[-1] % 2:
        y = torch.cat((y, y[..., -1:]), -1)
    h, w = uv.shape[-2:]
    packed = uv.new_empty((6, h, w))
    # Strided copies: on a CPU an order of magnitude faster than pixel_unshuffle. OpenCV's are faster still.
    if _is_array(y) and _is_array(packed):
        yuv420.split_luma(y[0].contiguous().numpy(), packed.numpy())
    else:
        for i in range(4):
            packed[i] = y[0, i // 2 :: 2, i % 2 :: 2]
    packed[4:] = uv
    return packed


def unpack420(packed: Tensor, width: int, height: int) -> tuple[Tensor, Tensor]:
    """The inverse of `pack420`: luma (1, height, width) and chroma (2, h, w)."""
    if _is_array(packed):
        return torch.from_numpy(yuv420.joined_luma(packed.numpy()))[None, :height, :width], packed[4:]
    h, w = packed.shape[-2:]
    y = packed.new_empty((1, 2 * h, 2 * w))
    for i in range(4):
        y[0, i // 2 :: 2, i % 2 :: 2] = packed[i]
    return y[:, :height, :width], packed[4:]


def _components(picture: Picture, color: Color, device: torch.device | str) -> tuple[Any, Any, Tensor | None]:
    """(y, uv, None) or (None, None, rgb), float32 on `device`; uv at its own size, None for gray."""
    picture = as_tensors(picture)
    if isinstance(picture, TensorPicture):
        tensor = picture.tensor.to(device=device, dtype=torch.float32)
        if picture.layout == "rgb":
            return None, None, tensor
        if picture.layout == "luma":
            uv = None if picture.chroma is None else picture.chroma.to(device=device, dtype=torch.float32)
            return tensor, uv, None
        y, uv = unpack420(tensor, picture.width, picture.height)
        if picture.format.kind == "gray":
            return y, None, None
        return y, (uv if picture.finer is None else _chroma_changed(picture, y, uv, color)), None
    planes = picture.planes(color)
    scale = 1.0 / planes.format.max_code
    if planes.format.kind == "rgb":
        green, blue, red = planes.data
        rgb = _floats((red, green, blue), scale).to(device)
        if color.full_range is False:
            black, span, _, _ = excursions(False, planes.format.depth)
            rgb = (rgb - black) / span
        return None, None, rgb
    y = _floats(planes.data[:1], scale).to(device)
    return y, (_floats(planes.data[1:], scale).to(device) if planes.format.kind == "yuv" else None), None


def _floats(planes: Sequence[NDArray[Any]], scale: float) -> Tensor:
    """Planes of codes, all of one size, as (C, H, W) float32."""
    out = np.empty((len(planes), *planes[0].shape), np.float32)
    for plane, values in zip(planes, out, strict=True):
        np.multiply(plane, np.float32(scale), out=values)
    return torch.from_numpy(out)


def _native(picture: TensorPicture) -> PixelFormat:
    """The subsampling that a picture's chroma has now, whatever format it will be converted to."""
    f = picture.format
    if picture.layout == "yuv420" and picture.finer is None:
        return PixelFormat("", "yuv", f.depth, 1, 1)
    return f if f.kind == "yuv" else PixelFormat("", "yuv", f.depth)


def _is_array(tensor: Tensor) -> bool:
    """True for what OpenCV can copy."""
    own = tensor.dtype in (torch.uint8, torch.uint16, torch.float32)
    return own and tensor.device.type == "cpu" and not tensor.requires_grad


def _quantise(x: Tensor, format: PixelFormat) -> NDArray[Any]:
    values = x.detach().to(torch.float32)
    if values.device.type == "cpu":
        return yuv420.quantised(values.numpy(), format)
    codes = values.clamp(0, 1).mul(format.max_code).round_()
    return downloaded(codes.to(torch.uint8 if format.depth == 8 else torch.uint16))
