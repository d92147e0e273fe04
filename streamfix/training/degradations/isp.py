"""A camera's image signal processor: demosaicking, white balance, colour, tone, sharpening, and smear in time.

What it makes of sensor noise is what users see: correlated over some pixels, stronger in the dark, coloured.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..planes420 import Planes420
from .sensor import CameraModel

Floats: TypeAlias = NDArray[np.float32]

# Raw values as 16-bit codes, with room for noise under black and for gains above white.
_WHITE, _BLACK = 36000.0, 16384.0
_DEMOSAIC = {
    "RGGB": cv2.COLOR_BayerRGGB2RGB,
    "BGGR": cv2.COLOR_BayerBGGR2RGB,
    "GRBG": cv2.COLOR_BayerGRBG2RGB,
    "GBRG": cv2.COLOR_BayerGBRG2RGB,
}
_FINE = np.arange(65536) / 65535
_SRGB = np.where(_FINE <= 0.0031308, _FINE * 12.92, 1.055 * _FINE ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
_CODED = {False: _SRGB.astype(np.float32), True: (3 * _SRGB**2 - 2 * _SRGB**3).astype(np.float32)}


def from_linear(linear: Floats, tone: bool, gain: float = 1.0) -> Floats:
    """R'G'B' in [0, 1] of linear light, any shape: gain, clipping, the sRGB curve and, if `tone`, 3 x^2 - 2 x^3."""
    index = np.multiply(linear, np.float32(gain * 65535))
    np.clip(index, 0, 65535, out=index)
    return np.asarray(_CODED[tone][index.astype(np.uint16)], np.float32)


def develop(raw: Floats, camera: CameraModel, gain: float = 1.0) -> Floats:
    """Raw values (T, H, W), 1 at saturation, to R'G'B' (T, H, W, 3) in [0, 1].

    White balance, `gain`, bilinear demosaicking, colour matrix, the sRGB curve and the camera's tone curve.
    """
    T, H, W = raw.shape
    codes = np.empty((T, H, W), np.uint16)
    scaled = np.empty((T, H // 2, W // 2), np.float32)
    for k, colour in enumerate(camera.bayer):
        at = (slice(None), slice(k // 2, None, 2), slice(k % 2, None, 2))
        np.multiply(raw[at], np.float32(_WHITE * gain * camera.white_balance["RGB".index(colour)]), out=scaled)
        scaled += np.float32(_BLACK + 0.5)
        np.clip(scaled, 0, 65535, out=scaled)
        codes[at] = scaled
    coloured = np.empty((T, H, W, 3), np.uint16)
    for frame, out in zip(codes, coloured, strict=True):
        cv2.demosaicing(frame, _DEMOSAIC[camera.bayer], dst=out)
    matrix = camera.colour_matrix * (65535 / _WHITE)
    offset = -matrix.sum(1, keepdims=True) * _BLACK
    linear = cv2.transform(coloured.reshape(T * H, W, 3), np.concatenate([matrix, offset], 1))  # clips to 16 bits
    return np.asarray(_CODED[camera.tone][linear], np.float32).reshape(T, H, W, 3)


def sharpen(planes: Planes420, amount: float, radius: float) -> Planes420:
    """Unsharp mask on the luma: y + amount (y - blurred y), Gaussian of standard deviation `radius` pixels."""
    y = np.empty_like(planes.y)
    for frame, out in zip(planes.y, y, strict=True):
        soft = cv2.GaussianBlur(frame, (0, 0), radius)
        cv2.addWeighted(frame, 1 + amount, soft, -amount, 0, dst=out)
    return Planes420(y, planes.uv)


def soften_chroma(planes: Planes420, radius: float) -> Planes420:
    """Chroma blurred by a Gaussian of standard deviation `radius` chroma pixels, as cameras hide colour noise."""
    uv = np.empty_like(planes.uv)
    for frame, out in zip(planes.uv, uv, strict=True):
        cv2.GaussianBlur(frame, (0, 0), radius, dst=out)
    return Planes420(planes.y, uv)


def smear(planes: Planes420, memory: float) -> Planes420:
    """A camera's own recursive noise filter: out(t) = memory out(t-1) + (1 - memory) in(t). Moving things leave trails.

    memory: in [0, 1). The first frame is taken as it is.
    """
    return Planes420(_recursive(planes.y, memory), _recursive(planes.uv, memory))


def _recursive(plane: Floats, memory: float) -> Floats:
    out = np.empty_like(plane)
    out[0] = plane[0]
    for t in range(1, len(plane)):
        cv2.addWeighted(out[t - 1], memory, plane[t], 1 - memory, 0, dst=out[t])
    return out
