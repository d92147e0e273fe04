"""Pictures as arrays and tensors, as OpenCV, picamera2, libcamera, depthai and PyTorch hold them, and back.

| format | shape | what is in it |
|---|---|---|
| `bgr24`, `rgb24` | (H, W, 3) | R'G'B', full range |
| `i420` | (H * 3/2, W) | the luma's lines, then U's and V's, each a quarter as many; codes as recorded |
| `nv12` | (H * 3/2, W) | the luma's lines, then U and V in turn; codes as recorded |
| `gray` | (H, W) | luma; codes as recorded |

All are uint8. `i420` and `nv12` have even sizes: there is no such array of others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .errors import BadOption
from .frame import ArrayFormat, Color, Frame, Picture, PixelFormat, Planes, check_array_format
from .layout import TensorPicture, pack420, to_layout, to_rgb8, unpack420

_GBRP = PixelFormat("gbrp", "rgb", 8)
_GRAY = PixelFormat("gray", "gray", 8)
_420 = PixelFormat("yuv420p", "yuv", 8, 1, 1)

_SHAPES = {"bgr24": "(H, W, 3)", "rgb24": "(H, W, 3)", "i420": "(H * 3/2, W)", "nv12": "(H * 3/2, W)", "gray": "(H, W)"}


def usual_color(format: ArrayFormat) -> Color:
    """The colour of an array of which nobody says it: grey of full range, everything else as untagged video is."""
    return Color(full_range=True) if format == "gray" else Color()


def array_of(frame: Frame, format: ArrayFormat) -> NDArray[np.uint8]:
    """The frame's picture as a new array of that format, C-contiguous.

    R'G'B' is rounded once from the standard's own value. Deeper video is rounded to 8 bits. A grey array of an R'G'B'
    frame has full range, 4:2:0 of it is limited unless its colour says otherwise.
    Raises BadOption for a format that there is not, or a size that it cannot hold.
    """
    check_array_format(format)
    if format in ("bgr24", "rgb24"):
        return to_rgb8(frame, "bgr" if format == "bgr24" else "rgb")
    if format == "gray":
        return _luma(frame)
    height, width = frame.height, frame.width
    if height % 2 or width % 2:
        raise BadOption(f"{format} has even sizes, this frame is {width}x{height}; crop it, or take bgr24")
    y, u, v = _planes420(frame)
    out = np.empty((height * 3 // 2, width), np.uint8)
    out[:height] = y
    if format == "nv12":
        cv2.merge([u, v], dst=out[height:].reshape(height // 2, width // 2, 2))
    else:
        chroma = out[height:].reshape(2, height // 2, width // 2)
        chroma[0], chroma[1] = u, v
    return out


def picture_of(array: NDArray[Any], format: ArrayFormat) -> Planes:
    """An array's picture, of copied values. Raises BadOption where it is not one of that format."""
    height, width = _size(array.shape, array.dtype, format)
    data: tuple[NDArray[Any], ...]
    if format in ("bgr24", "rgb24"):
        parts = cv2.split(np.ascontiguousarray(array))
        green, blue, red = (parts[1], parts[0], parts[2]) if format == "bgr24" else (parts[1], parts[2], parts[0])
        return _planes(_GBRP, width, height, (green, blue, red))
    if format == "gray":
        return _planes(_GRAY, width, height, (np.array(array.reshape(height, width)),))
    luma, chroma = np.array(array[:height]), array[height:]
    if format == "nv12":
        data = tuple(cv2.split(np.ascontiguousarray(chroma).reshape(height // 2, width // 2, 2)))
    else:
        data = tuple(np.array(chroma).reshape(2, height // 2, width // 2))
    return _planes(_420, width, height, (luma, *data))


def picture_of_tensor(x: Tensor, format: ArrayFormat) -> Picture:
    """A tensor's picture; it stays on its device.

    x: uint8 as an array of `format`, or floating point (3, H, W) R'G'B' in [0, 1]. Raises BadOption for anything else.
    """
    x = x.detach()
    if x.dtype.is_floating_point:
        if x.ndim != 3 or x.shape[0] != 3 or not x.numel():
            raise BadOption(f"a floating-point tensor is (3, H, W) R'G'B' in [0, 1], got {tuple(x.shape)}")
        return TensorPicture(x.to(torch.float32, copy=True), "rgb", _GBRP, x.shape[2], x.shape[1])
    if _is_here(x):
        return picture_of(x.numpy(), format)
    height, width = _size(tuple(x.shape), str(x.dtype).removeprefix("torch."), format)
    values = x.to(torch.float32) / 255
    if format in ("bgr24", "rgb24"):
        rgb = values.permute(2, 0, 1)
        return TensorPicture((rgb.flip(0) if format == "bgr24" else rgb).contiguous(), "rgb", _GBRP, width, height)
    if format == "gray":
        return TensorPicture(values.reshape(1, height, width), "luma", _GRAY, width, height)
    chroma = values[height:]
    if format == "nv12":
        uv = chroma.reshape(height // 2, width // 2, 2).permute(2, 0, 1)
    else:
        uv = chroma.reshape(2, height // 2, width // 2)
    return TensorPicture(pack420(values[None, :height], uv), "yuv420", _420, width, height)


def tensor_like(frame: Frame, x: Tensor, format: ArrayFormat) -> Tensor:
    """The frame's picture as a tensor of x's kind, dtype and device, see `picture_of_tensor`."""
    if x.dtype.is_floating_point:
        return to_layout(frame, "rgb", x.device).to(x.dtype)
    if _is_here(x):
        return torch.from_numpy(array_of(frame, format))
    if format in ("bgr24", "rgb24"):
        rgb = to_layout(frame, "rgb", x.device)
        return _bytes((rgb.flip(0) if format == "bgr24" else rgb).permute(1, 2, 0))
    if format == "gray":
        return _bytes(to_layout(frame, "luma", x.device)[0])
    y, uv = unpack420(to_layout(frame, "yuv420", x.device), frame.width, frame.height)
    chroma = uv.permute(1, 2, 0) if format == "nv12" else uv
    return _bytes(torch.cat((y[0], chroma.reshape(frame.height // 2, frame.width))))


def _is_here(x: Tensor) -> bool:
    """True if NumPy can see it."""
    return x.device.type == "cpu"


def _bytes(x: Tensor) -> Tensor:
    return x.clamp(0, 1).mul(255).round_().to(torch.uint8).contiguous()


def _size(shape: tuple[int, ...], dtype: object, format: ArrayFormat) -> tuple[int, int]:
    """Height and width of the picture. Raises BadOption that says what the format is."""
    wanted = f"{format} is {_SHAPES[format]} uint8"
    got = f"got {shape} {dtype}"
    if str(dtype) != "uint8":
        raise BadOption(f"{wanted}, {got}; deeper pictures are pushed as av.VideoFrame or streamfix.Frame")
    if format in ("bgr24", "rgb24"):
        if len(shape) == 3 and shape[2] == 3 and shape[0] and shape[1]:
            return shape[0], shape[1]
        if len(shape) == 3 and shape[2] == 4:
            raise BadOption(f"{wanted}, {got}; leave the fourth channel out: array[..., :3]")
        hint = "; say format='gray', 'i420' or 'nv12' if it is one of these" if len(shape) == 2 else ""
        raise BadOption(f"{wanted}, {got}{hint}")
    if format == "gray":
        if (len(shape) == 2 or (len(shape) == 3 and shape[2] == 1)) and shape[0] and shape[1]:
            return shape[0], shape[1]
        raise BadOption(f"{wanted}, {got}")
    if len(shape) != 2 or not shape[0] or not shape[1] or shape[0] % 3 or shape[1] % 2:
        raise BadOption(f"{wanted} of even height and width, {got}")
    return shape[0] * 2 // 3, shape[1]


def _planes(format: PixelFormat, width: int, height: int, data: tuple[NDArray[Any], ...]) -> Planes:
    return Planes(format, width, height, tuple(np.asarray(plane) for plane in data))


def _luma(frame: Frame) -> NDArray[np.uint8]:
    if frame.picture.format.kind == "rgb":
        color = replace(frame.color, full_range=True)
        luma = to_layout(replace(frame, color=color), "luma")
        planes = TensorPicture(luma, "luma", _GRAY, frame.width, frame.height).planes(color)
    else:
        planes = frame.picture.planes(frame.color)
    return np.array(_in_8_bits(planes.data[0], planes.format.depth, frame.color))


def _planes420(frame: Frame) -> list[NDArray[np.uint8]]:
    """Y, U and V as codes of 8 bits."""
    picture, color = frame.picture, frame.color
    f = picture.format
    if f.kind == "yuv" and (f.log2_w, f.log2_h) == (1, 1):
        planes = picture.planes(color)
    else:
        if f.kind == "rgb" and color.full_range:
            color = replace(color, full_range=None)  # R'G'B' has full range either way, its 4:2:0 then is limited
        x = to_layout(replace(frame, color=color), "yuv420")
        f = PixelFormat("", "yuv", f.depth, 1, 1)
        planes = TensorPicture(x, "yuv420", f, frame.width, frame.height).planes(color)
    return [_in_8_bits(plane, f.depth, color) for plane in planes.data]


def _in_8_bits(codes: NDArray[Any], depth: int, color: Color) -> NDArray[np.uint8]:
    """Codes of more bits rounded to 8."""
    if depth == 8:
        return codes
    gain = 255 / ((1 << depth) - 1) if color.is_full() else 0.5 ** (depth - 8)
    return np.asarray(cv2.addWeighted(codes, gain, codes, 0, 0, dtype=cv2.CV_8U), np.uint8)
