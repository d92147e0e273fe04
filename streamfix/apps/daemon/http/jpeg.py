"""Frames as JPEG pictures for a browser, with the right colours and aspect ratio, no larger than asked for."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, cast

import cv2
import numpy as np

from ....frame import Frame
from ....media.picture import convert
from ....media.picture.planes import to_av

if TYPE_CHECKING:
    from numpy.typing import NDArray

Side = Literal["before", "after", "both"]
SIDES: tuple[Side, ...] = ("before", "after", "both")
_LARGEST = 4096  # width or height of a side: browsers show it, and a JPEG can hold two
_ASPECTS = (Fraction(1, 8), Fraction(8))  # a ratio outside is the camera's mistake


def encode(pair: tuple[Frame, Frame], side: Side, width: int | None = None, quality: int = 85) -> bytes:
    """A baseline JPEG (JFIF: full range, BT.601) of the camera's frame, of the restored one, or of both.

    side: "both" is one picture, before on its left half, after on its right half, each as large as after is.
    width: the most a side may be wide. Samples are scaled to square ones. High dynamic range is not mapped.
    """
    before, after = pair
    size = shown_size(before if side == "before" else after, width)
    frames = {"before": (before,), "after": (after,), "both": (before, after)}[side]
    picture = np.hstack([to_bgr(frame, size) for frame in frames])
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


def shown_size(frame: Frame, width: int | None = None) -> tuple[int, int]:
    """(width, height) of a frame in square samples; no wider than `width`."""
    aspect = frame.sample_aspect_ratio or Fraction(1)
    if not _ASPECTS[0] <= aspect <= _ASPECTS[1]:
        aspect = Fraction(1)
    wide, high = frame.width * aspect, Fraction(frame.height)
    shrink = min(Fraction(1), min(width or _LARGEST, _LARGEST) / wide, _LARGEST / high)
    return max(1, round(wide * shrink)), max(1, round(high * shrink))


def to_bgr(frame: Frame, size: tuple[int, int]) -> NDArray[np.uint8]:
    """(height, width, 3) uint8 B'G'R', full range, by the frame's own matrix and range."""
    # A copy: swscale's wrapper marks what it reads, and the encoder may be using the decoder's own frame.
    own = to_av(replace(frame, picture=frame.picture.planes(frame.color), origin=None))
    out = convert.reformat(own, "bgr24", *size, color=frame.color).to_ndarray()
    return cast("NDArray[np.uint8]", out)
