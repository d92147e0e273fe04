"""The slate: the picture that says that there is no signal."""

from __future__ import annotations

from typing import Any

from ...frame import Color, PixelFormat, Planes

_GROUND, _BAND, _INK = 0.22, 0.12, 0.82  # luma, of the way from black to white
_WIDTH = 0.8  # of the picture's width that the text may take


def slate(format: PixelFormat, width: int, height: int, color: Color, name: str, time: str) -> Planes:
    """A grey picture with "NO SIGNAL", the stream's name and the time.

    format: any planar one. width, height: in pixels. color: its range is kept; untagged Y'CbCr is limited. Letters that
    the font does not have are shown as "?".
    """
    import cv2
    import numpy as np

    ink = np.full((height, width), round(_GROUND * 255), np.uint8)
    cv2.rectangle(ink, (0, int(height * 0.3)), (width, int(height * 0.7)), round(_BAND * 255), cv2.FILLED)
    lines = [("NO SIGNAL", 0.16, 0.46), (name, 0.07, 0.56), (time, 0.07, 0.65)]
    for text, size, bottom in lines:
        _write(cv2, ink, text.encode("ascii", "replace").decode(), size * height, int(bottom * height))
    rgb = format.kind == "rgb"
    low, high = (0, format.max_code) if color.is_full(default=rgb) else _limited(format.depth)
    luma = low + ink.astype(np.float32) / 255 * (high - low)
    codes = np.rint(luma).astype(np.uint8 if format.depth == 8 else np.uint16)
    planes = [codes]
    for shape in format.plane_shapes(width, height)[1:]:
        planes.append(codes.copy() if rgb else np.full(shape, 1 << (format.depth - 1), codes.dtype))
    return Planes(format, width, height, tuple(planes))


def _limited(depth: int) -> tuple[int, int]:
    """Codes of black and white, ITU-R BT.709-6 section 4."""
    return 16 << (depth - 8), 235 << (depth - 8)


def _write(cv2: Any, ink: Any, text: str, line_height: float, bottom: int) -> None:
    """Write one centred line, scaled down if it is too wide."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    scale, thickness = line_height / max(1, cv2.getTextSize(text, font, 1.0, 1)[0][1]), 1
    for _ in range(2):  # its width does not quite follow the scale
        thickness = max(1, round(scale * 2))
        text_width = cv2.getTextSize(text, font, scale, thickness)[0][0]
        if text_width > _WIDTH * ink.shape[1]:
            scale *= _WIDTH * ink.shape[1] / text_width
    begin = (ink.shape[1] - cv2.getTextSize(text, font, scale, thickness)[0][0]) // 2
    cv2.putText(ink, text, (begin, bottom), font, scale, round(_INK * 255), thickness, cv2.LINE_AA)
