"""Clips that show something in a zone, and the same clips that show something else there."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from streamfix.frame import PixelFormat
from streamfix.media.picture.planes import planar_format

Points = Sequence[tuple[float, float]]
#: A slanted triangle, and a star that crosses itself: its middle is inside.
ZONES: tuple[Points, ...] = (
    ((0.12, 0.1), (0.55, 0.2), (0.31, 0.55)),
    ((0.7, 0.35), (0.83, 0.93), (0.47, 0.57), (0.93, 0.57), (0.57, 0.93)),
)
_FINE = 8  # points on a side of a pixel that are asked whether they are inside


def inside(points: Points, x: NDArray[Any], y: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether points are inside a polygon, by how often its outline goes round them."""
    winding = np.zeros(x.shape, int)
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        left = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
        winding += (y0 <= y) & (y1 > y) & (left > 0)
        winding -= (y0 > y) & (y1 <= y) & (left < 0)
    found: NDArray[np.bool_] = winding != 0
    return found


def touched(zones: Sequence[Points], width: int, height: int) -> NDArray[np.bool_]:
    """Pixels that share a place with a zone, (H, W)."""
    fine = (np.arange(max(width, height) * _FINE) + 0.5) / _FINE
    x, y = np.meshgrid(fine[: width * _FINE] / width, fine[: height * _FINE] / height)
    found = np.zeros((height, width), bool)
    for points in zones:
        found |= inside(points, x, y).reshape(height, _FINE, width, _FINE).any(axis=(1, 3))
    return found


def plane_masks(mask: NDArray[np.bool_], format: PixelFormat) -> list[NDArray[np.bool_]]:
    """Samples of each plane that show one of these pixels."""
    found = []
    for height, width in format.plane_shapes(mask.shape[1], mask.shape[0]):
        y, x = np.nonzero(mask)
        plane = np.zeros((height, width), bool)
        plane[
            y >> (format.log2_h if height < mask.shape[0] else 0), x >> (format.log2_w if width < mask.shape[1] else 0)
        ] = 1
        found.append(plane)
    return found


def show(n: int, mask: NDArray[np.bool_], pix_fmt: str, secret: int) -> av.VideoFrame:
    """Frame n of a moving pattern, and in the mask, noise that follows from `secret`. mask: (H, W) of the picture."""
    format = planar_format(pix_fmt)
    height, width = mask.shape
    made = av.VideoFrame(width, height, format.name)
    random = np.random.default_rng([secret, n])
    for plane, hidden in zip(made.planes, plane_masks(mask, format), strict=True):
        y, x = np.mgrid[: hidden.shape[0], : hidden.shape[1]]
        unit = 1 << (format.depth - 8)
        values = (60 + (x * 3 + y * 5 + n * 7) % 90) * unit
        values[hidden] = random.integers(16, 235, int(hidden.sum())) * unit
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(hidden.shape[0], plane.line_size)
        data = values.astype(np.uint8 if format.depth == 8 else "<u2").view(np.uint8)
        rows[:, : data.shape[1]] = data
    return made if made.format.name == pix_fmt else made.reformat(format=pix_fmt)


def secret_clip(
    path: Path,
    secret: int,
    mask: NDArray[np.bool_],
    *,
    pix_fmt: str = "yuv420p",
    codec: str = "ffv1",
    frames: int = 4,
    rotation: tuple[Any, ...] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write it without loss. mask: of the pictures as they are stored."""
    with av.open(str(path), "w") as out:
        video = out.add_stream(codec, rate=Fraction(25))
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = mask.shape[1], mask.shape[0], pix_fmt
        video.codec_context.options = options or ({"qp": "0", "preset": "ultrafast"} if codec == "libx264" else {})
        if rotation is not None:
            video.set_display_rotation(*rotation)
        for n in range(frames):
            frame = show(n, mask, pix_fmt, secret)
            frame.pts = n
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path
