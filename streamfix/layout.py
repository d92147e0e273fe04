"""The three layouts in which a filter can see a picture, and exact conversions between them.

- `yuv420`, (6, ceil H/2, ceil W/2): the luma's four sub-pixels (top left, top
  right, bottom left, bottom right) and the two chroma planes, code value /
  (2**depth - 1). 4:2:0 video as it is: nothing is converted.
- `rgb`, (3, H, W): R'G'B' in [0, 1], by the frame's own matrix and range.
- `luma`, (1, H, W): code value / (2**depth - 1); chroma is resampled to follow.

Colour conversion and chroma resampling are in `streamfix.color`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor

from .color import chroma_to_444, excursions, resize_chroma, rgb_to_ycbcr, scale_chroma, ycbcr_to_rgb
from .forking import check_threads
from .frame import Color, Frame, Layout, Picture, PixelFormat, Planes, scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class TensorPicture:
    """A picture as a filter made it.

    tensor: (C, H, W) of `layout`, any float dtype, any device. Only `yuv420` may
    have padding, at the right and bottom, for odd sizes.
    format: the pixel format to convert back to.
    chroma: if `layout` is "luma", the chroma planes (2, h, w) in [0, 1], of any size.
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
    """The frame's picture as `layout`, (C, H, W) in [0, 1]; no copy if it already has that layout, dtype and device."""
    check_threads()
    dtype = dtype or torch.float32
    picture = frame.picture
    if isinstance(picture, TensorPicture) and picture.layout == layout:
        return picture.tensor.to(device=device, dtype=dtype)
    color = frame.color
    if layout == "yuv420" and not isinstance(picture, TensorPicture) and _is_420(picture.format):
        codes = picture.planes(color).data  # packed as integer codes, then converted to float in one step
        packed = pack420(codes[0][None], torch.stack(codes[1:])).to(device)
        return packed.to(torch.float32).mul_(1 / picture.format.max_code).to(dtype)
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


def from_tensor(frame: Frame, tensor: Tensor, layout: Layout, scale: int | Fraction = 1) -> Frame:
    """The frame with a filter's output as its picture.

    tensor: (C, H*scale, W*scale) of `layout`, see `scaled`. Pixel format and tags stay the
    same; chroma that `layout` does not include is resampled from the frame.
    Chroma finer than 4:2:0 keeps its detail: only what the filter changed in
    `yuv420` is applied to it.
    """
    old = frame.picture
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
    if layout == "yuv420" and scale == 1 and _has_finer_chroma(old):
        return frame.with_picture(_with_chroma_changed(frame, tensor))
    chroma = None
    if layout == "luma" and format.kind != "gray":
        _, uv, rgb = _components(old, frame.color, tensor.device)
        if rgb is not None:
            _, uv = rgb_to_ycbcr(rgb, frame.color, format.depth)
        assert uv is not None
        chroma = uv if scale == 1 else scale_chroma(uv, scale, (height, width), format)
    return frame.with_picture(TensorPicture(tensor, layout, format, width, height, chroma))


def _has_finer_chroma(picture: Picture) -> bool:
    if picture.format.kind == "gray" or _is_420(picture.format):
        return False
    return not (isinstance(picture, TensorPicture) and picture.layout == "yuv420")


def _with_chroma_changed(frame: Frame, tensor: Tensor) -> TensorPicture:
    """The frame's picture with the luma of a `yuv420` result, and the change that the result makes to chroma."""
    old = frame.picture
    y, uv, rgb = _components(old, frame.color, tensor.device)
    if rgb is not None:
        y, uv = rgb_to_ycbcr(rgb, frame.color, old.format.depth)
    subsampled = PixelFormat("", "yuv", old.format.depth, 1, 1)
    luma, now = unpack420(tensor.to(torch.float32), old.width, old.height)
    change = now - resize_chroma(uv, y, (now.shape[-2], now.shape[-1]), old.format)
    chroma = uv + resize_chroma(change, y, (uv.shape[-2], uv.shape[-1]), subsampled)
    return TensorPicture(luma, "luma", old.format, old.width, old.height, chroma)


