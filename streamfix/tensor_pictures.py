"""Pictures as PyTorch tensors of the formats in `arrays`, or of floating-point R'G'B', and back."""

from __future__ import annotations

import torch
from torch import Tensor

from .arrays import GBRP, GRAY, YUV420, array_of, array_size, picture_of
from .errors import BadOption
from .frame import ArrayFormat, Frame, Picture
from .layout import TensorPicture, pack420, to_layout, unpack420


def picture_of_tensor(x: Tensor, format: ArrayFormat) -> Picture:
    """A tensor's picture; it stays on its device.

    x: uint8 as an array of `format`, or floating point (3, H, W) R'G'B' in [0, 1]. Raises BadOption for anything else.
    """
    x = x.detach()
    if x.dtype.is_floating_point:
        if x.ndim != 3 or x.shape[0] != 3 or not x.numel():
            raise BadOption(f"a floating-point tensor is (3, H, W) R'G'B' in [0, 1], got {tuple(x.shape)}")
        return TensorPicture(x.to(torch.float32, copy=True), "rgb", GBRP, x.shape[2], x.shape[1])
    if _is_here(x):
        return picture_of(x.numpy(), format)
    height, width = array_size(tuple(x.shape), str(x.dtype).removeprefix("torch."), format)
    values = x.to(torch.float32) / 255
    if format in ("bgr24", "rgb24"):
        rgb = values.permute(2, 0, 1)
        return TensorPicture((rgb.flip(0) if format == "bgr24" else rgb).contiguous(), "rgb", GBRP, width, height)
    if format == "gray":
        return TensorPicture(values.reshape(1, height, width), "luma", GRAY, width, height)
    chroma = values[height:]
    if format == "nv12":
        uv = chroma.reshape(height // 2, width // 2, 2).permute(2, 0, 1)
    else:
        uv = chroma.reshape(2, height // 2, width // 2)
    return TensorPicture(pack420(values[None, :height], uv), "yuv420", YUV420, width, height)


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
