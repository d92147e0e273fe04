"""Pictures as arrays, as OpenCV, picamera2, libcamera and depthai hold them, and back.

| format | shape | what is in it |
|---|---|---|
| `bgr24`, `rgb24` | (H, W, 3) | R'G'B', full range |
| `i420` | (H * 3/2, W) | the luma's lines, then U's and V's, each a quarter as many; codes as recorded |
| `nv12` | (H * 3/2, W) | the luma's lines, then U and V in turn; codes as recorded |
| `gray` | (H, W) | luma; codes as recorded |

All are uint8. `i420` and `nv12` have even sizes: there is no such array of others. torch is loaded only for pictures
that are tensors.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import BadOption
from .frame import ArrayFormat, Color, Frame, Picture, PixelFormat, Planes, check_array_format
from .rgb8 import to_rgb8
from .yuv420 import ArrayPicture, components, is_420, quantised, seen

GBRP = PixelFormat("gbrp", "rgb", 8)
GRAY = PixelFormat("gray", "gray", 8)
YUV420 = PixelFormat("yuv420p", "yuv", 8, 1, 1)

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
    height, width = array_size(array.shape, array.dtype, format)
    data: tuple[NDArray[Any], ...]
    if format in ("bgr24", "rgb24"):
        parts = cv2.split(np.ascontiguousarray(array))
        green, blue, red = (parts[1], parts[0], parts[2]) if format == "bgr24" else (parts[1], parts[2], parts[0])
        return _planes(GBRP, width, height, (green, blue, red))
    if format == "gray":
        return _planes(GRAY, width, height, (np.array(array.reshape(height, width)),))
    luma, chroma = np.array(array[:height]), array[height:]
    if format == "nv12":
        data = tuple(cv2.split(np.ascontiguousarray(chroma).reshape(height // 2, width // 2, 2)))
    else:
        data = tuple(np.array(chroma).reshape(2, height // 2, width // 2))
    return _planes(YUV420, width, height, (luma, *data))


def array_size(shape: tuple[int, ...], dtype: object, format: ArrayFormat) -> tuple[int, int]:
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
    picture, color = frame.picture, frame.color
    if picture.format.kind != "rgb":
        planes = picture.planes(color)
        return np.array(_in_8_bits(planes.data[0], planes.format.depth, color))
    color = replace(color, full_range=True)
    if hasattr(picture, "tensor"):
        from .layout import to_layout

        luma = to_layout(replace(frame, color=color), "luma").numpy()[0]
    else:
        luma = (picture.components(color) if isinstance(picture, ArrayPicture) else _whole(picture, frame.color))[0]
    return np.asarray(quantised(luma, GRAY), np.uint8)


def _whole(picture: Picture, color: Color) -> tuple[NDArray[Any], NDArray[Any] | None]:
    return components(picture.planes(color), replace(color, full_range=True))


def _planes420(frame: Frame) -> list[NDArray[np.uint8]]:
    """Y, U and V as codes of 8 bits."""
    picture, color = frame.picture, frame.color
    f = picture.format
    if is_420(f):
        planes = picture.planes(color)
    else:
        if f.kind == "rgb" and color.full_range:
            color = replace(color, full_range=None)  # R'G'B' has full range either way, its 4:2:0 then is limited
        f = PixelFormat("", "yuv", f.depth, 1, 1)
        if hasattr(picture, "tensor"):
            from .layout import to_layout

            array = to_layout(replace(frame, color=color), "yuv420").numpy()
        else:
            array = seen(picture, color).array
        planes = ArrayPicture(array, f, frame.width, frame.height).planes(color)
    return [_in_8_bits(plane, f.depth, color) for plane in planes.data]


def _in_8_bits(codes: NDArray[Any], depth: int, color: Color) -> NDArray[np.uint8]:
    """Codes of more bits rounded to 8."""
    if depth == 8:
        return codes
    gain = 255 / ((1 << depth) - 1) if color.is_full() else 0.5 ** (depth - 8)
    return np.asarray(cv2.addWeighted(codes, gain, codes, 0, 0, dtype=cv2.CV_8U), np.uint8)