def to_rgb8(frame: Frame) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 R'G'B', full range, rounded."""
    rgb = to_layout(frame, "rgb").clamp(0, 1).mul(255).round_().to(torch.uint8)
    array: NDArray[np.uint8] = rgb.permute(1, 2, 0).contiguous().cpu().numpy()
    return array


def to_planes(picture: TensorPicture, color: Color) -> Planes:
    """Quantise to the picture's pixel format: rounded to nearest, clipped to valid codes."""
    check_threads()
    f = picture.format
    if picture.layout == "yuv420" and _is_420(f):
        luma, chroma = unpack420(_quantise(picture.tensor, f), picture.width, picture.height)
        return Planes(f, picture.width, picture.height, (luma[0], chroma[0], chroma[1]))
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
    packed = uv.new_empty((6, *uv.shape[-2:]))
    # Strided copies: on a CPU an order of magnitude faster than pixel_unshuffle. NumPy's are twice as fast for bytes.
    if _is_bytes(packed):
        parts, luma = packed.numpy(), y[0].numpy()
        for i in range(4):
            parts[i] = luma[i // 2 :: 2, i % 2 :: 2]
    else:
        for i in range(4):
            packed[i] = y[0, i // 2 :: 2, i % 2 :: 2]
    packed[4:] = uv
    return packed


def unpack420(packed: Tensor, width: int, height: int) -> tuple[Tensor, Tensor]:
    """The inverse of `pack420`: luma (1, height, width) and chroma (2, h, w)."""
    h, w = packed.shape[-2:]
    y = packed.new_empty((1, 2 * h, 2 * w))
    if _is_bytes(packed):  # eight times as fast
        parts, rows = packed.numpy(), y.numpy().reshape(h, 2, w, 2)
        for row in range(2):
            cv2.merge([parts[2 * row], parts[2 * row + 1]], dst=rows[:, row])
        return y[:, :height, :width], packed[4:]
    for i in range(4):
        y[0, i // 2 :: 2, i % 2 :: 2] = packed[i]
    return y[:, :height, :width], packed[4:]


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
            black, span, _, _ = excursions(False, planes.format.depth)
            rgb = (rgb - black) / span
        return None, None, rgb
    y = floats[0][None]
    return y, (torch.stack(floats[1:]) if planes.format.kind == "yuv" else None), None


def _is_420(format: PixelFormat) -> bool:
    return format.kind == "yuv" and (format.log2_w, format.log2_h) == (1, 1)


def _native(picture: TensorPicture) -> PixelFormat:
    """The subsampling that a picture's chroma has now, whatever format it will be converted to."""
    f = picture.format
    if picture.layout == "yuv420":
        return PixelFormat("", "yuv", f.depth, 1, 1)
    return f if f.kind == "yuv" else PixelFormat("", "yuv", f.depth)


def _is_bytes(tensor: Tensor) -> bool:
    return tensor.dtype == torch.uint8 and tensor.device.type == "cpu"


def _quantise(x: Tensor, format: PixelFormat) -> Tensor:
    values = x.detach().to(torch.float32)
    if format.depth == 8 and values.device.type == "cpu":  # one pass of OpenCV's: six times as fast, and the same
        rows = values.contiguous().reshape(-1, values.shape[-1]).numpy()
        eights = cv2.convertScaleAbs(cv2.threshold(rows, 0, 0, cv2.THRESH_TOZERO)[1], alpha=format.max_code)
        return torch.from_numpy(np.asarray(eights)).reshape(values.shape)
    codes = values.clamp(0, 1).mul(format.max_code).round_()
    return codes.to(torch.uint8 if format.depth == 8 else torch.uint16).contiguous().cpu()
